//! What a backup leaves out: the rows whose space waits to be reclaimed.

use std::collections::BTreeMap;

use phasegate_core::CampaignId;
use phasegate_core::stored::StoredTombstone;
use redb::ReadableTable;

use crate::commits::Commit;
use crate::fault::Fault;
use crate::key::{self, Key};
use crate::lookup;
use crate::rows::{self, View};
use crate::tables::{
    BY_EXPIRY, CAMPAIGN_LOG, CONFIGS, IDEMPOTENCY, LOG, RECLAIM, RECLAIM_RUNS, RECORDS, RUNS, TableSpec,
};

/// The rows that are left out.
pub(super) struct Omitted {
    /// Deleted campaigns.
    deleted: BTreeMap<CampaignId, StoredTombstone>,
    /// The beginnings of the keys of phases with pruned runs, each with the end of the latest pruned one.
    pruned: BTreeMap<Key, Key>,
}

impl Omitted {
    /// Reads the queues of what waits to be reclaimed. What is queued and should not be, by a damage, is not left out.
    pub(super) fn of(txn: &View) -> Result<Self, Fault> {
        let mut omitted = Self {
            deleted: BTreeMap::new(),
            pruned: BTreeMap::new(),
        };
        for entry in ReadableTable::iter(rows::table(txn, &RECLAIM)?)? {
            let key = entry?.0;
            if let Some(id) = key::first_campaign(key.value())
                && let Some(grave) = unless_damaged(lookup::tombstone(txn, id))?
            {
                omitted.deleted.insert(id, grave);
            }
        }
        for entry in ReadableTable::iter(rows::table(txn, &RECLAIM_RUNS)?)? {
            let key = entry?.0;
            let Some((id, phase, run)) = key::run_parts(key.value()) else {
                continue;
            };
            let is_pruned = lookup::is_pruned(txn, id, &phase, run).map(Some);
            if unless_damaged(is_pruned)? == Some(true) {
                // The later runs of a phase come later.
                let (phase, run) = (key::phase(id, &phase), key::run(id, &phase, run));
                omitted.pruned.insert(phase, run);
            }
        }
        Ok(omitted)
    }

    /// Whether a row is left out.
    pub(super) fn has(&self, spec: &TableSpec, key: &[u8], value: &[u8]) -> Result<bool, Fault> {
        if self.deleted.is_empty() && self.pruned.is_empty() {
            return Ok(false);
        }
        let grave = |key| key::first_campaign(key).and_then(|id| self.deleted.get(&id));
        let is = |table: &TableSpec| spec.name == table.name;
        Ok(if is(&LOG) {
            let commit = unless_damaged(Commit::read(key, value).map(Some).map_err(Fault::from))?;
            let of = commit.as_ref().and_then(|commit| commit.campaign);
            let grave = of.and_then(|of| self.deleted.get(&of.id));
            grave.is_some_and(|grave| key::last_u64(key) != Some(grave.number))
        } else if is(&RUNS) || is(&RECORDS) || is(&RECLAIM_RUNS) {
            grave(key).is_some() || self.is_pruned(key)
        } else if is(&CAMPAIGN_LOG) || is(&CONFIGS) || is(&RECLAIM) {
            grave(key).is_some()
        } else if is(&IDEMPOTENCY) {
            self.has_key(key)
        } else if is(&BY_EXPIRY) {
            self.has_key(key.get(8..).unwrap_or_default())
        } else {
            false
        })
    }

    /// Whether a row that is a run's, by its key, is that of a pruned one.
    fn is_pruned(&self, key: &[u8]) -> bool {
        let before = self
            .pruned
            .range::<[u8], _>((std::ops::Bound::Unbounded, std::ops::Bound::Included(key)));
        before.last().is_some_and(|(phase, run)| {
            let of_run = key.get(..run.len());
            key.starts_with(phase) && of_run.is_some_and(|of_run| of_run <= run.as_slice())
        })
    }

    /// Whether an idempotency key is left out: one of a deleted campaign, but for that of its deletion.
    fn has_key(&self, key: &[u8]) -> bool {
        let Some((1, rest)) = key.split_first() else {
            return false;
        };
        let Some((id, grave)) = key::first_campaign(rest).and_then(|id| Some((id, self.deleted.get(&id)?)))
        else {
            return false;
        };
        let kept = grave.key.as_ref().map(|kept| key::idempotency(Some(id), kept));
        kept.as_deref() != Some(key)
    }
}

/// What was read, or nothing where it is damaged.
fn unless_damaged<T>(read: Result<Option<T>, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Err(Fault::Refused(_)) => Ok(None),
        read => read,
    }
}
