//! The context of a runner: its inputs, the records of the phase before, and the way to commit its own records.

use std::sync::{Arc, PoisonError};

use phasegate_core::storage::{Output, Progress, RunOutput, Storage, StorageError};
use phasegate_core::{BatchNumber, OutputFacts, RunRef, Ticket};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::panics::caught;
use crate::progress::ProgressBoard;
use crate::runner::{Resources, RunError};

/// How many upstream records are read at once.
const UPSTREAM_PAGE: usize = 1_000;

/// The context of a running attempt. Cloning it is cheap; all clones are the same attempt.
#[derive(Clone)]
pub struct RunContext {
    shared: Arc<AttemptState>,
}

pub(crate) struct AttemptState {
    pub(crate) ticket: Ticket,
    pub(crate) config: Value,
    pub(crate) resources: Resources,
    pub(crate) upstream: Option<RunRef>,
    pub(crate) start: RunOutput,
    pub(crate) cancellation: CancellationToken,
    /// To be cancelled at the first durable progress.
    pub(crate) progressed: CancellationToken,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) board: ProgressBoard,
    pub(crate) handle: Handle,
    pub(crate) written: Mutex<DurableOutput>,
    pub(crate) fault: std::sync::Mutex<Option<StorageError>>,
}

/// The output of the run that is known to be durable, and the batch that is kept for the commit of the outcome.
pub(crate) struct DurableOutput {
    pub(crate) facts: OutputFacts,
    pub(crate) last: Option<Output>,
    /// Whether the outcome is under way, after which nothing is appended.
    pub(crate) is_over: bool,
}

impl AttemptState {
    /// A batch as the store takes it. Its number is set when it is written.
    fn output(&self, batch: Batch) -> Output {
        Output {
            ticket: self.ticket.clone(),
            batch: BatchNumber(0),
            records: batch.records,
            checkpoint: batch.checkpoint,
            progress: batch.progress,
        }
    }

    async fn append(&self, written: &mut DurableOutput, mut output: Output) -> Result<(), RunError> {
        if written.is_over {
            return Err(RunError::Interrupted);
        }
        output.batch = written.facts.batch.next();
        let progress = output.progress;
        let is_progress = !output.records.is_empty() || output.checkpoint.is_some();
        let appended = self.asked(async { self.storage.append(output).await }).await?;
        written.facts.batch = appended.batch;
        written.facts.records = appended.records;
        if is_progress {
            written.facts.progress = appended.batch;
            self.progressed.cancel();
        }
        if let Some(progress) = progress {
            self.board.set(&self.ticket, progress);
        }
        Ok(())
    }

    /// Asks the store, and notes whether it has failed.
    async fn asked<T>(&self, ask: impl Future<Output = Result<T, StorageError>>) -> Result<T, RunError> {
        let answer = caught(ask).await.map_err(RunError::from);
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = match &answer {
            Err(RunError::Storage(error)) => Some(error.clone()),
            _ => None,
        };
        answer
    }

    /// How the store failed when the runner asked it last, if it did.
    pub(crate) fn fault(&self) -> Option<StorageError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the batch that was kept for the commit of the outcome, and how far the run has come before it.
    pub(crate) async fn take_last(&self) -> (Option<Output>, OutputFacts) {
        let mut written = self.written.lock().await;
        written.is_over = true;
        let facts = written.facts;
        let last = written.last.take().map(|output| Output {
            batch: facts.batch.next(),
            ..output
        });
        (last, facts)
    }

    /// Appends the batch that was kept for an outcome which doesn't come.
    pub(crate) async fn append_last(&self) -> Result<(), RunError> {
        let mut written = self.written.lock().await;
        match written.last.take() {
            Some(output) => self.append(&mut written, output).await,
            None => Ok(()),
        }
    }
}

impl RunContext {
    pub(crate) fn state(&self) -> Arc<AttemptState> {
        Arc::clone(&self.shared)
    }

    pub(crate) fn new(shared: AttemptState) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The ticket of this attempt. A deferred phase hands it to the one who will report the outcome.
    pub fn ticket(&self) -> &Ticket {
        &self.shared.ticket
    }

