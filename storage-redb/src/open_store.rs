//! The state that the handles, the reads and the writer of one open store share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use phasegate_core::Timestamp;
use phasegate_core::storage::StorageError;
use redb::Database;

use crate::fault::{Fault, unavailable};
use crate::recent::Recent;
use crate::rows::View;
use crate::waiters::Waiters;

/// The store's clock.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// An open store.
pub(crate) struct OpenStore {
    /// The database; `None` once it is closed. A read holds the lock, so closing waits for it.
    database: RwLock<Option<Database>>,
    /// The store as the latest commit has left it, once somebody has looked at that.
    view: Mutex<Option<Arc<View>>>,
    /// Whether a close was requested. Long reads end then.
    closing: AtomicBool,
    /// Why the store acknowledges nothing more; `None` while it works.
    broken: Mutex<Option<String>>,
    pub(crate) waiters: Waiters,
    pub(crate) recent: Recent,
    pub(crate) path: Option<PathBuf>,
    clock: Clock,
}

impl OpenStore {
    pub(crate) fn new(database: Database, waiters: Waiters, path: Option<PathBuf>, clock: Clock) -> Self {
        Self {
            database: RwLock::new(Some(database)),
            view: Mutex::default(),
            closing: AtomicBool::new(false),
            broken: Mutex::new(None),
            waiters,
            recent: Recent::default(),
            path,
            clock,
        }
    }

    /// Whether the store is closed or being closed.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn begin_closing(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Waits for the reads, then releases the database.
    pub(crate) fn close(&self) -> Result<(), StorageError> {
        self.begin_closing();
        let database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.forget_view();
        self.waiters.end();
        match database {
            None => Ok(()),
            Some(database) => sheltered(|| database.close().map_err(unavailable)),
        }
    }

    /// Lets the store acknowledge nothing more.
    pub(crate) fn set_broken(&self, reason: &str) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.get_or_insert_with(|| reason.to_owned());
        self.waiters.end();
    }

    /// Why the store acknowledges nothing more, and what to do; `None` while it works.
    pub(crate) fn broken(&self) -> Option<String> {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = broken.as_ref()?;
        Some(format!("a write failed ({reason}); open the store anew"))
    }

    /// The time by the store's clock.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Refuses a request to a closed or broken store.
    pub(crate) fn check_open(&self) -> Result<(), StorageError> {
        match self.broken() {
            _ if self.is_closing() => Err(StorageError::Closed),
            Some(reason) => Err(unavailable(reason)),
            None => Ok(()),
        }
    }

    /// Why there is nothing more to wait for.
    pub(crate) fn end(&self) -> StorageError {
        self.check_open().err().unwrap_or(StorageError::Closed)
    }

    /// Works with the database. It stays open until the work is done.
    pub(crate) fn with_database<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(Fault::Refused(StorageError::Closed))?;
        no_panic(|| work(database))
    }

    /// The store as the latest commit has left it. Whoever has it must work with the database, too.
    pub(crate) fn view(&self, database: &Database) -> Result<Arc<View>, Fault> {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        match &*view {
            Some(view) => Ok(Arc::clone(view)),
            None => {
                let new = Arc::new(View::of(database)?);
                Ok(Arc::clone(view.insert(new)))
            }
        }
    }

    /// Lets the next look see what was committed, and redb use the pages again that only the earlier view has.
    pub(crate) fn forget_view(&self) {
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(view);
    }

    /// Reads the store at one moment.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&View) -> Result<T, Fault>) -> Result<T, StorageError> {
        self.check_open()?;
        self.with_database(|database| work(&*self.view(database)?))
            .map_err(Fault::into_read_error)
    }
}

/// Runs `work` and turns a panic into an error. A damaged page can make redb panic.
pub(crate) fn no_panic<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("it panicked");
        Err(Fault::Broken(redb::Error::Corrupted(text.to_owned())))
    })
}

/// Runs `work`, which may also close a database. Closing panics on damaged pages too, and that becomes an error.
pub(crate) fn sheltered<T>(work: impl FnOnce() -> Result<T, StorageError>) -> Result<T, StorageError> {
    no_panic(|| work().map_err(Fault::Refused)).map_err(Fault::into_read_error)
}
