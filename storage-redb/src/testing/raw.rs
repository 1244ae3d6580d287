//! A store's tables as bytes, to damage them.

use std::fmt;
use std::path::Path;

use phasegate_core::storage::StorageError;
use redb::{Builder, Database, ReadableTable, StorageBackend};

use crate::envelope;
use crate::fault::{Fault, unavailable};
use crate::file;
use crate::format;
use crate::key;
use crate::open::backend;
use crate::open_store::no_panic;
use crate::rows::{self, View};
use crate::tables::{self, Content, TableSpec};
use crate::write::begin;

/// The memory for the store's pages.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A store that is open without its rules: keys and values are plain bytes. It was closed in order: what is in a journal isn't seen.
pub struct RawStore {
    database: Database,
}

impl fmt::Debug for RawStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawStore").finish_non_exhaustive()
    }
}

impl RawStore {
    /// Opens the store at `path`. It must not be open elsewhere.
    ///
    /// # Errors
    ///
    /// As [`Options::open`](crate::Options::open), except that the format is not checked.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::new(backend(path.as_ref())?, &file::builder(CACHE_BYTES))
    }

    /// Opens the store in `backend`. Clones of the backend must be the same place.
    ///
    /// # Errors
    ///
    /// As [`Options::open_backend`](crate::Options::open_backend), except that the format is not checked.
    pub fn in_backend(backend: impl StorageBackend) -> Result<Self, StorageError> {
        Self::new(backend, &file::builder(CACHE_BYTES))
    }

    /// Opens the store in `backend`, unless redb had to repair it, which takes the longer the larger it is.
    ///
    /// # Errors
    ///
    /// As [`in_backend`](Self::in_backend), and [`StorageError::Unavailable`] when it would have to be repaired.
    pub fn without_repair(backend: impl StorageBackend) -> Result<Self, StorageError> {
        let mut builder = file::builder(CACHE_BYTES);
        builder.set_repair_callback(|repair| repair.abort());
        Self::new(backend, &builder)
    }

    fn new(backend: impl StorageBackend, builder: &Builder) -> Result<Self, StorageError> {
        let pages = file::open_pages(backend, "the store", builder, None)?;
        Ok(Self {
            database: pages.database,
        })
    }

    /// The names of all tables.
    pub fn tables() -> impl ExactSizeIterator<Item = &'static str> {
        tables::ALL.iter().map(|spec| spec.name)
    }

    /// The names of the tables whose rows have no values.
    pub fn indexes() -> impl Iterator<Item = &'static str> {
        let indexes = tables::ALL.iter().filter(|spec| spec.content == Content::Nothing);
        indexes.map(|spec| spec.name)
    }

    /// Every key of a table, with its value.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when there is no such table, or it can't be read.
    pub fn entries(&self, table: &str) -> Result<Vec<Entry>, StorageError> {
        let spec = spec(table)?;
        no_panic(|| {
            let view = View::of(&self.database)?;
            let table = rows::table(&view, spec)?;
            let entries = ReadableTable::iter(table)?.map(|entry| {
                let (key, value) = entry?;
                Ok((key.value().to_vec(), value.value().to_vec()))
            });
            entries.collect()
        })
        .map_err(Fault::into_read_error)
    }

    /// Writes any value.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when there is no such table, or it can't be written.
    pub fn put(&self, table: &str, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        self.change(table, key, Some(value))
    }

    /// Removes a key and its value.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when there is no such table, or it can't be written.
    pub fn remove(&self, table: &str, key: &[u8]) -> Result<(), StorageError> {
        self.change(table, key, None)
    }

    fn change(&self, table: &str, key: &[u8], value: Option<&[u8]>) -> Result<(), StorageError> {
        let spec = spec(table)?;
        no_panic(|| {
            let txn = begin(&self.database)?;
            let mut table = txn.open_table(spec.definition())?;
            match value {
                Some(value) => table.insert(key, value)?,
                None => table.remove(key)?,
            };
            drop(table);
            Ok(txn.commit()?)
        })
        .map_err(Fault::into_read_error)
    }

    /// Closes it. Everything is on the disk on return.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when it can't be written.
    pub fn close(self) -> Result<(), StorageError> {
        self.database.close().map_err(unavailable)
    }
}

fn spec(name: &str) -> Result<&'static TableSpec, StorageError> {
    let found = tables::ALL.iter().find(|spec| spec.name == name);
    found
        .copied()
        .ok_or_else(|| unavailable(format!("there is no table {name:?}")))
}

/// The value that holds `payload` at `key`, with the right checksum.
///
/// # Errors
///
/// [`StorageError::Unavailable`] when there is no such table.
pub fn sealed(table: &str, key: &[u8], payload: &[u8]) -> Result<Vec<u8>, StorageError> {
    Ok(envelope::seal(spec(table)?, key, payload))
}

/// The value at the key `format` in the table `meta`, for a store of that format.
pub fn format_value(format: u32) -> [u8; 8] {
    format::format_value(format)
}

/// A key as errors name it.
///
/// # Errors
///
/// [`StorageError::Unavailable`] when there is no such table.
pub fn readable_key(table: &str, key: &[u8]) -> Result<String, StorageError> {
    Ok(key::readable(spec(table)?, key))
}