    /// A key for effects outside the store. It is the same for every attempt of this run, and differs from run to run.
    pub fn run_key(&self) -> String {
        let Ticket {
            campaign, phase, run, ..
        } = &self.shared.ticket;
        format!("{campaign}/{phase}/{run}")
    }

    /// The config of this attempt.
    pub fn config(&self) -> &Value {
        &self.shared.config
    }

    /// The resources that the config refers to.
    pub fn resources(&self) -> &Resources {
        &self.shared.resources
    }

    /// The last checkpoint that an earlier attempt of this run committed.
    pub fn checkpoint(&self) -> Option<&Value> {
        self.shared.start.checkpoint.as_ref()
    }

    /// How many records earlier attempts of this run committed.
    pub fn records_before(&self) -> u64 {
        self.shared.start.records
    }

    /// The records of the phase before this one, from the index `from` on. They are none for the first phase.
    pub fn upstream(&self, from: u64) -> Upstream {
        Upstream {
            shared: Arc::clone(&self.shared),
            page: Vec::new().into_iter(),
            index: from,
            next: Some(from),
        }
    }

    /// How many records the phase before this one has.
    ///
    /// # Errors
    ///
    /// [`RunError::Storage`] when the store fails.
    pub async fn upstream_total(&self) -> Result<u64, RunError> {
        let Some(RunRef { phase, run }) = &self.shared.upstream else {
            return Ok(0);
        };
        let (shared, campaign) = (&self.shared, self.shared.ticket.campaign);
        let output = shared
            .asked(async { shared.storage.run_output(campaign, phase, *run).await })
            .await?;
        Ok(output.map_or(0, |output| output.records))
    }

    /// Whether the attempt was asked to come to rest: a pause, a stop, a timeout, a deletion or a shutdown.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancellation.is_cancelled()
    }

    /// Waits until the attempt is asked to come to rest.
    pub async fn cancelled(&self) {
        self.shared.cancellation.cancelled().await;
    }

    /// The token behind [`is_cancelled`](Self::is_cancelled), for libraries that take one.
    pub fn cancellation_token(&self) -> CancellationToken {
        self.shared.cancellation.clone()
    }

    /// Gives up if the attempt was asked to come to rest. Call it between two items of work.
    ///
    /// # Errors
    ///
    /// [`RunError::Interrupted`].
    pub fn ensure_running(&self) -> Result<(), RunError> {
        if self.is_cancelled() {
            Err(RunError::Interrupted)
        } else {
            Ok(())
        }
    }

    /// Appends records, with the checkpoint that covers them, as one unit: durable on return.
    ///
    /// After a crash the next attempt finds either the whole batch with its checkpoint, or nothing of it. An empty batch
    /// writes nothing. A commit also works after a cancellation, so that finished work is not lost.
    ///
    /// # Errors
    ///
    /// [`RunError::Fenced`] when another attempt took over; [`RunError::Excess`] when a record, the checkpoint or the batch is
    /// beyond its [limit](phasegate_core::limits); [`RunError::Storage`] when the store fails. Nothing is written then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future doesn't stop the append. A later commit waits for it.
    pub async fn commit(&self, batch: Batch) -> Result<(), RunError> {
        if batch.is_empty() {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let append = self.shared.handle.spawn(async move {
            let mut written = shared.written.lock().await;
            if let Some(last) = written.last.take() {
                shared.append(&mut written, last).await?;
            }
            let output = shared.output(batch);
            shared.append(&mut written, output).await
        });
        append.await.unwrap_or(Err(RunError::Interrupted))
    }

    /// Keeps a batch for the commit of the outcome, which then writes both as one unit. So the end of a phase needs one commit
    /// instead of two.
    ///
    /// If the runner commits anything else, is interrupted or gives up after that, the batch is appended by itself.
    ///
    /// # Errors
    ///
    /// [`RunError::Excess`] when a record, the checkpoint or the batch is beyond its [limit](phasegate_core::limits), and the
    /// errors of [`commit`](Self::commit) where a batch was kept already: it is appended first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future doesn't stop it. A later commit waits for it.
    pub async fn commit_with_outcome(&self, batch: Batch) -> Result<(), RunError> {
        if batch.is_empty() {
            return Ok(());
        }
        let output = self.shared.output(batch);
        output.check()?;
        let shared = Arc::clone(&self.shared);
        let keep = self.shared.handle.spawn(async move {
            let mut written = shared.written.lock().await;
            if let Some(earlier) = written.last.replace(output) {
                shared.append(&mut written, earlier).await?;
            }
            Ok(())
        });
        keep.await.unwrap_or(Err(RunError::Interrupted))
    }

    /// How many records this run has, those of this attempt included.
    pub async fn records_written(&self) -> u64 {
        let written = self.shared.written.lock().await;
        let kept = written.last.as_ref().map_or(0, |output| output.records.len());
        written.facts.records + kept as u64
    }

    /// Reports how far the run has come. It is cheap, visible at once, and not durable.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        self.shared
            .board
            .set(&self.shared.ticket, Progress { done, total });
    }
}

