//! The one thread that writes. Requests that arrive during the sync of a transaction share the next transaction.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use phasegate_core::Timestamp;
use phasegate_core::storage::StorageError;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::fault::Fault;
use crate::metrics::Metrics;
use crate::open_store::OpenStore;
use crate::write::{Reclaimed, Tables, Write, begin, purge_expired, reclaim_some};

/// A transaction ends when its requests have this many bytes.
const GROUP_BYTES: usize = 16 * 1024 * 1024;
/// A transaction takes at most this many requests.
const GROUP_REQUESTS: usize = 4_096;
/// The least time between two searches for expired keys.
const PURGE_EVERY: Duration = Duration::from_secs(60);

/// A message to the writer.
pub(crate) enum WriterMessage {
    /// A write.
    Write(Box<dyn Request>),
    /// Finish the earlier messages, then release the database.
    Close(oneshot::Sender<Result<(), StorageError>>),
}

/// A queued write, whatever its kind.
pub(crate) trait Request: Send {
    /// Does the write and returns whether it was accepted. A refusal is kept for [`Self::answer`].
    ///
    /// # Errors
    ///
    /// A failure of the database.
    fn apply(&mut self, tables: &mut Tables<'_>, now: Timestamp) -> Result<bool, redb::Error>;
    /// Answers the caller once the outcome of the transaction is known.
    fn answer(self: Box<Self>, outcome: Result<(), StorageError>, metrics: &Metrics);
    /// About how many bytes it writes.
    fn weight(&self) -> usize;
}

/// A write with its caller.
pub(crate) struct Queued<W: Write> {
    pub(crate) write: W,
    pub(crate) weight: usize,
    /// When it was handed to the store.
    pub(crate) since: Instant,
    pub(crate) reply: oneshot::Sender<Result<W::Done, StorageError>>,
    pub(crate) result: Option<Result<W::Done, StorageError>>,
    /// Its share of the memory that queued writes may take.
    pub(crate) _permit: OwnedSemaphorePermit,
}

impl<W: Write> Request for Queued<W> {
    fn apply(&mut self, tables: &mut Tables<'_>, now: Timestamp) -> Result<bool, redb::Error> {
        let result = match self.write.apply(tables, now) {
            Ok(done) => Ok(done),
            Err(Fault::Refused(error)) => Err(error),
            Err(Fault::Broken(error)) => return Err(error),
        };
        let accepted = result.is_ok();
        self.result = Some(result);
        Ok(accepted)
    }

    fn answer(self: Box<Self>, outcome: Result<(), StorageError>, metrics: &Metrics) {
        let result = match outcome {
            Ok(()) => self.result.unwrap_or(Err(StorageError::Closed)),
            Err(error) => Err(error),
        };
        if result.is_ok() {
            metrics.durable(W::KIND, self.since);
        }
        // The caller may have gone away. The write is done nevertheless.
        let _ = self.reply.send(result);
    }

    fn weight(&self) -> usize {
        self.weight
    }
}

/// The state of the writer thread.
pub(crate) struct Writer {
    shared: Arc<OpenStore>,
    queue: Receiver<WriterMessage>,
    /// Whether there may be space to reclaim.
    reclaim: bool,
    purged: Option<Instant>,
    metrics: Metrics,
}

impl Writer {
    pub(crate) fn new(shared: Arc<OpenStore>, queue: Receiver<WriterMessage>, metrics: Metrics) -> Self {
        Self {
            shared,
            queue,
            reclaim: true,
            purged: None,
            metrics,
        }
    }

