//! Writes. Each is checked completely before it changes anything.

mod append;
mod commit;
mod idempotency;
mod reclaim;
mod resource;

use phasegate_core::Timestamp;
use redb::{Database, Durability, ReadableTable, Table, WriteTransaction};
use serde::Serialize;

use crate::fault::Fault;
use crate::lookup;
use crate::metrics::WriteKind;
use crate::tables::{self, TableSpec};

pub(crate) use commit::index_keys;
pub(crate) use reclaim::{Reclaimed, purge_expired, reclaim_some};

/// A table that is being written.
pub(crate) type Writable<'txn> = Table<'txn, &'static [u8], &'static [u8]>;

/// Begins a transaction that is durable when it is committed. A store that is killed after it opens at once.
pub(crate) fn begin(database: &Database) -> Result<WriteTransaction, Fault> {
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    txn.set_quick_repair(true);
    Ok(txn)
}

/// Every table, open in a write transaction.
pub(crate) struct Tables<'txn> {
    pub(crate) campaigns: Writable<'txn>,
    pub(crate) by_state: Writable<'txn>,
    pub(crate) by_name: Writable<'txn>,
    pub(crate) log: Writable<'txn>,
    pub(crate) campaign_log: Writable<'txn>,
    pub(crate) configs: Writable<'txn>,
    pub(crate) runs: Writable<'txn>,
    pub(crate) records: Writable<'txn>,
    pub(crate) resources: Writable<'txn>,
    pub(crate) resource_revisions: Writable<'txn>,
    pub(crate) idempotency: Writable<'txn>,
    pub(crate) by_expiry: Writable<'txn>,
    pub(crate) tombstones: Writable<'txn>,
    pub(crate) reclaim: Writable<'txn>,
    /// The number of the latest event in the store-wide log.
    pub(crate) last: u64,
    /// Whether anything was written.
    pub(crate) changed: bool,
}

impl<'txn> Tables<'txn> {
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, Fault> {
        let table = |spec: &TableSpec| txn.open_table(spec.definition());
        let log = table(&tables::LOG)?;
        let last = lookup::last_number(&log)?;
        Ok(Self {
            campaigns: table(&tables::CAMPAIGNS)?,
            by_state: table(&tables::BY_STATE)?,
            by_name: table(&tables::BY_NAME)?,
            log,
            campaign_log: table(&tables::CAMPAIGN_LOG)?,
            configs: table(&tables::CONFIGS)?,
            runs: table(&tables::RUNS)?,
            records: table(&tables::RECORDS)?,
            resources: table(&tables::RESOURCES)?,
            resource_revisions: table(&tables::RESOURCE_REVISIONS)?,
            idempotency: table(&tables::IDEMPOTENCY)?,
            by_expiry: table(&tables::BY_EXPIRY)?,
            tombstones: table(&tables::TOMBSTONES)?,
            reclaim: table(&tables::RECLAIM)?,
            last,
            changed: false,
        })
    }
}

/// A write that a caller requested.
///
/// It refuses before it changes anything. Once it changes something, only the database can fail, and then the whole
/// transaction fails.
pub(crate) trait Write: Send + 'static {
    /// Its result.
    type Done: Send + 'static;
    /// Its kind, for the metrics.
    const KIND: WriteKind;

    /// Does the write in the transaction of `tables`.
    fn apply(&self, tables: &mut Tables<'_>, now: Timestamp) -> Result<Self::Done, Fault>;

    /// About how many bytes it holds and writes.
    fn weight(&self) -> usize;
}

/// The weight of a write beyond its own data: keys, pages, its place in the queue.
const BASE_WEIGHT: usize = 4096;