/// Records, a checkpoint and a progress, to be committed as one unit.
#[derive(Debug, Default)]
pub struct Batch {
    records: Vec<Box<RawValue>>,
    bytes: usize,
    checkpoint: Option<Value>,
    progress: Option<Progress>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record: one JSON value of at most [`MAX_RECORD_BYTES`](phasegate_core::limits::MAX_RECORD_BYTES).
    ///
    /// # Errors
    ///
    /// [`RunError::Failed`] with the code `record_unwritable` when it has no JSON form.
    pub fn push<T: Serialize + ?Sized>(&mut self, record: &T) -> Result<(), RunError> {
        let record = serde_json::value::to_raw_value(record).map_err(|error| {
            RunError::failed("record_unwritable", format!("a record has no JSON form: {error}"))
        })?;
        self.bytes += record.get().len();
        self.records.push(record);
        Ok(())
    }

    /// Sets the resume point that covers everything up to and including these records.
    ///
    /// # Errors
    ///
    /// [`RunError::Failed`] with the code `checkpoint_unwritable` when it has no JSON form.
    pub fn set_checkpoint<T: Serialize + ?Sized>(&mut self, checkpoint: &T) -> Result<(), RunError> {
        let checkpoint = serde_json::to_value(checkpoint).map_err(|error| {
            RunError::failed(
                "checkpoint_unwritable",
                format!("the checkpoint has no JSON form: {error}"),
            )
        })?;
        self.checkpoint = Some(checkpoint);
        Ok(())
    }

    /// Sets how far the run has come with these records.
    pub fn set_progress(&mut self, done: u64, total: Option<u64>) {
        self.progress = Some(Progress { done, total });
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.checkpoint.is_none() && self.progress.is_none()
    }

    /// The size of its records, in bytes of JSON.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The records of the phase before, read page by page.
pub struct Upstream {
    shared: Arc<AttemptState>,
    page: std::vec::IntoIter<Box<RawValue>>,
    index: u64,
    next: Option<u64>,
}

impl Upstream {
    /// The next record with its index, or `None` after the last.
    ///
    /// # Errors
    ///
    /// [`RunError::Storage`] when the store fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no record.
    pub async fn next(&mut self) -> Result<Option<UpstreamRecord>, RunError> {
        loop {
            if let Some(json) = self.page.next() {
                let index = self.index;
                self.index += 1;
                return Ok(Some(UpstreamRecord { index, json }));
            }
            let (Some(RunRef { phase, run }), Some(from)) = (&self.shared.upstream, self.next) else {
                return Ok(None);
            };
            let (shared, campaign) = (&self.shared, self.shared.ticket.campaign);
            let read = async {
                let storage = &shared.storage;
                storage.records(campaign, phase, *run, from, UPSTREAM_PAGE).await
            };
            let page = shared.asked(read).await?;
            self.index = page.from;
            self.next = page.next;
            self.page = page.records.into_iter();
        }
    }
}

/// One record of the phase before.
#[derive(Debug)]
pub struct UpstreamRecord {
    /// Its index among the records of its run, from 0.
    pub index: u64,
    /// Its JSON text.
    pub json: Box<RawValue>,
}

impl UpstreamRecord {
    /// Reads it as a type.
    ///
    /// # Errors
    ///
    /// [`RunError::Failed`] with the code `upstream_unreadable`, which names the record.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, RunError> {
        serde_json::from_str(self.json.get()).map_err(|error| {
            let message = format!("record {} of the phase before can't be read: {error}", self.index);
            RunError::failed("upstream_unreadable", message)
        })
    }
}
