//! The one thread that writes. Requests that arrive during the sync of a transaction share the next transaction.
//! The [journal](crate::journal) makes each durable.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use phasegate_core::storage::StorageError;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::fault::{Fault, unavailable};
use crate::journal::Journal;
use crate::leases::Leases;
use crate::metrics::Metrics;
use crate::open_store::OpenStore;
use crate::write::{Group, Reclaimed, Write, purge_expired, reclaim_some};

/// A transaction ends when its requests have this many bytes.
const GROUP_BYTES: usize = 16 * 1024 * 1024;
/// A transaction takes at most this many requests.
const GROUP_REQUESTS: usize = 4_096;
/// From so many writes on that came together, more are waited for.
const SEVERAL: usize = 48;
/// How long more are waited for at once, and how often.
const WAIT: Duration = Duration::from_micros(100);
const MOST_WAITS: usize = 10;
/// The least time between two searches for expired keys.
const PURGE_EVERY: Duration = Duration::from_secs(60);
/// After this long without a write the journal is emptied, so that most kills leave nothing to replay.
const AT_REST: Duration = Duration::from_secs(1);

/// Something to do between two transactions.
type BetweenWork = Box<dyn FnOnce(&mut Leases, &OpenStore) + Send>;

/// A message to the writer.
pub(crate) enum WriterMessage {
    /// A write.
    Write(Box<dyn Request>),
    /// Something to do between two transactions, with the leases as they are then.
    Between(BetweenWork),
    /// Finish the earlier messages, then release the database.
    Close(oneshot::Sender<Result<(), StorageError>>),
}

/// A transaction that failed.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    reason: String,
    /// Whether it may be done all the same.
    in_doubt: bool,
}

/// A queued write, whatever its kind.
pub(crate) trait Request: Send {
    /// Does the write and returns whether it was accepted. A refusal is kept for [`Self::answer`].
    ///
    /// # Errors
    ///
    /// A failure of the database.
    fn apply(&mut self, group: &mut Group<'_>) -> Result<bool, redb::Error>;
    /// Answers the caller once the outcome of the transaction is known.
    fn answer(self: Box<Self>, outcome: Result<(), Failed>, metrics: &Metrics);
    /// About how many bytes it writes.
    fn weight(&self) -> usize;
}

/// What became of a write, and the write itself: its caller's thread takes its memory back sooner than the writer's.
pub(crate) struct Answer<W: Write> {
    pub(crate) result: Result<W::Done, StorageError>,
    _spent: Box<Queued<W>>,
}

/// A write with its caller.
pub(crate) struct Queued<W: Write> {
    pub(crate) write: W,
    pub(crate) weight: usize,
    /// When it was handed to the store.
    pub(crate) since: Instant,
    pub(crate) reply: Option<oneshot::Sender<Answer<W>>>,
    pub(crate) result: Option<Result<W::Done, StorageError>>,
    /// Its share of the memory that queued writes may take, once it has it.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

impl<W: Write> Request for Queued<W> {
    fn apply(&mut self, group: &mut Group<'_>) -> Result<bool, redb::Error> {
        let result = match self.write.apply(group) {
            Ok(done) => Ok(done),
            Err(Fault::Refused(error)) => Err(error),
            Err(Fault::Broken(error)) => return Err(error),
        };
        let accepted = result.is_ok();
        self.result = Some(result);
        Ok(accepted)
    }

    fn answer(mut self: Box<Self>, outcome: Result<(), Failed>, metrics: &Metrics) {
        let result = match outcome {
            Ok(()) => self.result.take().unwrap_or(Err(StorageError::Closed)),
            Err(Failed { reason, in_doubt }) => Err(match self.result.take() {
                Some(Ok(_)) if in_doubt => StorageError::OutcomeUnknown {
                    write: Box::new(self.write.write_ref()),
                    reason,
                },
                _ => unavailable(reason),
            }),
        };
        if result.is_ok() {
            metrics.durable(W::KIND, self.since);
        }
        // It makes room for others now.
        self.permit = None;
        if let Some(reply) = self.reply.take() {
            let _spent = self;
            // The caller may have gone away. The write is done nevertheless.
            let _ = reply.send(Answer { result, _spent });
        }
    }

    fn weight(&self) -> usize {
        self.weight
    }
}

/// The state of the writer thread.
pub(crate) struct Writer {
    shared: Arc<OpenStore>,
    queue: Receiver<WriterMessage>,
    leases: Leases,
    /// The number of the latest event.
    last: u64,
    /// Whether there may be space to reclaim.
    reclaim: bool,
    purged: Option<Instant>,
    metrics: Metrics,
    journal: Journal,
    /// When it last wrote.
    wrote: Instant,
}

impl Writer {
    /// The writer of a store that has just been opened, with the number of its latest event.
    pub(crate) fn new(
        shared: Arc<OpenStore>,
        queue: Receiver<WriterMessage>,
        journal: Journal,
        last: u64,
        metrics: Metrics,
    ) -> Self {
        Self {
            shared,
            queue,
            leases: Leases::none(),
            last,
            reclaim: true,
            purged: None,
            metrics,
            journal,
            wrote: Instant::now(),
        }
    }

