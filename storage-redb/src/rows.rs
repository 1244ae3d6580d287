//! The rows of the store at one moment, to be looked up by their keys.

use std::sync::OnceLock;

use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase};

use crate::fault::Fault;
use crate::tables::{self, TableSpec};

/// A table that is open in a view.
pub(crate) type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The store as a commit has left it. Its tables are opened once, however many look.
pub(crate) struct View {
    txn: ReadTransaction,
    tables: [OnceLock<Table>; tables::ALL.len()],
}

impl View {
    /// The database as it is now.
    pub(crate) fn of(database: &impl ReadableDatabase) -> Result<Self, Fault> {
        Ok(Self {
            txn: database.begin_read()?,
            tables: [const { OnceLock::new() }; _],
        })
    }
}

/// A table of a view.
pub(crate) fn table<'v>(view: &'v View, spec: &TableSpec) -> Result<&'v Table, Fault> {
    let place = &view.tables[spec.place];
    match place.get() {
        Some(table) => Ok(table),
        None => {
            let table = view.txn.open_table(spec.definition())?;
            Ok(place.get_or_init(|| table))
        }
    }
}

/// Rows by key: those of a view, or those that a group of writes leaves.
pub(crate) trait Rows {
    /// Works with the value of a row, if there is the row.
    fn with<T>(
        &self,
        spec: &TableSpec,
        key: &[u8],
        work: impl FnOnce(&[u8]) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault>;

    /// Whether there is a row.
    fn has(&self, spec: &TableSpec, key: &[u8]) -> Result<bool, Fault> {
        Ok(self.with(spec, key, |_| Ok(()))?.is_some())
    }
}

impl Rows for View {
    fn with<T>(
        &self,
        spec: &TableSpec,
        key: &[u8],
        work: impl FnOnce(&[u8]) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        match table(self, spec)?.get(key)? {
            Some(value) => work(value.value()).map(Some),
            None => Ok(None),
        }
    }
}