    /// Writes until the store is closed, or its last handle is gone.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.next() {
            let mut group = Vec::new();
            let closing = self.collect(first, &mut group);
            self.write(group);
            if let Some(reply) = closing {
                let _ = reply.send(self.shared.close());
                return;
            }
        }
        let _ = self.shared.close();
    }

    /// The next message. Does idle work while there is none.
    fn next(&mut self) -> Option<WriterMessage> {
        loop {
            match self.queue.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) if self.idle() => {}
                Err(TryRecvError::Empty) => return self.queue.recv().ok(),
            }
        }
    }

    /// Takes the other queued messages, within bounds. A close ends the group, and its reply is returned.
    fn collect(
        &mut self,
        first: WriterMessage,
        group: &mut Vec<Box<dyn Request>>,
    ) -> Option<oneshot::Sender<Result<(), StorageError>>> {
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                WriterMessage::Close(reply) => return Some(reply),
                WriterMessage::Write(request) => {
                    bytes += request.weight();
                    group.push(request);
                }
            }
            if bytes >= GROUP_BYTES || group.len() >= GROUP_REQUESTS {
                return None;
            }
            next = self.queue.try_recv().ok();
        }
        None
    }

    fn write(&mut self, mut group: Vec<Box<dyn Request>>) {
        if group.is_empty() {
            return;
        }
        let now = (self.shared.clock)();
        let done = self.transaction(|tables| {
            let mut accepted = 0;
            for request in &mut group {
                accepted += usize::from(request.apply(tables, now).map_err(Fault::Broken)?);
            }
            // Without a change there is nothing to sync.
            Ok(tables.changed.then_some(accepted))
        });
        let outcome = match done {
            Ok(synced) => {
                if let Some(writes) = synced {
                    self.metrics.synced(writes);
                }
                Ok(())
            }
            Err(reason) => Err(StorageError::OutcomeUnknown { reason }),
        };
        for request in group {
            request.answer(outcome.clone(), &self.metrics);
        }
        self.reclaim = true;
    }

    /// Does one bounded piece of work that nobody waits for. Returns whether there may be more.
    fn idle(&mut self) -> bool {
        if self.reclaim {
            match self.transaction(reclaim_some) {
                Ok(Reclaimed::Some) => return true,
                Ok(Reclaimed::Nothing) | Err(_) => self.reclaim = false,
            }
        }
        if self.purged.is_none_or(|at| at.elapsed() >= PURGE_EVERY) {
            let now = (self.shared.clock)();
            if let Ok(Reclaimed::Some) = self.transaction(|tables| purge_expired(tables, now)) {
                return true;
            }
            self.purged = Some(Instant::now());
        }
        false
    }

    /// Does `work` in one durable transaction. After a failure nothing is acknowledged until the store is opened anew.
    fn transaction<T>(&self, work: impl FnOnce(&mut Tables<'_>) -> Result<T, Fault>) -> Result<T, String> {
        if let Some(reason) = self.shared.broken() {
            return Err(reason);
        }
        let mut last = 0;
        let done = self.shared.with_database(|database| {
            let txn = begin(database)?;
            let mut tables = Tables::open(&txn)?;
            let done = work(&mut tables);
            let changed = tables.changed;
            last = tables.last;
            drop(tables);
            match done {
                Ok(done) if changed => txn.commit().map(|()| done).map_err(Fault::from),
                done => {
                    txn.abort()?;
                    done
                }
            }
        });
        match done {
            Ok(done) => {
                self.shared.announce(last);
                Ok(done)
            }
            Err(fault) => {
                let reason = match fault {
                    Fault::Refused(error) => error.to_string(),
                    Fault::Broken(error) => error.to_string(),
                };
                self.shared.set_broken(&reason);
                Err(reason)
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
    use phasegate_core::Mode;
    use phasegate_testkit::storage::conformance::Story;
    use redb::backends::InMemoryBackend;
    use tokio::sync::{Semaphore, watch};

    use super::*;
    use crate::format::make_tables;
    use redb::Database;

    /// A queued write of a campaign's creation, and its answer.
    fn creation(
        id: u128,
    ) -> (
        WriterMessage,
        oneshot::Receiver<Result<phasegate_core::storage::Committed, StorageError>>,
    ) {
        let write = Story::new(id).transition(vec![Story::creation("campaign", Mode::StepByStep)]);
        let room = Arc::new(Semaphore::new(1));
        let (reply, answer) = oneshot::channel();
        let queued = Queued {
            weight: write.weight(),
            write,
            since: Instant::now(),
            reply,
            result: None,
            _permit: room.try_acquire_owned().unwrap(),
        };
        (WriterMessage::Write(Box::new(queued)), answer)
    }

    #[test]
    fn writes_that_share_a_sync_are_counted_together_without_those_that_were_refused() {
        let recorder = DebuggingRecorder::new();
        let metrics = metrics::with_local_recorder(&recorder, Metrics::new);
        let database = Database::builder()
            .create_with_backend(InMemoryBackend::new())
            .unwrap();
        make_tables(&database).unwrap();
        let clock = Arc::new(|| Timestamp::from_unix_ms(0));
        let shared = Arc::new(OpenStore::new(database, watch::Sender::new(0), None, clock));
        let (queue, requests) = mpsc::channel();
        let mut answers = Vec::new();
        for id in [1, 2, 1, 3] {
            let (message, answer) = creation(id);
            queue.send(message).unwrap();
            answers.push(answer);
        }
        drop(queue);

        Writer::new(shared, requests, metrics).run();

        let accepted = answers
            .iter_mut()
            .map(|answer| answer.try_recv().unwrap().is_ok());
        assert!(accepted.eq([true, true, false, true]));
        let found = recorder.snapshotter().snapshot().into_vec();
        let sync_writes = found.into_iter().find_map(|(key, _, _, value)| {
            (key.key().name() == "phasegate_store_sync_writes").then_some(value)
        });
        assert_eq!(sync_writes, Some(DebugValue::Histogram(vec![3.0.into()])));
    }
}
