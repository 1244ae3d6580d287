//! Jobs: the work that a host takes from the engine and answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use phasegate::{
    Batch, Deferred, Failure, FieldProblem, InputChange, PhaseRunner, Resources, RunContext, RunError,
    RunOutcome,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::codes::HostCode;
use crate::error::HostError;
use crate::json;
use crate::runtime::within;
use crate::streams::Page;

/// What a job is for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, uniffi::Enum)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// To run a phase. It is answered by `complete`, `fail`, `defer` or `interrupted`.
    Run,
    /// To check a config. It is answered by `problems`.
    Check,
    /// To decide whether a run can continue after its inputs changed. It is answered by `can_continue`.
    CanContinue,
}

/// The jobs of one engine, from its runners to its host.
pub(crate) struct Jobs {
    sender: mpsc::UnboundedSender<Arc<Job>>,
    receiver: tokio::sync::Mutex<mpsc::UnboundedReceiver<Arc<Job>>>,
    /// Cancelled when the host takes and answers no more jobs.
    pub(crate) closed: CancellationToken,
    handle: Handle,
}

impl Jobs {
    pub(crate) fn new(handle: Handle) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            sender,
            receiver: tokio::sync::Mutex::new(receiver),
            closed: CancellationToken::new(),
            handle,
        }
    }

    /// The next job, or `None` when there are no more.
    pub(crate) async fn next(&self) -> Option<Arc<Job>> {
        let mut receiver = self.receiver.lock().await;
        tokio::select! {
            biased;
            () = self.closed.cancelled() => None,
            job = receiver.recv() => job,
        }
    }

    /// Hands a job to the host, and returns its answer; `None` if the host dropped the job or is gone.
    async fn answer(&self, work: JobRequest) -> Option<JobAnswer> {
        let (tell, answered) = oneshot::channel();
        let ended = CancellationToken::new();
        // The end of this future ends the job.
        let _guard = ended.clone().drop_guard();
        let job = Job {
            handle: self.handle.clone(),
            work,
            tell: Mutex::new(Some(tell)),
            ended,
            process: std::process::id(),
        };
        self.sender.send(Arc::new(job)).ok()?;
        tokio::select! {
            biased;
            answer = answered => answer.ok(),
            () = self.closed.cancelled() => None,
        }
    }
}

/// What a job asks of the host.
struct JobRequest {
    kind: JobKind,
    pipeline: Arc<str>,
    phase: Arc<str>,
    /// The input of the job, as JSON.
    input: Value,
    context: Option<RunContext>,
}

/// What the host answered.
enum JobAnswer {
    Run(Result<RunOutcome, RunError>),
    Problems(Vec<FieldProblem>),
    CanContinue(bool),
}

/// One job for the host. A job that is dropped without an answer fails.
#[derive(uniffi::Object)]
pub struct Job {
    handle: Handle,
    work: JobRequest,
    tell: Mutex<Option<oneshot::Sender<JobAnswer>>>,
    ended: CancellationToken,
    process: u32,
}

#[uniffi::export]
impl Job {
    /// The kind of the job.
    pub fn kind(&self) -> JobKind {
        self.work.kind
    }

    /// The pipeline of the phase.
    pub fn pipeline(&self) -> String {
        self.work.pipeline.to_string()
    }

    /// The phase.
    pub fn phase(&self) -> String {
        self.work.phase.to_string()
    }

    /// Its input, as a JSON object. To run: `ticket`, `runKey`, `config`, `resources` (by kind and id),
    /// `checkpoint`, `recordsBefore`. To check: `config`, `resources`. To go on: `oldConfig`, `newConfig`,
    /// `changedResources`, `checkpoint`.
    pub fn input(&self) -> String {
        self.work.input.to_string()
    }

    /// Answers that the phase completed, with a summary as JSON. An unreadable summary fails the phase, with the code `too_deep` or
    /// `summary_unwritable`.
    pub fn complete(&self, summary: String) {
        let outcome = match json::read("summary", &summary) {
            Ok(summary) => RunOutcome::Completed(summary),
            Err(HostError::Failed { code, reason, .. }) => {
                let code = if code == "too_deep" {
                    "too_deep"
                } else {
                    "summary_unwritable"
                };
                RunOutcome::Failed(Failure::new(code, reason))
            }
        };
        self.tell(JobAnswer::Run(Ok(outcome)));
    }

    /// Answers that the phase failed.
    pub fn fail(&self, code: String, reason: String) {
        self.tell(JobAnswer::Run(Ok(RunOutcome::Failed(Failure::new(code, reason)))));
    }

    /// Answers that somebody will report the ticket later.
    pub fn defer(&self) {
        self.tell(JobAnswer::Run(Ok(RunOutcome::Deferred(Deferred::default()))));
    }

    /// Answers that the phase came to rest as requested.
    pub fn interrupted(&self) {
        self.tell(JobAnswer::Run(Err(RunError::Interrupted)));
    }

    /// Answers with the problems of a config: a JSON array of objects with `pointer`, `keyword` and `message`.
    pub fn problems(&self, problems: String) -> Result<(), HostError> {
        let found: Vec<BTreeMap<String, String>> = json::read("list of problems", &problems)?;
        let text = |problem: &BTreeMap<String, String>, name| problem.get(name).cloned().unwrap_or_default();
        let found = found
            .iter()
            .map(|one| FieldProblem::new(text(one, "pointer"), text(one, "keyword"), text(one, "message")))
            .collect();
        self.tell(JobAnswer::Problems(found));
        Ok(())
    }