    /// Writes until the store is closed, or its last handle is gone.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.next() {
            let mut group = Vec::new();
            let after = self.collect(first, &mut group);
            self.write(group);
            match after {
                Some(WriterMessage::Close(reply)) => {
                    let _ = reply.send(self.close());
                    return;
                }
                Some(WriterMessage::Between(work)) => {
                    work(&mut self.leases, &self.shared);
                    self.shared.waiters.announce_due(self.leases.mark());
                }
                Some(WriterMessage::Write(_)) | None => {}
            }
        }
        let _ = self.close();
    }

    /// Leaves nothing in the journal, and releases the database.
    fn close(&mut self) -> Result<(), StorageError> {
        let emptied = self.empty_journal();
        self.shared.close()?;
        emptied
    }

    /// The next message. Does idle work while there is none.
    fn next(&mut self) -> Option<WriterMessage> {
        loop {
            match self.queue.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) if self.idle() => {}
                Err(TryRecvError::Empty) if self.journal.is_empty() || self.shared.broken().is_some() => {
                    return self.queue.recv().ok();
                }
                Err(TryRecvError::Empty) => match self.queue.recv_timeout(self.until_rest()) {
                    Ok(message) => return Some(message),
                    Err(RecvTimeoutError::Disconnected) => return None,
                    Err(RecvTimeoutError::Timeout) => {
                        let _ = self.empty_journal();
                    }
                },
            }
        }
    }

    /// How long to wait for a write before the journal is emptied.
    fn until_rest(&self) -> Duration {
        AT_REST.saturating_sub(self.wrote.elapsed())
    }

    /// Leaves nothing in the journal of a store that works.
    fn empty_journal(&mut self) -> Result<(), StorageError> {
        if self.shared.broken().is_some() {
            return Ok(());
        }
        let journal = &mut self.journal;
        self.shared.forget_view();
        let emptied = self.shared.with_database(|database| journal.empty(database));
        emptied.map_err(|fault| {
            let error = fault.into_read_error();
            self.shared.set_broken(&error.to_string());
            error
        })
    }

    /// Takes the other queued writes, within bounds. Any other message ends the group, and is returned.
    ///
    /// Where several came together it lets more come, as long as they do: a sync costs more than the wait.
    fn collect(&mut self, first: WriterMessage, group: &mut Vec<Box<dyn Request>>) -> Option<WriterMessage> {
        let mut bytes = 0;
        let mut next = Some(first);
        let (mut seen, mut waits) = (0, MOST_WAITS);
        loop {
            while let Some(message) = next {
                match message {
                    WriterMessage::Write(request) => {
                        bytes += request.weight();
                        group.push(request);
                    }
                    other => return Some(other),
                }
                if bytes >= GROUP_BYTES || group.len() >= GROUP_REQUESTS {
                    return None;
                }
                next = self.queue.try_recv().ok();
            }
            let came = group.len() - seen;
            if waits == 0 || came < SEVERAL {
                return None;
            }
            (seen, waits) = (group.len(), waits - 1);
            std::thread::sleep(WAIT);
            next = self.queue.try_recv().ok();
        }
    }

    fn write(&mut self, mut group: Vec<Box<dyn Request>>) {
        if group.is_empty() {
            return;
        }
        let done = self.transaction(|rows| {
            let mut accepted = 0;
            for request in &mut group {
                accepted += usize::from(request.apply(rows).map_err(Fault::Broken)?);
            }
            Ok(accepted)
        });
        let outcome = done.map(|(writes, synced)| {
            // Without a change there is nothing to sync.
            if synced {
                self.metrics.synced(writes);
            }
        });
        for request in group {
            request.answer(outcome.clone(), &self.metrics);
        }
        self.reclaim = true;
    }

    /// Does one bounded piece of work that nobody waits for. Returns whether there may be more.
    fn idle(&mut self) -> bool {
        if self.reclaim {
            match self.transaction(reclaim_some) {
                Ok((Reclaimed::Some, _)) => return true,
                Ok((Reclaimed::Nothing, _)) | Err(_) => self.reclaim = false,
            }
        }
        if self.purged.is_none_or(|at| at.elapsed() >= PURGE_EVERY) {
            if let Ok((Reclaimed::Some, _)) = self.transaction(purge_expired) {
                return true;
            }
            self.purged = Some(Instant::now());
        }
        false
    }

    /// Does `work` in one durable transaction, and tells whether it had anything to make durable. After a failure nothing is
    /// acknowledged until the store is opened anew.
    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Group<'_>) -> Result<T, Fault>,
    ) -> Result<(T, bool), Failed> {
        let shared = self.shared.clone();
        if let Some(reason) = shared.broken() {
            let in_doubt = false;
            return Err(Failed { reason, in_doubt });
        }
        let (leases, last, journal) = (&mut self.leases, self.last, &mut self.journal);
        let mut in_doubt = false;
        let done = shared.with_database(|database| {
            let before = shared.view(database)?;
            let mut group = Group::new(before, &shared.recent, last, shared.now(), leases);
            let done = work(&mut group)?;
            let ended = group.end();
            if !ended.is_empty() {
                shared.recent.forget(ended.replaced());
                // Nobody reads while redb commits, if it can be helped: it then uses pages again that it has just replaced.
                shared.forget_view();
                let committed = journal.commit(database, &ended, &mut in_doubt);
                shared.forget_view();
                committed?;
            }
            Ok((done, ended))
        });
        match done {
            Ok((done, mut ended)) => {
                self.last = ended.last;
                shared.recent.keep(ended.take_snapshots());
                shared.waiters.announce(ended.last, &ended.grown);
                shared.waiters.announce_due(self.leases.mark());
                if !ended.is_empty() {
                    self.wrote = Instant::now();
                }
                Ok((done, !ended.is_empty()))
            }
            Err(fault) => {
                let reason = match fault {
                    Fault::Refused(error) => error.to_string(),
                    Fault::Broken(error) => error.to_string(),
                };
                shared.set_broken(&reason);
                Err(Failed { reason, in_doubt })
            }
        }
    }
}

