//! A place that both the journal and the database write to, until it fails.

use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{BackendError, StorageBackend};

/// A place that takes nothing more once a write, a sync or a change of its length has failed.
///
/// A system may tell of a failed sync once, and take what it couldn't write for written from then on. So a sync of the journal
/// that fails may be of pages that redb has written, and redb must not count on them in a later commit, as in that of a close.
#[derive(Debug)]
pub(super) struct Place<B> {
    backend: B,
    has_failed: AtomicBool,
}

impl<B: StorageBackend> Place<B> {
    pub(super) fn new(backend: B) -> Self {
        Self {
            backend,
            has_failed: AtomicBool::new(false),
        }
    }

    fn change(&self, change: impl FnOnce(&B) -> io::Result<()>) -> io::Result<()> {
        if self.has_failed.load(Ordering::Acquire) {
            return Err(io::Error::other("it failed before"));
        }
        let changed = change(&self.backend);
        if changed.is_err() {
            self.has_failed.store(true, Ordering::Release);
        }
        changed
    }
}

impl<B: StorageBackend> StorageBackend for Place<B> {
    fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|backend| backend.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(B::sync_data)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(|backend| backend.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.backend.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.query_lock_range(start, end)
    }
}
