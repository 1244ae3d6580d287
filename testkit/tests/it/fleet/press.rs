//! A pipeline whose phases do all that a phase may do: batches, failures and retries, answers with a deadline, a runner that heeds
//! nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::{PhaseDefinition, PhaseName};
use phasegate::{
    Batch, Deferred, Failure, InputChange, OnSkip, PhaseRunner, Pipeline, RetryPolicy, RunContext, RunError,
    RunOutcome,
};
use phasegate_testkit::Simulation;
use serde_json::{Value, json};

/// Commits `count` numbers, two a batch, and takes its time for each.
struct Collect {
    /// Counts the batches of all runs, and stands in their records; without it the records are the same each time.
    made: Option<Arc<AtomicU64>>,
}

#[async_trait]
impl PhaseRunner for Collect {
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        let count = ctx.config()["count"].as_u64().unwrap_or(0);
        let mut next = ctx.checkpoint().and_then(Value::as_u64).unwrap_or(0);
        while next < count {
            ctx.ensure_running()?;
            tokio::time::sleep(Duration::from_millis(300)).await;
            let mut batch = Batch::new();
            let made = self.made.as_ref().map(|made| made.fetch_add(1, Ordering::SeqCst));
            let end = count.min(next + 2);
            for number in next..end {
                batch.push(&json!({ "number": number, "press": ctx.resources().get("press", "first"), "made": made }))?;
            }
            batch.set_checkpoint(&end)?;
            match end == count {
                true => ctx.commit_with_outcome(batch).await?,
                false => ctx.commit(batch).await?,
            }
            next = end;
        }
        Ok(RunOutcome::Completed(json!({ "count": count })))
    }

    async fn can_continue(&self, change: InputChange<'_>) -> bool {
        change.old_config["count"] == change.new_config["count"] && change.changed_resources.is_empty()
    }
}

/// Doubles each record, one a batch, and fails now and then.
struct Double;

#[async_trait]
impl PhaseRunner for Double {
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        let begins = ctx.records_before();
        let mut upstream = ctx.upstream(begins);
        while let Some(record) = upstream.next().await? {
            ctx.ensure_running()?;
            tokio::time::sleep(Duration::from_millis(150)).await;
            if record.index == begins + 1 && ctx.ticket().attempt.0 % 2 == 1 {
                return Ok(RunOutcome::Failed(Failure::new("flaky", "it fails now and then")));
            }
            let read: Value = record.read()?;
            let mut batch = Batch::new();
            batch.push(&json!({ "double": read["number"].as_u64().map(|number| 2 * number) }))?;
            batch.set_checkpoint(&(record.index + 1))?;
            ctx.commit(batch).await?;
        }
        Ok(RunOutcome::Completed(Value::Null))
    }
}

/// Leaves the outcome to somebody, who has some seconds.
struct Approve;

#[async_trait]
impl PhaseRunner for Approve {
    async fn run(&self, _: RunContext) -> Result<RunOutcome, RunError> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(RunOutcome::Deferred(Deferred {
            note: Some("may it be shipped?".to_owned()),
            form: Some(json!({ "type": "object", "required": ["ok"] })),
            deadline_ms: Some(9_000),
        }))
    }
}

/// Works for two seconds, whatever it is asked meanwhile.
struct Ship;

#[async_trait]
impl PhaseRunner for Ship {
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut batch = Batch::new();
        batch.push(&"shipped")?;
        if ctx.records_before() == 0 {
            ctx.commit(batch).await?;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(RunOutcome::Completed(json!("shipped")))
    }
}

fn definition(name: &str) -> PhaseDefinition {
    let schema = json!({
        "type": "object",
        "properties": {
            "count": { "type": "integer", "minimum": 0 },
            "pressId": { "type": "string", "x-phasegate-resource": "press" }
        },
        "required": ["count"],
        "additionalProperties": false
    });
    PhaseDefinition::new(PhaseName::new(name).expect("a valid name"), schema)
}

/// The pipeline.
pub fn press() -> Pipeline {
    pipeline(None)
}

/// The pipeline, whose first phase makes other records each time.
pub fn press_with(made: Arc<AtomicU64>) -> Pipeline {
    pipeline(Some(made))
}

fn pipeline(made: Option<Arc<AtomicU64>>) -> Pipeline {
    let soon = RetryPolicy {
        initial_delay_ms: 1_000,
        max_delay_ms: 4_000,
        ..RetryPolicy::new(4)
    };
    Pipeline::builder("press")
        .resource_kind("press", "Press", json!({ "type": "object" }))
        .runner(definition("a_collect").max_recoveries(3), Collect { made })
        .runner(
            definition("b_double")
                .retry(soon.clone())
                .on_skip(OnSkip::PassThrough),
            Double,
        )
        .runner(definition("c_approve").on_skip(OnSkip::Empty), Approve)
        .runner(
            definition("d_ship").retry(soon).timeout(Duration::from_secs(20)),
            Ship,
        )
        .build()
        .expect("a valid pipeline")
}

/// Its simulation.
pub fn simulation() -> Simulation {
    simulation_of(press)
}

/// The simulation of a pipeline with these phases.
pub fn simulation_of(pipeline: impl Fn() -> Pipeline + Send + Sync + 'static) -> Simulation {
    Simulation::of(pipeline)
        .resource("press", "first", json!({ "size": 1 }))
        .config("a_collect", json!({ "count": 5, "pressId": "first" }))
        .config("a_collect", json!({ "count": 60 }))
        .config("a_collect", json!({ "count": 2 }))
        .config("b_double", json!({ "count": 1 }))
        .config("b_double", json!({ "count": 2, "pressId": "first" }))
        .config("c_approve", json!({ "count": 1 }))
        .config("d_ship", json!({ "count": 1 }))
        .wrong_config("a_collect", json!({ "count": -1 }))
        .wrong_config("b_double", json!({ "count": 1, "pressId": "second" }))
        .answer("c_approve", json!({ "ok": true }))
        .same_records()
}