/// Closes the database, also after a panic of the writer.
pub(crate) struct CloseAtEnd(pub(crate) Arc<OpenStore>);

impl Drop for CloseAtEnd {
    fn drop(&mut self) {
        let _ = self.0.close();
    }
}

/// Waits for the end of the writer's thread, which releases the database. Every caller waits.
pub(crate) fn join(writer: &std::sync::Mutex<Option<std::thread::JoinHandle<()>>>) {
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(thread) = writer.take() {
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use metrics_util::debugging::{DebugValue, DebuggingRecorder};
    use phasegate_core::{Mode, Timestamp};
    use phasegate_testkit::storage::conformance::Story;
    use redb::backends::InMemoryBackend;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::file::{self, Opened};
    use crate::waiters::Waiters;
    use crate::write::Commit;

    /// A queued write of a campaign's creation, and its answer.
    fn creation(id: u128) -> (WriterMessage, oneshot::Receiver<Answer<Commit>>) {
        let story = Story::new(id);
        let write = Commit::new(story.transition(vec![Story::creation("campaign", Mode::StepByStep)]));
        let room = Arc::new(Semaphore::new(1));
        let (reply, answer) = oneshot::channel();
        let queued = Queued {
            weight: write.weight(),
            write,
            since: Instant::now(),
            reply: Some(reply),
            result: None,
            permit: room.try_acquire_owned().ok(),
        };
        (WriterMessage::Write(Box::new(queued)), answer)
    }

    #[test]
    fn writes_that_share_a_sync_are_counted_together_without_those_that_were_refused() {
        let recorder = DebuggingRecorder::new();
        let metrics = metrics::with_local_recorder(&recorder, Metrics::new);
        let builder = file::builder(1024 * 1024);
        let pages = file::open_pages(InMemoryBackend::new(), "it", &builder, Some(64 * 1024)).unwrap();
        let Opened { database, journal } = pages.replay().unwrap();
        let clock = Arc::new(|| Timestamp::from_unix_ms(0));
        let shared = Arc::new(OpenStore::new(database, Waiters::new(0, 1), None, clock));
        let (queue, requests) = mpsc::channel();
        let mut answers = Vec::new();
        for id in [1, 2, 1, 3] {
            let (message, answer) = creation(id);
            queue.send(message).unwrap();
            answers.push(answer);
        }
        drop(queue);

        Writer::new(shared, requests, journal, 0, metrics).run();

        let accepted = answers
            .iter_mut()
            .map(|answer| answer.try_recv().unwrap().result.is_ok());
        assert!(accepted.eq([true, true, false, true]));
        let found = recorder.snapshotter().snapshot().into_vec();
        let sync_writes = found.into_iter().find_map(|(key, _, _, value)| {
            (key.key().name() == "phasegate_store_sync_writes").then_some(value)
        });
        assert_eq!(sync_writes, Some(DebugValue::Histogram(vec![3.0.into()])));
    }
}
