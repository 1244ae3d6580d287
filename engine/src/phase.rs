//! The typed form of a phase: config, records, checkpoint and summary as Rust types.

use std::marker::PhantomData;

use async_trait::async_trait;
use phasegate_core::{Failure, PhaseDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::{Batch, RunContext, Upstream};
use crate::runner::{FieldProblem, InputChange, PhaseRunner, Resources, RunError, RunOutcome};

/// A phase whose config, records, checkpoint and summary are Rust types.
///
/// [`PipelineBuilder::phase`](crate::PipelineBuilder::phase) makes a [`PhaseRunner`](crate::PhaseRunner) of it. Each method has
/// the contract of the runner's method of the same name.
#[async_trait]
pub trait Phase: Send + Sync + Sized + 'static {
    /// The config, as its schema describes it.
    type Config: DeserializeOwned + Send + Sync;
    /// A record of the phase before; [`serde::de::IgnoredAny`] for a first phase.
    type Input: DeserializeOwned + Send;
    /// A record of this phase.
    type Record: Serialize + Send + Sync;
    /// A resume point.
    type Checkpoint: Serialize + DeserializeOwned + Send + Sync;
    /// The summary of a completed run.
    type Summary: Serialize + Send;

    /// The phase as data: its name, title, and the schema of its config.
    fn definition(&self) -> PhaseDefinition;

    /// Lists the problems of a config that its schema can't express.
    async fn check(&self, config: &Self::Config, resources: &Resources) -> Vec<FieldProblem> {
        let _ = (config, resources);
        Vec::new()
    }

    /// Runs the phase to its end, from the checkpoint if there is one.
    async fn run(&self, ctx: PhaseContext<Self>) -> Result<RunOutcome<Self::Summary>, RunError>;

    /// Whether a failed or stopped run can continue after its inputs changed.
    async fn can_continue(&self, change: InputChange<'_>) -> bool {
        let _ = change;
        false
    }
}

/// The context of a typed phase: a [`RunContext`] with the config and the checkpoint as types.
pub struct PhaseContext<P: Phase> {
    run: RunContext,
    config: P::Config,
    checkpoint: Option<P::Checkpoint>,
}

impl<P: Phase> PhaseContext<P> {
    /// The config of this attempt.
    pub fn config(&self) -> &P::Config {
        &self.config
    }

    /// The last checkpoint that an earlier attempt of this run committed.
    pub fn checkpoint(&self) -> Option<&P::Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// The untyped context, for everything else.
    pub fn run(&self) -> &RunContext {
        &self.run
    }

    /// The records of the phase before, from the index `from` on.
    pub fn upstream(&self, from: u64) -> Inputs<P::Input> {
        Inputs {
            upstream: self.run.upstream(from),
            kind: PhantomData,
        }
    }

    /// Appends records with the checkpoint that covers them: see [`RunContext::commit`].
    ///
    /// # Errors
    ///
    /// Those of [`RunContext::commit`].
    pub async fn commit(
        &self,
        records: &[P::Record],
        checkpoint: &P::Checkpoint,
        done: u64,
        total: Option<u64>,
    ) -> Result<(), RunError> {
        self.run
            .commit(Self::batch(records, checkpoint, done, total)?)
            .await
    }

    /// Keeps the last records, with the checkpoint that covers them, for the commit of the outcome: see
    /// [`RunContext::commit_with_outcome`].
    ///
    /// # Errors
    ///
    /// Those of [`RunContext::commit_with_outcome`].
    pub async fn commit_with_outcome(
        &self,
        records: &[P::Record],
        checkpoint: &P::Checkpoint,
        done: u64,
        total: Option<u64>,
    ) -> Result<(), RunError> {
        let batch = Self::batch(records, checkpoint, done, total)?;
        self.run.commit_with_outcome(batch).await
    }

    fn batch(
        records: &[P::Record],
        checkpoint: &P::Checkpoint,
        done: u64,
        total: Option<u64>,
    ) -> Result<Batch, RunError> {
        let mut batch = Batch::new();
        for record in records {
            batch.push(record)?;
        }
        batch.set_checkpoint(checkpoint)?;
        batch.set_progress(done, total);
        Ok(batch)
    }
}

impl<P: Phase> std::ops::Deref for PhaseContext<P> {
    type Target = RunContext;
    fn deref(&self) -> &RunContext {
        &self.run
    }
}

/// The records of the phase before, as a type.
pub struct Inputs<T> {
    upstream: Upstream,
    kind: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Inputs<T> {
    /// The next record with its index, or `None` after the last.
    ///
    /// # Errors
    ///
    /// [`RunError::Failed`] with the code `upstream_unreadable`, or [`RunError::Storage`].
    pub async fn next(&mut self) -> Result<Option<(u64, T)>, RunError> {
        match self.upstream.next().await? {
            None => Ok(None),
            Some(record) => Ok(Some((record.index, record.read()?))),
        }
    }
}

/// The runner of a typed phase.
pub(crate) struct Typed<P>(pub(crate) P);

fn read_config<P: Phase>(config: &Value) -> Result<P::Config, String> {
    P::Config::deserialize(config)
        .map_err(|error| format!("the config is valid under its schema but can't be read: {error}"))
}

#[async_trait]
impl<P: Phase> PhaseRunner for Typed<P> {
    async fn check(&self, config: &Value, resources: &Resources) -> Vec<FieldProblem> {
        match read_config::<P>(config) {
            Ok(config) => self.0.check(&config, resources).await,
            Err(message) => vec![FieldProblem::new("", "unreadable", message)],
        }
    }

    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        let config = read_config::<P>(ctx.config())
            .map_err(|message| RunError::failed("config_unreadable", message))?;
        let checkpoint = match ctx.checkpoint().map(P::Checkpoint::deserialize).transpose() {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                let message =
                    format!("the checkpoint can't be read: {error}; restart the phase to begin afresh");
                return Err(RunError::failed("checkpoint_unreadable", message));
            }
        };
        Ok(
            match self
                .0
                .run(PhaseContext {
                    run: ctx,
                    config,
                    checkpoint,
                })
                .await?
            {
                RunOutcome::Completed(summary) => match serde_json::to_value(summary) {
                    Ok(summary) => RunOutcome::Completed(summary),
                    Err(error) => {
                        let message = format!("the summary has no JSON form: {error}");
                        RunOutcome::Failed(Failure::new("summary_unwritable", message))
                    }
                },
                RunOutcome::Failed(failure) => RunOutcome::Failed(failure),
                RunOutcome::Deferred(deferred) => RunOutcome::Deferred(deferred),
            },
        )
    }

    async fn can_continue(&self, change: InputChange<'_>) -> bool {
        self.0.can_continue(change).await
    }
}
