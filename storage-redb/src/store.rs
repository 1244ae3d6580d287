//! The store: the implementation of the port.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Instant;

use async_trait::async_trait;
use phasegate_core::storage::{
    Appended, CampaignPage, CampaignQuery, Claim, Committed, Cursor, EventPage, EventScope, IdempotencyEntry,
    IdempotencyKey, Output, RecordPage, Resource, ResourceWrite, RunOutput, Storage, StorageError,
    Transition,
};
use phasegate_core::{
    Campaign, CampaignId, CommitId, OwnerId, PhaseName, ResourceId, ResourceKind, ResourceRef, Revision, Run,
    Ticket, Version,
};
use redb::{Database, ReadTransaction, StorageBackend};
use serde_json::Value;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::fault::{Fault, unavailable};
use crate::lookup;
use crate::metrics::Metrics;
use crate::open::Options;
use crate::open_store::{Clock, OpenStore};
use crate::read;
use crate::tables;
use crate::values::{cursor, place};
use crate::write::Write;
use crate::writer::{self, CloseAtEnd, Queued, Writer, WriterMessage};

/// The memory for queued writes, in KiB. Further writes wait.
const QUEUE_KIB: usize = 64 * 1024;

/// A store in one redb file. Clones are handles of the same store.
///
/// # Durability
///
/// Acknowledged writes survive a kill and a power loss. Writes that arrive during a sync share the next one.
///
/// # Closing
///
/// [`close`](Storage::close), or dropping the last handle, finishes the queued writes and releases the file, and waits for
/// that. Neither using nor closing the store needs an async runtime.
#[derive(Clone)]
pub struct RedbStorage {
    inner: Arc<StoreHandle>,
}

/// What the clones of a store share: the open store, the queue of its writer, and the writer's thread.
struct StoreHandle {
    shared: Arc<OpenStore>,
    queue: Mutex<Option<mpsc::Sender<WriterMessage>>>,
    room: Arc<Semaphore>,
    latest: watch::Receiver<u64>,
    writer: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl fmt::Debug for RedbStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStorage")
            .field("path", &self.inner.shared.path)
            .finish_non_exhaustive()
    }
}

impl Drop for StoreHandle {
    fn drop(&mut self) {
        self.shared.begin_closing();
        self.queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        writer::join(&self.writer);
    }
}

impl StoreHandle {
    fn queue(&self) -> Result<mpsc::Sender<WriterMessage>, StorageError> {
        let queue = self
            .queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        queue.clone().ok_or(StorageError::Closed)
    }
}

impl RedbStorage {
    /// Opens or creates the store at `path`: [`Options::open`] with the defaults.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Options::default().open(path).await
    }

    /// Opens or creates the store in `backend`: [`Options::open_backend`] with the defaults.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub async fn with_backend(backend: impl StorageBackend) -> Result<Self, StorageError> {
        Options::default().open_backend(backend).await
    }

    /// An empty store in memory. It is gone with its last handle.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when no thread can be started.
    pub async fn in_memory() -> Result<Self, StorageError> {
        Self::with_backend(redb::backends::InMemoryBackend::new()).await
    }

    /// Options to set before a store is opened.
    pub fn options() -> Options {
        Options::default()
    }

    pub(crate) fn start(
        database: Database,
        path: Option<PathBuf>,
        clock: Clock,
    ) -> Result<Self, StorageError> {
        let (sender, latest) = watch::channel(0);
        let shared = Arc::new(OpenStore::new(database, sender, path, clock));
        let last = shared.read(|txn| lookup::last_number(&lookup::table(txn, &tables::LOG)?))?;
        shared.announce(last);
        let (queue, requests) = mpsc::channel();
        let writer = Writer::new(shared.clone(), requests, Metrics::new());
        let at_end = CloseAtEnd(shared.clone());
        let thread = std::thread::Builder::new()
            .name("phasegate-writer".into())
            .spawn(move || {
                let _at_end = at_end;
                writer.run();
            })
            .map_err(|error| unavailable(format!("no thread for the writer: {error}")))?;
        Ok(Self {
            inner: Arc::new(StoreHandle {
                shared,
                queue: Mutex::new(Some(queue)),
                room: Arc::new(Semaphore::new(QUEUE_KIB)),
                latest,
                writer: Mutex::new(Some(thread)),
            }),
        })
    }

    pub(crate) fn shared(&self) -> &Arc<OpenStore> {
        &self.inner.shared
    }

    /// Queues a write and waits until it is durable or refused.
    async fn write<W: Write>(&self, write: W) -> Result<W::Done, StorageError> {
        if self.inner.shared.is_closing() {
            return Err(StorageError::Closed);
        }
        let since = Instant::now();
        let weight = write.weight();
        let room = (weight / 1024).clamp(1, QUEUE_KIB);
        let permit = self
            .inner
            .room
            .clone()
            .acquire_many_owned(u32::try_from(room).unwrap_or(u32::MAX));
        let permit = permit.await.map_err(|_| StorageError::Closed)?;
        let (reply, done) = oneshot::channel();
        let queued = Queued {
            write,
            weight,
            since,
            reply,
            result: None,
            _permit: permit,
        };
        let message = WriterMessage::Write(Box::new(queued));
        self.inner
            .queue()?
            .send(message)
            .map_err(|_| StorageError::Closed)?;
        // The writer answers every request that it takes. A request without an answer was never taken, and not written.
        done.await.unwrap_or(Err(StorageError::Closed))
    }

    /// Reads within one short transaction, off the caller's thread.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StorageError> {
        let shared = self.inner.shared.clone();
        blocking::unblock(move || shared.read(work)).await
    }
}

