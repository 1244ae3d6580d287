//! Writes. Each is checked completely before it changes anything.

mod commit;
mod cursor;
mod group;
mod idempotency;
mod output;
mod reclaim;
mod release;
mod resource;

use phasegate_core::storage::WriteRef;
use redb::{Database, Durability, WriteTransaction};

use crate::fault::Fault;
use crate::metrics::WriteKind;

pub(crate) use commit::{Commit, index_keys};
pub(crate) use cursor::KeepCursor;
pub(crate) use group::Group;
pub(crate) use idempotency::Remember;
pub(crate) use output::Append;
pub(crate) use reclaim::{Reclaimed, purge_expired, reclaim_some};
pub(crate) use release::Release;
pub(crate) use resource::WriteResource;

/// Begins a transaction that is durable when it is committed. A store that is killed after it opens at once.
pub(crate) fn begin(database: &Database) -> Result<WriteTransaction, Fault> {
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    txn.set_quick_repair(true);
    Ok(txn)
}

/// A write that a caller requested. What needs no look at the store is done before it is queued.
///
/// It refuses before it changes anything. Once it changes something, only the database can fail, and then the whole
/// transaction fails.
pub(crate) trait Write: Send + 'static {
    /// Its result.
    type Done: Send + 'static;
    /// Its kind, for the metrics.
    const KIND: WriteKind;

    /// Does the write within a group. It is called once.
    fn apply(&mut self, group: &mut Group<'_>) -> Result<Self::Done, Fault>;

    /// About how many bytes it holds and writes.
    fn weight(&self) -> usize;

    /// The write, to look up its outcome by.
    fn write_ref(&self) -> WriteRef;
}

/// The weight of a write beyond its own data: keys, pages, its place in the queue.
const BASE_WEIGHT: usize = 4096;
