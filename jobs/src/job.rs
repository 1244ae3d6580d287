//! A job, as whoever takes it sees it.

use std::sync::{Arc, Mutex, PoisonError};

use phasegate::{Batch, Failure, FieldProblem, RunContext, RunError, RunOutcome};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::attention::{Attention, Watch};

/// The most records of one page.
const MOST_RECORDS: usize = 10_000;

/// What a job is for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// To run a phase. It is answered by [`Job::end`].
    Run,
    /// To check a config. It is answered by [`Job::problems`].
    Check,
    /// To decide whether a run can continue after its inputs changed. It is answered by [`Job::can_continue`].
    CanContinue,
}

/// Why a job can't do what its worker asks.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// Only a job that runs a phase has records.
    #[error("only a running phase has records")]
    NotARun,
    /// The run refused.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// One page of records.
#[derive(Clone, Debug)]
pub struct RecordPage {
    /// The index of its first record.
    pub from: u64,
    /// The index to continue at; `None` after the last record.
    pub next: Option<u64>,
    /// The records, as JSON.
    pub records: Vec<Box<RawValue>>,
}

/// What a job asks for.
pub(crate) struct JobRequest {
    pub(crate) kind: JobKind,
    pub(crate) pipeline: Arc<str>,
    pub(crate) phase: Arc<str>,
    /// The input of the job.
    pub(crate) input: Value,
    /// The context of a run.
    pub(crate) context: Option<RunContext>,
}

impl JobRequest {
    /// Cancelled when the attempt is asked to come to rest.
    pub(crate) fn cancellation(&self) -> CancellationToken {
        let context = self.context.as_ref();
        context.map_or_else(CancellationToken::new, RunContext::cancellation_token)
    }
}

/// What the worker answered.
pub(crate) enum JobAnswer {
    Run(Result<RunOutcome, RunError>),
    Problems(Vec<FieldProblem>),
    CanContinue(bool),
}

/// One job. A job that is dropped without an answer fails.
pub struct Job {
    request: JobRequest,
    tell: Mutex<Option<oneshot::Sender<JobAnswer>>>,
    ended: CancellationToken,
    attention: Attention,
}

impl Job {
    pub(crate) fn new(
        request: JobRequest,
        tell: oneshot::Sender<JobAnswer>,
        ended: CancellationToken,
    ) -> Self {
        Self {
            request,
            tell: Mutex::new(Some(tell)),
            ended,
            attention: Attention::new(),
        }
    }

    pub(crate) fn watch(&self) -> Watch {
        self.attention.watch()
    }

    /// Takes it for a worker, whose silence counts from now on; gives whether there is still something to do.
    pub(crate) fn take(&self) -> bool {
        self.attention.hear();
        !self.is_ended()
    }

    /// What it is for.
    pub fn kind(&self) -> JobKind {
        self.request.kind
    }

    /// The pipeline of the phase.
    pub fn pipeline(&self) -> &str {
        &self.request.pipeline
    }

    /// The phase.
    pub fn phase(&self) -> &str {
        &self.request.phase
    }

    /// Its input, a JSON object. To run: `ticket`, `runKey`, `config`, `resources` (by kind and id), `checkpoint`,
    /// `recordsBefore`. To check: `config`, `resources`. To go on: `oldConfig`, `newConfig`, `changedResources`, `checkpoint`.
    pub fn input(&self) -> &Value {
        &self.request.input
    }

    /// Answers how the run ended: that the phase completed or failed, that somebody will report its ticket later, or
    /// ([`RunError::Interrupted`]) that it came to rest as requested.
    pub fn end(&self, end: Result<RunOutcome, RunError>) {
        self.tell(JobAnswer::Run(end));
    }

    /// Answers that the work failed, whatever the job is for. A check or a question that fails counts as one without an answer.
    pub fn fail(&self, failure: Failure) {
        self.end(Ok(RunOutcome::Failed(failure)));
    }

    /// Answers with the problems of a config.
    pub fn problems(&self, problems: Vec<FieldProblem>) {
        self.tell(JobAnswer::Problems(problems));
    }

    /// Answers whether the run can continue.
    pub fn can_continue(&self, answer: bool) {
        self.tell(JobAnswer::CanContinue(answer));
    }

    /// The first answer counts, if the job isn't over.
    fn tell(&self, answer: JobAnswer) {
        let tell = self.tell.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tell) = tell {
            let _ = tell.send(answer);
        }
    }

    /// Whether the job is over: it was answered, its attempt ended without it, or its deadline passed.
    pub fn is_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits until the job is over.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Whether its work should come to rest: a pause, a stop, a timeout, a deletion, a shutdown, or the job is over.
    pub fn is_cancelled(&self) -> bool {
        self.is_ended()
            || self
                .request
                .context
                .as_ref()
                .is_some_and(RunContext::is_cancelled)
    }

    /// Waits until its work should come to rest.
    pub async fn cancelled(&self) {
        let asked = async {
            match &self.request.context {
                Some(context) => context.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = asked => {}
            () = self.ended.cancelled() => {}
        }
    }

    /// Tells how far the run has come. It is cheap, not durable, and extends the deadline of the job.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        if let Ok(context) = self.running() {
            self.attention.hear();
            context.progress(done, total);
        }
    }

    /// Appends records with the checkpoint that covers them, as one unit: durable on return. It extends the deadline of the job.
    ///
    /// # Errors
    ///
    /// [`JobError::NotARun`], and those of [`RunContext::commit`]; [`RunError::Fenced`] when the job is over.
    pub async fn commit(&self, batch: Batch) -> Result<(), JobError> {
        let context = self.running()?;
        let _guard = self.attention.commit();
        Ok(context.commit(batch).await?)
    }

    /// One page of the records of the phase before, from the index `from` on, at most `limit` (1 to 10,000).
    ///
    /// # Errors
    ///
    /// [`JobError::NotARun`], [`RunError::Fenced`] when the job is over, or [`RunError::Storage`].
    pub async fn upstream(&self, from: u64, limit: usize) -> Result<RecordPage, JobError> {
        let mut upstream = self.running()?.upstream(from);
        let limit = limit.clamp(1, MOST_RECORDS);
        let mut records = Vec::new();
        while records.len() < limit
            && let Some(record) = upstream.next().await?
        {
            records.push(record.json);
        }
        Ok(RecordPage {
            from,
            next: (records.len() == limit).then(|| from + records.len() as u64),
            records,
        })
    }

    /// How many records the phase before has.
    ///
    /// # Errors
    ///
    /// Those of [`upstream`](Self::upstream).
    pub async fn upstream_total(&self) -> Result<u64, JobError> {
        Ok(self.running()?.upstream_total().await?)
    }

    /// The context of a running phase.
    fn running(&self) -> Result<&RunContext, JobError> {
        match &self.request.context {
            Some(context) if !self.is_ended() => Ok(context),
            Some(_) => Err(RunError::Fenced.into()),
            None => Err(JobError::NotARun),
        }
    }
}