    /// Answers whether the run can continue.
    pub fn can_continue(&self, answer: bool) {
        self.tell(JobAnswer::CanContinue(answer));
    }

    /// Whether the job is over: it was answered, or the phase ended without an answer.
    pub fn is_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits until the job is over.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Whether the phase was asked to come to rest: a pause, a stop, a timeout, a deletion or a shutdown.
    pub fn is_cancelled(&self) -> bool {
        self.ended.is_cancelled() || self.work.context.as_ref().is_some_and(RunContext::is_cancelled)
    }

    /// Waits until the phase is asked to come to rest, or has ended.
    pub async fn cancelled(&self) {
        let asked = async {
            match &self.work.context {
                Some(context) => context.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = asked => {}
            () = self.ended.cancelled() => {}
        }
    }

    /// Reports how far the run has come. It is cheap, and not durable.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        if let Some(context) = &self.work.context
            && !self.ended.is_cancelled()
        {
            context.progress(done, total);
        }
    }

    /// Appends records (a JSON array) with the checkpoint that covers them, as one unit: durable on return.
    pub async fn commit(
        &self,
        records: String,
        checkpoint: Option<String>,
        done: Option<u64>,
        total: Option<u64>,
    ) -> Result<(), HostError> {
        let context = self.running()?;
        let records = json::records(&records)?;
        let mut batch = Batch::new();
        for record in &records {
            batch.push(record)?;
        }
        if let Some(checkpoint) = checkpoint {
            batch.set_checkpoint::<Value>(&json::read("checkpoint", &checkpoint)?)?;
        }
        if let Some(done) = done {
            batch.set_progress(done, total);
        }
        within(self.handle.clone(), context.commit(batch)).await?;
        Ok(())
    }

    /// One page of the records of the phase before, from the index `from` on, at most `limit` (1 to 10,000).
    pub async fn upstream(&self, from: u64, limit: u32) -> Result<Page, HostError> {
        let context = self.running()?;
        let limit = limit.clamp(1, 10_000) as usize;
        let mut upstream = context.upstream(from);
        let page = async {
            let mut records: Vec<Box<RawValue>> = Vec::new();
            while records.len() < limit
                && let Some(record) = upstream.next().await?
            {
                records.push(record.json);
            }
            Ok::<_, RunError>(records)
        };
        let records = within(self.handle.clone(), page).await?;
        let next = (records.len() == limit).then(|| from + records.len() as u64);
        Ok(Page {
            from,
            next,
            records: json::array(records.iter().map(AsRef::as_ref)),
        })
    }

    /// How many records the phase before has.
    pub async fn upstream_total(&self) -> Result<u64, HostError> {
        let context = self.running()?;
        Ok(within(self.handle.clone(), context.upstream_total()).await?)
    }
}

impl Job {
    fn tell(&self, answer: JobAnswer) {
        let tell = self.tell.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tell) = tell {
            // The job may be over; then the answer doesn't count.
            let _ = tell.send(answer);
        }
    }

    /// The context of a running phase.
    fn running(&self) -> Result<&RunContext, HostError> {
        if !crate::runtime::is_process(self.process) {
            return Err(crate::error::forked());
        }
        match &self.work.context {
            Some(context) if !self.ended.is_cancelled() => Ok(context),
            Some(_) => Err(RunError::Fenced.into()),
            None => Err(HostError::plain(
                HostCode::InvalidArgument,
                "only a running phase has records",
            )),
        }
    }
}

/// A phase that the host runs.
pub(crate) struct HostRunner {
    jobs: Arc<Jobs>,
    pipeline: Arc<str>,
    phase: Arc<str>,
    /// The kinds of jobs that its host answers besides [`JobKind::Run`]. It gets no others.
    answers: Vec<JobKind>,
}

impl HostRunner {
    pub(crate) fn new(jobs: Arc<Jobs>, pipeline: &str, phase: &str, answers: Vec<JobKind>) -> Self {
        Self {
            jobs,
            pipeline: pipeline.into(),
            phase: phase.into(),
            answers,
        }
    }

    fn work(&self, kind: JobKind, input: Value, context: Option<RunContext>) -> JobRequest {
        JobRequest {
            kind,
            pipeline: Arc::clone(&self.pipeline),
            phase: Arc::clone(&self.phase),
            input,
            context,
        }
    }

    /// Asks the host without a context. The engine itself limits the wait for the answer.
    async fn asked(&self, kind: JobKind, input: Value) -> Option<JobAnswer> {
        self.jobs.answer(self.work(kind, input, None)).await
    }
}

#[async_trait]
impl PhaseRunner for HostRunner {
    async fn check(&self, config: &Value, resources: &Resources) -> Vec<FieldProblem> {
        if !self.answers.contains(&JobKind::Check) {
            return Vec::new();
        }
        let input = json!({ "config": config, "resources": by_kind(resources) });
        match self.asked(JobKind::Check, input).await {
            Some(JobAnswer::Problems(problems)) => problems,
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
        match self.jobs.answer(self.work(JobKind::Run, input, Some(ctx))).await {
            Some(JobAnswer::Run(outcome)) => outcome,
            Some(_) => Err(RunError::failed(
                "invalid_answer",
                "the phase was answered as if it were a check",
            )),
            // The host goes away. That doesn't fail the phase.
            None if cancelled.is_cancelled() || self.jobs.closed.is_cancelled() => Err(RunError::Interrupted),
            None => Err(RunError::failed(
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
            Some(JobAnswer::CanContinue(true))
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
