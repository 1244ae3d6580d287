//! A phase on its own, with what it works on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::{PhaseDefinition, PhaseName};
use phasegate::{
    Batch, FieldProblem, InputChange, PhaseRunner, Pipeline, Resources, RunContext, RunError, RunOutcome,
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

/// How many upstream records are committed at once.
const UPSTREAM_BATCH: usize = 1_000;

/// A phase of a pipeline, to be run on its own: its config, its resources, and the records that it reads.
#[derive(Clone)]
pub struct PhaseCase {
    pipeline: Pipeline,
    pub(super) phase: PhaseName,
    pub(super) config: Value,
    pub(super) resources: Vec<(String, String, Value)>,
    upstream: Vec<Box<RawValue>>,
    pub(super) rests_within: Duration,
    pub(super) same_summary: bool,
    pub(super) commits_nothing: bool,
}

impl PhaseCase {
    /// A phase of `pipeline`, with an empty config and nothing to read.
    ///
    /// # Panics
    ///
    /// When the pipeline has no such phase.
    pub fn of(pipeline: Pipeline, phase: &str) -> Self {
        let known = pipeline.phases().iter().find(|one| one.as_str() == phase);
        let phase = known
            .unwrap_or_else(|| panic!("{pipeline:?} has no phase {phase}"))
            .clone();
        Self {
            pipeline,
            phase,
            config: json!({}),
            resources: Vec::new(),
            upstream: Vec::new(),
            rests_within: Duration::from_secs(1),
            same_summary: false,
            commits_nothing: false,
        }
    }

    /// Sets its config, which must be valid.
    #[must_use]
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// Adds a resource.
    #[must_use]
    pub fn resource(mut self, kind: &str, id: &str, document: Value) -> Self {
        self.resources.push((kind.to_owned(), id.to_owned(), document));
        self
    }

    /// Sets the records of the phase before.
    ///
    /// # Panics
    ///
    /// When a record has no JSON form.
    #[must_use]
    pub fn upstream<T: Serialize>(mut self, records: impl IntoIterator<Item = T>) -> Self {
        let raw = |record: T| to_raw_value(&record).expect("a record has a JSON form");
        self.upstream = records.into_iter().map(raw).collect();
        self
    }

    /// Sets how long a cancelled run may take to come to rest; 1 s unless it is set.
    #[must_use]
    pub fn rests_within(mut self, limit: Duration) -> Self {
        self.rests_within = limit;
        self
    }

    /// Says that the summary is the same after a kill, too.
    #[must_use]
    pub fn same_summary(mut self) -> Self {
        self.same_summary = true;
        self
    }

    /// Says that a run commits nothing, and is there for its summary alone. Without this, such a run is taken for a case that lacks upstream
    /// records or a config: there would be no commit to disturb it at, and all tests would pass.
    #[must_use]
    pub fn commits_nothing(mut self) -> Self {
        self.commits_nothing = true;
        self
    }

    /// How many records it reads.
    pub(super) fn upstream_total(&self) -> u64 {
        self.upstream.len() as u64
    }

    /// The phase whose records it reads, in [`alone`](Self::alone).
    pub(super) fn source(&self) -> PhaseName {
        let name = match self.phase.as_str() {
            "source" => "source_before",
            _ => "source",
        };
        PhaseName::new(name).expect("a valid name")
    }

    /// A pipeline of two phases: one that makes the upstream records, and this one.
    pub(super) fn alone(&self) -> Pipeline {
        let definition = self.pipeline.definition();
        let mut builder = Pipeline::builder(definition.id.as_str());
        for kind in &definition.resource_kinds {
            builder = builder.resource_kind(&kind.kind, kind.title.as_str(), kind.schema.clone());
        }
        let phase = definition
            .phases
            .iter()
            .find(|phase| phase.name == self.phase)
            .expect("looked up when the case was made");
        let runner = self
            .pipeline
            .runner(&self.phase)
            .expect("each phase has a runner");
        builder
            .runner(
                PhaseDefinition::new(self.source(), json!({ "type": "object" })),
                Source(self.upstream.clone()),
            )
            .runner(phase.clone(), Alone(runner))
            .build()
            .expect("the definition of its phase was built before")
    }
}

/// Makes the upstream records.
struct Source(Vec<Box<RawValue>>);

#[async_trait]
impl PhaseRunner for Source {
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        for records in self.0.chunks(UPSTREAM_BATCH) {
            let mut batch = Batch::new();
            for record in records {
                batch.push(record)?;
            }
            ctx.commit(batch).await?;
        }
        Ok(RunOutcome::Completed(Value::Null))
    }
}

struct Alone(Arc<dyn PhaseRunner>);

#[async_trait]
impl PhaseRunner for Alone {
    async fn check(&self, config: &Value, resources: &Resources) -> Vec<FieldProblem> {
        self.0.check(config, resources).await
    }

    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        self.0.run(ctx).await
    }

    async fn can_continue(&self, change: InputChange<'_>) -> bool {
        self.0.can_continue(change).await
    }
}
