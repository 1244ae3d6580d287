//! The report of a verification.

use std::fmt;

use phasegate_core::storage::StorageError;

use crate::fault::Fault;
use crate::key;
use crate::tables::TableSpec;

/// At most this many findings are kept. All are counted.
const MOST_FINDINGS: usize = 100;

/// The report of a verification: what it read, and what it found wrong.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct VerifyReport {
    /// How many campaigns there are.
    pub campaigns: u64,
    /// How many events.
    pub events: u64,
    /// How many configs, old revisions included.
    pub configs: u64,
    /// How many runs, those that are being reclaimed included.
    pub runs: u64,
    /// How many records.
    pub records: u64,
    /// How many resources.
    pub resources: u64,
    /// How many idempotency keys.
    pub idempotency_keys: u64,
    /// How many deleted campaigns.
    pub deleted: u64,
    /// How many findings there are in all.
    pub findings_total: u64,
    /// The first of them, at most 100.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The table; `file` for the database file as a whole.
    pub table: &'static str,
    /// The key, readable.
    pub key: String,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.table, self.key, self.problem)
    }
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings_total == 0
    }

    pub(crate) fn add(&mut self, table: &'static str, key: String, problem: impl ToString) {
        self.findings_total += 1;
        if self.findings.len() < MOST_FINDINGS {
            let problem = problem.to_string();
            self.findings.push(Finding { table, key, problem });
        }
    }

    pub(crate) fn find(&mut self, table: &TableSpec, key: &[u8], problem: impl ToString) {
        self.add(table.name, key::readable(table, key), problem);
    }

    /// Takes the result of reading a value. Damage becomes a finding; any other error ends the verification.
    pub(crate) fn note<T>(&mut self, read: Result<T, impl Into<Fault>>) -> Result<Option<T>, Fault> {
        match read.map_err(Into::into) {
            Ok(value) => Ok(Some(value)),
            Err(Fault::Refused(StorageError::Damaged { table, key, reason })) => {
                self.add(table, key, reason);
                Ok(None)
            }
            Err(Fault::Broken(redb::Error::Corrupted(reason))) => {
                self.add("file", "page".into(), reason);
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }
}
