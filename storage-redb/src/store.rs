//! The handle of an open store, and how its writes reach the writer's thread.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Instant;

use phasegate_core::storage::StorageError;
use phasegate_core::{Campaign, CampaignId};
use redb::StorageBackend;
use tokio::sync::{Semaphore, oneshot};

use crate::fault::{Fault, unavailable};
use crate::file::Opened;
use crate::leases::Leases;
use crate::lookup;
use crate::metrics::Metrics;
use crate::open::Options;
use crate::open_store::{Clock, OpenStore, no_panic};
use crate::recent::Snapshot;
use crate::rows::View;
use crate::waiters::Waiters;
use crate::write::Write;
use crate::writer::{self, CloseAtEnd, Queued, Writer, WriterMessage};

/// The memory for queued writes, in KiB. Further writes wait.
const QUEUE_KIB: usize = 64 * 1024;

/// A store in one file, with redb behind a journal. Clones are handles of the same store.
///
/// # Durability
///
/// Acknowledged writes survive a kill and a power loss. Writes that arrive during a sync share the next one.
///
/// # Closing
///
/// [`close`](phasegate_core::storage::Storage::close), or dropping the last handle, finishes the queued writes and releases the file, and waits for
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

    pub(crate) fn start(opened: Opened, path: Option<PathBuf>, clock: Clock) -> Result<Self, StorageError> {
        let Opened { database, journal } = opened;
        let last = no_panic(|| lookup::last_number(&View::of(&database)?)).map_err(Fault::into_read_error)?;
        let waiters = Waiters::new(last, Leases::none().mark());
        let shared = Arc::new(OpenStore::new(database, waiters, path, clock));
        let (queue, requests) = mpsc::channel();
        let writer = Writer::new(shared.clone(), requests, journal, last, Metrics::new());
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
                writer: Mutex::new(Some(thread)),
            }),
        })
    }

    pub(crate) fn shared(&self) -> &Arc<OpenStore> {
        &self.inner.shared
    }

    /// Queues a write and waits until it is durable or refused.
    pub(crate) fn write<W: Write>(&self, write: W) -> impl Future<Output = Result<W::Done, StorageError>> {
        let weight = write.weight();
        let (reply, done) = oneshot::channel();
        let mut queued = Box::new(Queued {
            write,
            weight,
            since: Instant::now(),
            reply: Some(reply),
            result: None,
            permit: None,
        });
        async move {
            self.inner.shared.check_open()?;
            let room = u32::try_from((weight / 1024).clamp(1, QUEUE_KIB)).unwrap_or(u32::MAX);
            let room = Arc::clone(&self.inner.room).acquire_many_owned(room);
            queued.permit = Some(room.await.map_err(|_| StorageError::Closed)?);
            self.inner
                .queue()?
                .send(WriterMessage::Write(queued))
                .map_err(|_| StorageError::Closed)?;
            // The writer answers every request that it takes. A request without an answer was never taken, and not written.
            done.await
                .map_or(Err(StorageError::Closed), |answer| answer.result)
        }
    }

    /// Does something between two transactions, with the leases as they are then.
    pub(crate) async fn between<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Leases, &OpenStore) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        self.inner.shared.check_open()?;
        let (reply, done) = oneshot::channel();
        let work = move |leases: &mut Leases, store: &OpenStore| {
            let _ = reply.send(work(leases, store));
        };
        self.inner
            .queue()?
            .send(WriterMessage::Between(Box::new(work)))
            .map_err(|_| StorageError::Closed)?;
        done.await.unwrap_or(Err(StorageError::Closed))
    }

    /// Reads a few rows by their keys, on the caller's thread: what is in the cache takes a microsecond or two, less than another
    /// thread would take to be woken for it.
    pub(crate) fn look<T>(&self, work: impl FnOnce(&View) -> Result<T, Fault>) -> Result<T, StorageError> {
        self.inner.shared.read(work)
    }

    /// The snapshot of a campaign, where it needn't be read.
    pub(crate) fn recent(&self, id: CampaignId) -> Result<Option<Snapshot>, StorageError> {
        self.inner.shared.check_open()?;
        Ok(self.inner.shared.recent.get(id))
    }

    /// As [`look`](Self::look), about a campaign whose snapshot may be known.
    pub(crate) fn look_at<T>(
        &self,
        id: CampaignId,
        work: impl Fn(&View, Option<&Campaign>) -> Result<T, Fault>,
    ) -> Result<T, StorageError> {
        if let Some(known) = self.recent(id)?
            && let Ok(found) = self.look(|txn| work(txn, Some(&known.campaign)))
        {
            return Ok(found);
        }
        // Another commit may have come between the snapshot and the rest.
        self.look(|txn| work(txn, None))
    }

    /// Reads rows of an unknown number within one short transaction, off the caller's thread.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&View) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StorageError> {
        let shared = self.inner.shared.clone();
        blocking::unblock(move || shared.read(work)).await
    }

    /// Finishes what is queued and releases the database.
    pub(crate) async fn finish(&self) -> Result<(), StorageError> {
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
