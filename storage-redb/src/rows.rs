//! The rows of the store at one moment, to be looked up by their keys.

use redb::{ReadOnlyTable, ReadTransaction};

use crate::fault::Fault;
use crate::tables::TableSpec;

/// A table that is open in a read transaction.
pub(crate) type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Opens a table for reading.
pub(crate) fn table(txn: &ReadTransaction, spec: &TableSpec) -> Result<Table, Fault> {
    Ok(txn.open_table(spec.definition())?)
}

/// Rows by key: those of a read transaction, or those that a group of writes leaves.
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

impl Rows for ReadTransaction {
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
