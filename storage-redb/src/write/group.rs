//! The writes of one transaction: they see what those before them write, and their rows reach the database at the end, in order.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use phasegate_core::storage::WriteRef;
use phasegate_core::{Campaign, CampaignId, Timestamp};
use redb::WriteTransaction;

use crate::fault::Fault;
use crate::key::Key;
use crate::leases::Leases;
use crate::lookup;
use crate::metrics::WriteKind;
use crate::recent::{self, Recent, Snapshot};
use crate::rows::{Rows, View};
use crate::tables::{Definition, TableSpec};

/// The rows of one table that a group writes; `None` removes one.
pub(crate) type TableRows = BTreeMap<Key, Option<Vec<u8>>>;

/// A campaign with new events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Grown {
    /// The number of the latest one in the store-wide log.
    pub(crate) last: u64,
    /// Whether the campaign is at rest after it, or deleted.
    pub(crate) is_at_rest: bool,
}

/// The writes of one transaction.
pub(crate) struct Group<'w> {
    before: Arc<View>,
    rows: BTreeMap<&'static str, TableRows>,
    /// Who works on what. A change that is made here stays, so a group that fails leaves a store that does nothing more.
    pub(crate) leases: &'w mut Leases,
    /// The time by the store's clock.
    pub(crate) now: Timestamp,
    /// The number of the latest event in the store-wide log.
    pub(crate) last: u64,
    /// The campaigns with new events.
    pub(crate) grown: BTreeMap<CampaignId, Grown>,
    recent: &'w Recent,
    /// The snapshots that it leaves; `None` of a deleted campaign, and of one that is too large to be kept.
    snapshots: BTreeMap<CampaignId, Option<Arc<Campaign>>>,
}

impl<'w> Group<'w> {
    /// A group without writes, over the rows `before` it, of which `last` is the number of the latest event.
    pub(crate) fn new(
        before: Arc<View>,
        recent: &'w Recent,
        last: u64,
        now: Timestamp,
        leases: &'w mut Leases,
    ) -> Self {
        Self {
            before,
            recent,
            snapshots: BTreeMap::new(),
            rows: BTreeMap::new(),
            leases,
            now,
            last,
            grown: BTreeMap::new(),
        }
    }

    /// The rows before the group.
    pub(crate) fn before(&self) -> &View {
        &self.before
    }

    /// A campaign as it is after what was written so far.
    pub(crate) fn campaign(&self, id: CampaignId) -> Result<Option<Arc<Campaign>>, Fault> {
        let known = match self.snapshots.get(&id) {
            Some(written) => written.clone(),
            None => self.recent.get(id).map(|recent| recent.campaign),
        };
        match known {
            Some(known) => Ok(Some(known)),
            None => Ok(lookup::campaign(self, id)?.map(Arc::new)),
        }
    }

    /// Notes the snapshot that a campaign has now, in so many stored bytes; `None` once it is deleted.
    pub(crate) fn has_now(&mut self, id: CampaignId, snapshot: Option<Arc<Campaign>>, stored: usize) {
        let kept = snapshot.filter(|_| recent::is_kept(stored));
        self.snapshots.insert(id, kept);
    }

    pub(crate) fn put(&mut self, spec: &TableSpec, key: Key, value: Vec<u8>) {
        self.rows.entry(spec.name).or_default().insert(key, Some(value));
    }

    /// Puts a row of an index.
    pub(crate) fn put_key(&mut self, spec: &TableSpec, key: Key) {
        self.put(spec, key, Vec::new());
    }

    pub(crate) fn remove(&mut self, spec: &TableSpec, key: Key) {
        self.rows.entry(spec.name).or_default().insert(key, None);
    }

    /// What it leaves: its rows, the number of the latest event, and the campaigns with new events.
    pub(crate) fn end(self) -> Ended {
        Ended {
            rows: self.rows,
            last: self.last,
            grown: self.grown,
            snapshots: self.snapshots,
        }
    }
}

impl Rows for Group<'_> {
    fn with<T>(
        &self,
        spec: &TableSpec,
        key: &[u8],
        work: impl FnOnce(&[u8]) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        match self.rows.get(spec.name).and_then(|rows| rows.get(key)) {
            Some(Some(value)) => work(value).map(Some),
            Some(None) => Ok(None),
            None => self.before.with(spec, key, work),
        }
    }
}

/// A group whose writes are done, but for the database.
#[derive(Default)]
pub(crate) struct Ended {
    rows: BTreeMap<&'static str, TableRows>,
    /// The number of the latest event in the store-wide log.
    pub(crate) last: u64,
    /// The campaigns with new events.
    pub(crate) grown: BTreeMap<CampaignId, Grown>,
    snapshots: BTreeMap<CampaignId, Option<Arc<Campaign>>>,
}

impl Ended {
    /// The campaigns whose snapshots it replaces.
    pub(crate) fn replaced(&self) -> impl Iterator<Item = CampaignId> {
        self.snapshots.keys().copied()
    }

    /// The snapshots that it leaves, as far as they are to be kept.
    pub(crate) fn take_snapshots(&mut self) -> impl Iterator<Item = (CampaignId, Snapshot)> {
        let grown = &self.grown;
        mem::take(&mut self.snapshots)
            .into_iter()
            .filter_map(|(id, campaign)| {
                let (campaign, last) = (campaign?, grown.get(&id)?.last);
                Some((id, Snapshot { campaign, last }))
            })
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows there are to write.
    pub(crate) fn len(&self) -> usize {
        self.rows.values().map(BTreeMap::len).sum()
    }

    /// The rows, table by table and key by key.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&'static str, &TableRows)> {
        self.rows.iter().map(|(name, rows)| (*name, rows))
    }

    /// Writes the rows, table by table and key by key. Tables without any stay unopened.
    pub(crate) fn write(&self, txn: &WriteTransaction) -> Result<(), Fault> {
        for (name, rows) in &self.rows {
            let mut table = txn.open_table(Definition::new(name))?;
            for (key, value) in rows {
                match value {
                    Some(value) => table.insert(key.as_slice(), value.as_slice())?,
                    None => table.remove(key.as_slice())?,
                };
            }
        }
        Ok(())
    }
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
pub(super) const BASE_WEIGHT: usize = 4096;
