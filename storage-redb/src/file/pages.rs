//! The part of a place that is redb's own.

use std::io;
use std::ops::Bound;
use std::sync::Arc;

use redb::{BackendError, StorageBackend};

/// The bytes of a place from one on.
#[derive(Debug)]
pub(super) struct Pages {
    place: Arc<dyn StorageBackend>,
    from: u64,
}

impl Pages {
    pub(super) fn new(place: Arc<dyn StorageBackend>, from: u64) -> Self {
        Self { place, from }
    }

    fn at(&self, offset: u64) -> io::Result<u64> {
        let at = self.from.checked_add(offset);
        at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no place has so many bytes"))
    }
}

impl StorageBackend for Pages {
    fn len(&self) -> io::Result<u64> {
        Ok(self.place.len()?.saturating_sub(self.from))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.place.read(self.at(offset)?, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.place.set_len(self.at(len)?)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.place.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.place.write(self.at(offset)?, data)
    }

    fn close(&self) -> io::Result<()> {
        self.place.close()
    }

    // A lock is of the whole place, whose first byte is not redb's.

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.place.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.place.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.place.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.place.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.place.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.place.query_lock_range(start, end)
    }
}
