//! Four phases that write as many records as their config says, and hold where it says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use phasegate::core::{PhaseDefinition, PhaseName};
use phasegate::{
    Batch, Failure, FieldProblem, OnSkip, PhaseRunner, Pipeline, ResourceProbe, Resources, RunContext,
    RunError, RunOutcome,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

pub const PHASES: [&str; 4] = ["collect", "sort", "count", "send"];

/// Where phases hold until they are let go.
pub struct Gate(Semaphore, AtomicUsize);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0), AtomicUsize::new(0))
    }
}

impl Gate {
    /// Lets one phase go.
    pub fn open(&self) {
        self.0.add_permits(1);
    }

    /// How often a note was probed.
    pub fn probes(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

/// A config that writes `records` records.
pub fn config(records: u64) -> Value {
    json!({ "records": records })
}

/// The pipeline `letters`, with the kind of resources `note`.
pub fn pipeline(gate: &Arc<Gate>) -> Pipeline {
    pipeline_of("letters", &PHASES, gate)
}

/// A pipeline of these phases.
pub fn pipeline_of(id: &str, phases: &[&str], gate: &Arc<Gate>) -> Pipeline {
    let builder = Pipeline::builder(id).title("Letters").resource_kind(
        "note",
        "Note",
        json!({
            "type": "object",
            "properties": {
                "text": { "type": "string", "minLength": 1 },
                "enabled": { "type": "boolean" },
                "password": { "type": "string", "minLength": 3, "writeOnly": true }
            },
            "required": ["text"],
            "additionalProperties": false
        }),
    );
    let builder = builder
        .resource_kind("stone", "Stone", json!({ "type": "object" }))
        .probe("note", Echo(Arc::clone(gate)));
    phases
        .iter()
        .fold(builder, |builder, name| {
            let definition = PhaseDefinition::new(
                PhaseName::new(name).expect("a valid name"),
                json!({
                    "type": "object",
                    "properties": {
                        "records": { "type": "integer", "minimum": 0, "maximum": 100_000 },
                        "hold": { "type": "boolean" },
                        "fail": { "type": "boolean" },
                        "stubborn": { "type": "boolean" },
                        "pad": { "type": "string" },
                        "noteId": { "type": "string", "x-phasegate-resource": "note" }
                    },
                    "required": ["records"],
                    "additionalProperties": false
                }),
            )
            .title(*name)
            .on_skip(match *name {
                "sort" | "count" => OnSkip::PassThrough,
                _ => OnSkip::Forbidden,
            });
            builder.runner(definition, Writer(Arc::clone(gate)))
        })
        .build()
        .expect("a valid pipeline")
}

struct Writer(Arc<Gate>);

#[async_trait]
impl PhaseRunner for Writer {
    async fn check(&self, config: &Value, _: &Resources) -> Vec<FieldProblem> {
        match config["records"].as_u64() {
            Some(13) => vec![FieldProblem::new(
                "/records",
                "unlucky",
                "13 is an unlucky number",
            )],
            _ => Vec::new(),
        }
    }

    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        let config = ctx.config().clone();
        let total = config["records"].as_u64().unwrap_or(0);
        let mut done = ctx.records_before();
        while done < total {
            ctx.ensure_running()?;
            let mut batch = Batch::new();
            for index in done..total.min(done + 1_000) {
                let pad = &config["pad"];
                batch.push(&json!({ "index": index, "name": format!("n{index}, \"{}\"", index % 7), "even": index % 2 == 0, "pad": pad }))?;
            }
            done = total.min(done + 1_000);
            batch.set_progress(done, Some(total));
            ctx.commit(batch).await?;
        }
        if config["hold"] == true {
            let cancelled = ctx.cancellation_token();
            tokio::select! {
                () = cancelled.cancelled(), if config["stubborn"] != true => return Err(RunError::Interrupted),
                permit = self.0.0.acquire() => permit.expect("the gate is never closed").forget(),
            }
        }
        if config["fail"] == true {
            return Err(RunError::failed("asked_to", "the config asked for it"));
        }
        Ok(RunOutcome::Completed(json!({ "written": total })))
    }
}

/// Says what the note says, and how often it was asked.
struct Echo(Arc<Gate>);

#[async_trait]
impl ResourceProbe for Echo {
    fn input_schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": { "to": { "type": "string", "minLength": 1 } },
            "required": ["to"],
            "additionalProperties": false
        })
    }

    async fn probe(&self, document: &Value, input: &Value) -> Result<Value, Failure> {
        let count = self.0.1.fetch_add(1, Ordering::SeqCst) + 1;
        match input["to"].as_str() {
            Some("nobody") => Err(Failure::new("unreachable", "nobody is there")),
            to => Ok(json!({ "to": to, "text": document["text"], "count": count })),
        }
    }
}
