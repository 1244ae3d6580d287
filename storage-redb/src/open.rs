//! Opening and creating a store.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use phasegate_core::Timestamp;
use phasegate_core::storage::StorageError;
use redb::StorageBackend;
use redb::backends::FileBackend;
use tempfile::NamedTempFile;

use crate::fault::unavailable;
use crate::file::{self, JOURNAL_BYTES, Opened, open_error};
use crate::open_store::{Clock, sheltered};
use crate::store::RedbStorage;

/// How to open a store.
#[derive(Clone)]
pub struct Options {
    cache_bytes: usize,
    journal_bytes: u64,
    clock: Clock,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("cache_bytes", &self.cache_bytes)
            .field("journal_bytes", &self.journal_bytes)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    /// A cache of 8 MiB, a journal of 2 MiB, and the system's clock.
    fn default() -> Self {
        Self {
            cache_bytes: 8 * 1024 * 1024,
            journal_bytes: JOURNAL_BYTES,
            clock: Arc::new(|| timestamp(SystemTime::now())),
        }
    }
}

impl Options {
    /// Sets how much memory the cache of the file's pages may take, in bytes.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Sets how long the journal of a new store is, in bytes, rounded up to 4,096. A store that is there keeps
    /// the length that it has.
    ///
    /// A commit goes to the journal first, and redb's own pages are synced once it is full. A longer one makes these rarer, and
    /// both they and the replay after a kill take longer: 2 MiB hold about a thousand small commits, which are replayed within 0.1 s.
    #[must_use]
    pub fn journal_bytes(mut self, bytes: u64) -> Self {
        self.journal_bytes = bytes;
        self
    }

    /// Sets the store's clock: it tells when a campaign was read, which moments have come, which idempotency keys have expired, and
    /// when a resource was written.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Opens the store at `path`, or creates it.
    ///
    /// A new file is written under another name and renamed when it is complete and synced. So a crash leaves either a
    /// complete store at `path` or nothing there, and perhaps a file named `.phasegate-….tmp`, which can be deleted. Opening
    /// after a kill or a power loss takes no longer than after a clean end, at any size.
    ///
    /// # Errors
    ///
    /// [`StorageError::Held`] when it is open already, in this process or another; [`StorageError::NewerFormat`] for a store of
    /// a newer release; [`StorageError::Damaged`]; [`StorageError::Unavailable`] when the file can't be read or written, or is
    /// not a store.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is harmless: a store that it has opened is closed again.
    pub async fn open(&self, path: impl AsRef<Path>) -> Result<RedbStorage, StorageError> {
        let path = path.as_ref().to_owned();
        let options = self.clone();
        blocking::unblock(move || {
            sheltered(|| {
                let opened = open_file(&path, &options)?;
                RedbStorage::start(opened, Some(path), options.clock)
            })
        })
        .await
    }

    /// Opens the store in `backend`, or creates it in an empty one: for tests that inject faults, and for stores outside of
    /// files. A crash during the creation may leave a backend that can't be opened.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn open_backend(&self, backend: impl StorageBackend) -> Result<RedbStorage, StorageError> {
        let options = self.clone();
        blocking::unblock(move || {
            sheltered(|| {
                let opened = options.open_place(backend, "the backend")?;
                RedbStorage::start(opened, None, options.clock)
            })
        })
        .await
    }

    fn open_place(&self, place: impl StorageBackend, name: &str) -> Result<Opened, StorageError> {
        file::open_pages(
            place,
            name,
            &file::builder(self.cache_bytes),
            Some(self.journal_bytes),
        )?
        .replay()
    }
}

/// A moment of the system's clock. One before 1970 counts as its beginning.
fn timestamp(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Opens or creates the store at `path`.
fn open_file(path: &Path, options: &Options) -> Result<Opened, StorageError> {
    let name = path.display().to_string();
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() == 0 && metadata.is_file() => replace_empty(path, options)?,
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path, options, ExistingFile::Keep)?,
        Err(error) => return Err(unavailable(format!("{name}: {error}"))),
    }
    options.open_place(backend(path)?, &name)
}

/// The bytes of a file that is there.
pub(crate) fn backend(path: &Path) -> Result<FileBackend, StorageError> {
    let name = path.display();
    let file = File::options().read(true).write(true).open(path);
    let file = file.map_err(|error| unavailable(format!("{name}: {error}")))?;
    FileBackend::new(file).map_err(|error| open_error(&name.to_string(), error))
}

/// Replaces an empty file by a store. A lock on the empty file lets one process do so at a time: two could delete each other's
/// store.
fn replace_empty(path: &Path, options: &Options) -> Result<(), StorageError> {
    let name = path.display().to_string();
    let failed = |error: io::Error| unavailable(format!("{name}: {error}"));
    // Other systems can't replace an open file.
    let empty = match cfg!(unix) {
        true => Some(
            File::options()
                .read(true)
                .write(true)
                .open(path)
                .map_err(failed)?,
        ),
        false => None,
    };
    match empty.as_ref().map_or(Ok(()), File::try_lock) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StorageError::Held { path: name }),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    // The previous holder of the lock may have made the store.
    match std::fs::metadata(path).map_err(failed)?.len() {
        0 => create(path, options, ExistingFile::Replace),
        _ => Ok(()),
    }
}

/// What happens to an existing file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ExistingFile {
    /// It stays, and the new file is deleted.
    Keep,
    /// It is replaced.
    Replace,
}

fn create(path: &Path, options: &Options, existing: ExistingFile) -> Result<(), StorageError> {
    let name = path.display().to_string();
    let failed = |error: io::Error| unavailable(format!("{name} can't be created: {error}"));
    let temporary = temporary_beside(path).map_err(failed)?;
    let backend = FileBackend::new(temporary.reopen().map_err(failed)?);
    let backend = backend.map_err(|error| open_error(&name, error))?;
    options.open_place(backend, &name)?.close()?;
    match publish(temporary, path, existing) {
        // Another process made the store at the same time.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        published => published.map_err(failed),
    }
}

/// A new file in the folder of `path`, deleted again unless it is published.
pub(crate) fn temporary_beside(path: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".phasegate-")
        .suffix(".tmp")
        .tempfile_in(folder_of(path))
}

/// Gives a complete file its name, durably.
pub(crate) fn publish(temporary: NamedTempFile, path: &Path, existing: ExistingFile) -> io::Result<()> {
    temporary.as_file().sync_all()?;
    match existing {
        ExistingFile::Keep => temporary.persist_noclobber(path)?,
        ExistingFile::Replace => temporary.persist(path)?,
    };
    if cfg!(unix) {
        File::open(folder_of(path))?.sync_all()?;
    }
    Ok(())
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_was_never_set_gives_a_moment() {
        let before = UNIX_EPOCH
            .checked_sub(Duration::from_secs(1))
            .unwrap_or(UNIX_EPOCH);
        assert_eq!(timestamp(before), Timestamp::from_unix_ms(0));
        let after = UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!(timestamp(after), Timestamp::from_unix_ms(1_500));
    }
}