#[async_trait]
impl Storage for RedbStorage {
    async fn commit(&self, transition: Transition) -> Result<Committed, StorageError> {
        transition.check()?;
        self.write(transition).await
    }

    async fn append(&self, output: Output) -> Result<Appended, StorageError> {
        output.check()?;
        self.write(output).await
    }

    async fn write_resource(&self, write: ResourceWrite) -> Result<Option<Revision>, StorageError> {
        write.check()?;
        self.write(write).await
    }

    async fn remember(&self, entry: IdempotencyEntry) -> Result<(), StorageError> {
        entry.check()?;
        self.write(entry).await
    }

    async fn committed(
        &self,
        campaign: CampaignId,
        expected_version: Version,
        id: CommitId,
    ) -> Result<bool, StorageError> {
        self.read(move |txn| read::committed(txn, campaign, expected_version, id))
            .await
    }

    async fn idempotency(
        &self,
        campaign: Option<CampaignId>,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyEntry>, StorageError> {
        let key = key.clone();
        let now = (self.inner.shared.clock)();
        self.read(move |txn| read::idempotency(txn, campaign, &key, now))
            .await
    }

    async fn campaign(&self, id: CampaignId) -> Result<Option<Campaign>, StorageError> {
        self.read(move |txn| lookup::campaign(&lookup::table(txn, &tables::CAMPAIGNS)?, id))
            .await
    }

    async fn campaigns(&self, query: CampaignQuery) -> Result<CampaignPage, StorageError> {
        self.read(move |txn| read::campaigns(txn, &query)).await
    }

    async fn config(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        revision: Revision,
    ) -> Result<Option<Value>, StorageError> {
        let phase = phase.clone();
        self.read(move |txn| read::config(txn, campaign, &phase, revision))
            .await
    }

    async fn events(
        &self,
        scope: EventScope,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<EventPage, StorageError> {
        self.read(move |txn| read::events(txn, scope, after.as_ref(), limit))
            .await
    }

    async fn run_output(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
    ) -> Result<Option<RunOutput>, StorageError> {
        let phase = phase.clone();
        self.read(move |txn| read::run_output(txn, campaign, &phase, run))
            .await
    }

    async fn records(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
        limit: usize,
    ) -> Result<RecordPage, StorageError> {
        let phase = phase.clone();
        self.read(move |txn| read::records(txn, (campaign, &phase, run), from, limit))
            .await
    }

    async fn resource(&self, resource: &ResourceRef) -> Result<Option<Resource>, StorageError> {
        let resource = resource.clone();
        self.read(move |txn| read::resource(txn, resource)).await
    }

    async fn resources(
        &self,
        kind: &ResourceKind,
        after: Option<&ResourceId>,
        limit: usize,
    ) -> Result<Vec<Resource>, StorageError> {
        let (kind, after) = (kind.clone(), after.cloned());
        self.read(move |txn| read::resources(txn, &kind, after, limit))
            .await
    }

    async fn claim(&self, _ticket: &Ticket, _owner: OwnerId) -> Result<Claim, StorageError> {
        self.inner.shared.check_open().map(|()| Claim::Granted)
    }

    async fn heartbeat(&self, _owner: OwnerId) -> Result<(), StorageError> {
        self.inner.shared.check_open()
    }

    async fn changes(&self, after: Option<Cursor>) -> Result<(), StorageError> {
        self.inner.shared.check_open()?;
        let mut latest = self.inner.latest.clone();
        let announced = *latest.borrow();
        let after = match place(after.as_ref(), announced) {
            Ok(after) => after,
            // A read may have shown a durable event before its announcement.
            Err(_) => self.read(move |txn| read::place_in(txn, after.as_ref())).await?,
        };
        match latest.wait_for(|number| *number > after).await {
            Ok(_) => self.inner.shared.check_open(),
            // The channel ends when the store is closed or has failed.
            Err(_) => Err(self
                .inner
                .shared
                .check_open()
                .err()
                .unwrap_or(StorageError::Closed)),
        }
    }

    async fn latest(&self) -> Result<Option<Cursor>, StorageError> {
        self.inner.shared.check_open()?;
        let last = *self.inner.latest.borrow();
        Ok((last > 0).then(|| cursor(last)))
    }

    async fn close(&self) -> Result<(), StorageError> {
        let queue = self
            .inner
            .queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some(queue) = queue {
            self.inner.shared.begin_closing();
            let (reply, done) = oneshot::channel();
            if queue.send(WriterMessage::Close(reply)).is_ok()
                && let Ok(closed) = done.await
            {
                return closed;
            }
        }
        // Another close was requested before. It is done when the writer has ended.
        let inner = self.inner.clone();
        blocking::unblock(move || writer::join(&inner.writer)).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use phasegate_core::{EventKind, Mode};
    use phasegate_testkit::storage::conformance::Story;

    use super::*;

    #[tokio::test]
    async fn an_event_that_was_read_before_it_was_announced_can_be_waited_from() {
        let storage = RedbStorage::in_memory().await.unwrap();
        let mut story = Story::created(&storage, 1).await;
        let page = storage.events(EventScope::Store, None, 10).await.unwrap();
        let read = page.items.last().map(|event| event.cursor.clone());
        // The state after the commit and before the writer's announcement.
        storage.shared().announce(0);

        let mode = Mode::FullSequence;
        let (changed, _) = tokio::join!(
            storage.changes(read),
            story.tell(&storage, vec![EventKind::ModeChanged { mode }])
        );
        assert_eq!(changed, Ok(()));
        let beyond = storage.changes(Some(cursor(3))).await;
        assert!(
            matches!(beyond, Err(StorageError::InvalidCursor { .. })),
            "{beyond:?}"
        );
    }
}
