//! The embedded store of Phasegate: one file, with a [redb](https://docs.rs/redb) database behind a journal.
//!
//! [`RedbStorage`] implements [`Storage`](phasegate_core::storage::Storage). Every write is durable on return; writes that
//! arrive together share one transaction. Every value carries a checksum. The file opens in milliseconds after a crash, at any
//! size.

mod backup;
mod block;
mod commits;
mod cursor;
mod envelope;
mod fault;
mod file;
mod format;
mod journal;
mod key;
mod leases;
mod long_task;
mod lookup;
mod metrics;
mod open;
mod open_store;
mod port;
mod read;
mod recent;
mod rows;
#[cfg(test)]
mod scratch;
mod store;
mod tables;
#[cfg(feature = "testing")]
pub mod testing;
mod verify;
mod waiters;
mod write;
mod writer;

pub use self::metrics::describe_metrics;
pub use backup::BackupReport;
pub use format::FORMAT;
pub use long_task::Progress;
pub use open::Options;
pub use store::RedbStorage;
pub use verify::{Finding, VerifyReport, verify_file};
