//! The runner of a phase whose work is done as jobs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate::{
    FieldProblem, InputChange, PhaseName, PhaseRunner, Resources, RunContext, RunError, RunOutcome,
};
use serde_json::{Value, json};

use crate::job::{JobAnswer, JobKind, JobRequest};
use crate::queue::{JobEnd, JobQueue};

/// The code of the failure of an attempt whose worker took the job, and was silent for longer than it may be.
pub const JOB_EXPIRED: &str = "job_expired";

/// A phase whose work is done as jobs.
pub struct JobRunner {
    queue: JobQueue,
    pipeline: Arc<str>,
    phase: Arc<str>,
    answers: Vec<JobKind>,
    deadline: Option<Duration>,
}

impl JobRunner {
    /// A phase whose jobs go to a queue, under these names. Without more, only [`JobKind::Run`] is asked of its workers.
    pub fn new(queue: JobQueue, pipeline: &str, phase: &PhaseName) -> Self {
        Self {
            queue,
            pipeline: pipeline.into(),
            phase: phase.as_str().into(),
            answers: Vec::new(),
            deadline: None,
        }
    }

    /// Sets the kinds of jobs that its workers answer besides [`JobKind::Run`]. They get no others.
    #[must_use]
    pub fn answers(mut self, kinds: impl IntoIterator<Item = JobKind>) -> Self {
        self.answers = kinds.into_iter().collect();
        self
    }

    /// Sets how long a worker may be silent: after that the job is taken from it, and the attempt fails with the code
    /// [`JOB_EXPIRED`]. The time begins when the job is taken, and anew with each commit and each progress. It doesn't pass while a
    /// commit is under way, nor once the attempt was asked to come to rest. Checks have a limit of the engine's.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    fn request(&self, kind: JobKind, input: Value, context: Option<RunContext>) -> JobRequest {
        JobRequest {
            kind,
            pipeline: Arc::clone(&self.pipeline),
            phase: Arc::clone(&self.phase),
            input,
            context,
        }
    }

    /// Asks a worker without a context. The engine itself limits the wait for the answer.
    async fn asked(&self, kind: JobKind, input: Value) -> JobEnd {
        self.queue.answer(self.request(kind, input, None), None).await
    }
}

#[async_trait]
impl PhaseRunner for JobRunner {
    async fn check(&self, config: &Value, resources: &Resources) -> Vec<FieldProblem> {
        if !self.answers.contains(&JobKind::Check) {
            return Vec::new();
        }
        let input = json!({ "config": config, "resources": by_kind(resources) });
        match self.asked(JobKind::Check, input).await {
            JobEnd::Answered(JobAnswer::Problems(problems)) => problems,
            _ => vec![FieldProblem::new(
                "",
                "unchecked",
                "its phase did not answer whether it is right",
            )],
        }
    }

    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        let input = json!({
            "ticket": ctx.ticket(),
            "runKey": ctx.run_key(),
            "config": ctx.config(),
            "resources": by_kind(ctx.resources()),
            "checkpoint": ctx.checkpoint(),
            "recordsBefore": ctx.records_before(),
        });
        let cancelled = ctx.cancellation_token();
        let request = self.request(JobKind::Run, input, Some(ctx));
        match self.queue.answer(request, self.deadline).await {
            JobEnd::Answered(JobAnswer::Run(outcome)) => outcome,
            JobEnd::Answered(_) => Err(RunError::failed(
                "invalid_answer",
                "the phase was answered as if it were a check",
            )),
            JobEnd::Expired => Err(RunError::failed(
                JOB_EXPIRED,
                format!(
                    "whoever took the job has neither answered nor told of progress for {} s",
                    self.deadline.unwrap_or_default().as_secs_f64()
                ),
            )),
            // The worker goes away. That doesn't fail the phase.
            JobEnd::Closed => Err(RunError::Interrupted),
            JobEnd::Dropped if cancelled.is_cancelled() || self.queue.is_closed() => {
                Err(RunError::Interrupted)
            }
            JobEnd::Dropped => Err(RunError::failed(
                "abandoned",
                "the phase ended without saying how",
            )),
        }
    }

    async fn can_continue(&self, change: InputChange<'_>) -> bool {
        if !self.answers.contains(&JobKind::CanContinue) {
            return false;
        }
        let input = json!({
            "oldConfig": change.old_config,
            "newConfig": change.new_config,
            "changedResources": change.changed_resources,
            "checkpoint": change.checkpoint,
        });
        matches!(
            self.asked(JobKind::CanContinue, input).await,
            JobEnd::Answered(JobAnswer::CanContinue(true))
        )
    }
}

/// Resources as JSON: documents by kind and id.
fn by_kind(resources: &Resources) -> Value {
    let mut all: BTreeMap<&str, BTreeMap<&str, &Value>> = BTreeMap::new();
    for (resource, document) in resources.iter() {
        all.entry(resource.kind.as_str())
            .or_default()
            .insert(resource.id.as_str(), document);
    }
    json!(all)
}
