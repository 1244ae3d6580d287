//! Jobs as a host sees them. Everything delegates to [`phasegate_jobs::Job`].

use std::collections::BTreeMap;
use std::sync::Arc;

use phasegate::{Batch, Deferred, Failure, FieldProblem, RunError, RunOutcome};
use phasegate_jobs::JobKind;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::error::{HostError, forked};
use crate::json;
use crate::runtime::{is_process, within};
use crate::streams::Page;

/// What a job is for.
#[uniffi::remote(Enum)]
pub enum JobKind {
    /// To run a phase. It is answered by `complete`, `fail`, `defer` or `interrupted`.
    Run,
    /// To check a config. It is answered by `problems`.
    Check,
    /// To decide whether a run can continue after its inputs changed. It is answered by `can_continue`.
    CanContinue,
}

/// One job for the host. A job that is dropped without an answer fails, and so does one that its deadline takes from the host.
#[derive(uniffi::Object)]
pub struct Job {
    job: Arc<phasegate_jobs::Job>,
    handle: Handle,
    process: u32,
}

impl Job {
    pub(crate) fn new(job: Arc<phasegate_jobs::Job>, handle: Handle) -> Self {
        Self {
            job,
            handle,
            process: std::process::id(),
        }
    }

    fn alive(&self) -> Result<&phasegate_jobs::Job, HostError> {
        is_process(self.process).then_some(&*self.job).ok_or_else(forked)
    }
}

#[uniffi::export]
impl Job {
    /// The kind of the job.
    pub fn kind(&self) -> JobKind {
        self.job.kind()
    }

    /// The pipeline of the phase.
    pub fn pipeline(&self) -> String {
        self.job.pipeline().to_owned()
    }

    /// The phase.
    pub fn phase(&self) -> String {
        self.job.phase().to_owned()
    }

    /// Its input, as a JSON object. To run: `ticket`, `runKey`, `config`, `resources` (by kind and id),
    /// `checkpoint`, `recordsBefore`. To check: `config`, `resources`. To go on: `oldConfig`, `newConfig`,
    /// `changedResources`, `checkpoint`.
    pub fn input(&self) -> String {
        self.job.input().to_string()
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
        self.job.end(Ok(outcome));
    }

    /// Answers that the phase failed.
    pub fn fail(&self, code: String, reason: String) {
        self.job.fail(Failure::new(code, reason));
    }

    /// Answers that somebody will report the ticket later.
    pub fn defer(&self) {
        self.job.end(Ok(RunOutcome::Deferred(Deferred::default())));
    }

    /// Answers that the phase came to rest as requested.
    pub fn interrupted(&self) {
        self.job.end(Err(RunError::Interrupted));
    }

    /// Answers with the problems of a config: a JSON array of objects with `pointer`, `keyword` and `message`.
    pub fn problems(&self, problems: String) -> Result<(), HostError> {
        let found: Vec<BTreeMap<String, String>> = json::read("list of problems", &problems)?;
        let text = |problem: &BTreeMap<String, String>, name| problem.get(name).cloned().unwrap_or_default();
        let found = found
            .iter()
            .map(|one| FieldProblem::new(text(one, "pointer"), text(one, "keyword"), text(one, "message")))
            .collect();
        self.job.problems(found);
        Ok(())
    }

    /// Answers whether the run can continue.
    pub fn can_continue(&self, answer: bool) {
        self.job.can_continue(answer);
    }

    /// Whether the job is over: it was answered, the phase ended without an answer, or its deadline passed.
    pub fn is_ended(&self) -> bool {
        self.job.is_ended()
    }

    /// Waits until the job is over.
    pub async fn ended(&self) {
        self.job.ended().await;
    }

    /// Whether the phase was asked to come to rest (a pause, a stop, a timeout, a deletion or a shutdown), or the job is over.
    pub fn is_cancelled(&self) -> bool {
        self.job.is_cancelled()
    }

    /// Waits until the phase is asked to come to rest, or has ended.
    pub async fn cancelled(&self) {
        self.job.cancelled().await;
    }

    /// Reports how far the run has come. It is cheap, not durable, and extends the deadline of the job.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        self.job.progress(done, total);
    }

    /// Appends records (a JSON array) with the checkpoint that covers them, as one unit: durable on return. It extends the deadline
    /// of the job.
    pub async fn commit(
        &self,
        records: String,
        checkpoint: Option<String>,
        done: Option<u64>,
        total: Option<u64>,
    ) -> Result<(), HostError> {
        let job = self.alive()?;
        let mut batch = Batch::new();
        for record in &json::records(&records)? {
            batch.push(record)?;
        }
        if let Some(checkpoint) = checkpoint {
            batch.set_checkpoint::<Value>(&json::read("checkpoint", &checkpoint)?)?;
        }
        if let Some(done) = done {
            batch.set_progress(done, total);
        }
        Ok(within(self.handle.clone(), job.commit(batch)).await?)
    }

    /// One page of the records of the phase before, from the index `from` on, at most `limit` (1 to 10,000).
    pub async fn upstream(&self, from: u64, limit: u32) -> Result<Page, HostError> {
        let page = self.alive()?.upstream(from, limit as usize);
        let page = within(self.handle.clone(), page).await?;
        Ok(Page {
            from: page.from,
            next: page.next,
            records: json::array(page.records.iter().map(AsRef::as_ref)),
        })
    }

    /// How many records the phase before has.
    pub async fn upstream_total(&self) -> Result<u64, HostError> {
        let total = self.alive()?.upstream_total();
        Ok(within(self.handle.clone(), total).await?)
    }
}