/// The length of a value as JSON.
fn json_bytes(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // A value without a JSON form is refused later, when it is written.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

/// Removes keys of a table, from `from` up to `to` or the end, within a budget. Returns whether all are removed.
fn remove_range(
    table: &mut Writable<'_>,
    range: (&[u8], Option<&[u8]>),
    budget: &mut ReclaimBudget,
    mut keep: impl FnMut(&[u8]) -> bool,
    mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Fault>,
) -> Result<bool, Fault> {
    use std::ops::Bound;
    let mut found = Vec::new();
    let mut complete = true;
    let end = range.1.map_or(Bound::Unbounded, Bound::Excluded);
    for entry in table.range::<&[u8]>((Bound::Included(range.0), end))? {
        let (key, value) = entry?;
        let (key, value) = (key.value(), value.value());
        if keep(key) {
            continue;
        }
        if !budget.take(key.len() + value.len()) {
            complete = false;
            break;
        }
        each(key, value)?;
        found.push(key.to_vec());
    }
    for key in found {
        table.remove(key.as_slice())?;
    }
    Ok(complete)
}

/// How much one bounded commit may still remove.
struct ReclaimBudget {
    keys: usize,
    bytes: usize,
}

impl ReclaimBudget {
    fn take(&mut self, bytes: usize) -> bool {
        if self.keys == 0 || self.bytes == 0 {
            return false;
        }
        self.keys -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }
}

#[cfg(test)]
mod tests {
    use phasegate_core::limits::{
        MAX_CHECKPOINT_BYTES, MAX_CONFIG_BYTES, MAX_OUTCOME_BYTES, MAX_RESOURCE_BYTES, MAX_SUMMARY_BYTES,
    };
    use phasegate_core::storage::{Expected, IdempotencyEntry, IdempotencyKey, ResourceWrite};
    use phasegate_core::{Digest, EventKind, Mode, ResourceId, ResourceKind, ResourceRef, Timestamp};
    use phasegate_testkit::storage::conformance::{Story, phase};
    use serde_json::{Value, json};

    use super::Write;

    /// A document of `bytes` bytes of JSON.
    fn document(bytes: usize) -> Value {
        Value::String("x".repeat(bytes - 2))
    }

    #[test]
    fn a_write_weighs_what_it_holds() {
        let mut story = Story::new(1);
        let creation = story.transition(vec![Story::creation("campaign", Mode::StepByStep)]);
        assert!((4_096..8_192).contains(&creation.weight()));
        story.accept(&creation);
        let large = story.configuration("first", document(MAX_CONFIG_BYTES));
        assert!(large.weight() > MAX_CONFIG_BYTES);

        let start = story.transition(vec![story.start("first")]);
        story.accept(&start);
        let mut output = story.output(1, vec![document(60_000).to_string(); 10]);
        output.checkpoint = Some(document(MAX_CHECKPOINT_BYTES));
        assert!(output.weight() > 600_000 + MAX_CHECKPOINT_BYTES);

        let completion = story.transition(vec![Story::completion("first", document(MAX_SUMMARY_BYTES))]);
        assert!(
            completion.weight() > 2 * MAX_SUMMARY_BYTES,
            "in the event and in the snapshot"
        );
        story.accept(&completion);
        let removal = EventKind::PhaseConfigRemoved {
            phase: phase("second"),
        };
        let later = story.transition(vec![removal]);
        assert!(
            later.weight() > MAX_SUMMARY_BYTES,
            "every snapshot holds the summaries"
        );

        let resource = ResourceWrite {
            resource: ResourceRef {
                kind: ResourceKind::new("proxy").unwrap(),
                id: ResourceId::new("one").unwrap(),
            },
            expected: Expected::Any,
            document: Some(document(MAX_RESOURCE_BYTES)),
        };
        assert!(resource.weight() > MAX_RESOURCE_BYTES);
        let nothing = ResourceWrite {
            document: Some(json!({})),
            ..resource
        };
        assert!(nothing.weight() < 8_192);

        let key = IdempotencyEntry {
            key: IdempotencyKey::new("key").unwrap(),
            campaign: None,
            command: Digest::of(&json!(1)),
            outcome: document(MAX_OUTCOME_BYTES),
            expires_at: Timestamp::from_unix_ms(0),
        };
        assert!(key.weight() > MAX_OUTCOME_BYTES);
    }
}
