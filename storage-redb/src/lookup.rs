//! Reading single values by their keys.

use std::borrow::Cow;

use phasegate_core::storage::{IdempotencyEntry, StorageError};
use phasegate_core::stored::{self, StoredLease, StoredResource, StoredRun, StoredTombstone, Unreadable};
use phasegate_core::{Campaign, CampaignId, PhaseName, Run, Ticket};
use redb::ReadableTable;

use crate::envelope::{self, damaged};
use crate::fault::Fault;
use crate::key;
use crate::rows::{self, Rows, View};
use crate::tables::{self, CAMPAIGNS, LOG, TableSpec};

fn value<T>(
    rows: &impl Rows,
    spec: &TableSpec,
    key: &[u8],
    read: impl FnOnce(&[u8]) -> Result<T, Unreadable>,
) -> Result<Option<T>, Fault> {
    rows.with(spec, key, |value| Ok(envelope::read(spec, key, value, read)?))
}

pub(crate) fn campaign(rows: &impl Rows, id: CampaignId) -> Result<Option<Campaign>, Fault> {
    let key = key::campaign(id);
    match value(rows, &CAMPAIGNS, &key, stored::campaign::read)? {
        Some(other) if other.id != id => Err(damaged(&CAMPAIGNS, &key, "it is another campaign's").into()),
        campaign => Ok(campaign),
    }
}

/// The campaign as it is known, or else as it is read.
pub(crate) fn known_or_read<'k>(
    rows: &impl Rows,
    id: CampaignId,
    known: Option<&'k Campaign>,
) -> Result<Option<Cow<'k, Campaign>>, Fault> {
    match known {
        Some(known) => Ok(Some(Cow::Borrowed(known))),
        None => Ok(campaign(rows, id)?.map(Cow::Owned)),
    }
}

/// Whether a campaign says that a run is pruned. A campaign that is not there doesn't.
pub(crate) fn is_pruned(
    rows: &impl Rows,
    id: CampaignId,
    phase: &PhaseName,
    run: Run,
) -> Result<bool, Fault> {
    let campaign = campaign(rows, id)?;
    let mut slots = campaign.iter().flat_map(|campaign| &campaign.phases);
    Ok(slots.any(|slot| slot.phase == *phase && slot.pruned >= run))
}

pub(crate) fn tombstone(rows: &impl Rows, id: CampaignId) -> Result<Option<StoredTombstone>, Fault> {
    value(
        rows,
        &tables::TOMBSTONES,
        &key::campaign(id),
        stored::tombstone::read,
    )
}

/// The row of the attempt of a campaign that a runner works on.
pub(crate) fn lease(rows: &impl Rows, id: CampaignId) -> Result<Option<StoredLease>, Fault> {
    value(rows, &tables::RUNNING, &key::campaign(id), stored::lease::read)
}

/// The ticket of the attempt that a lease is for.
pub(crate) fn ticket_of(campaign: CampaignId, lease: &StoredLease) -> Ticket {
    Ticket {
        campaign,
        phase: lease.phase.clone(),
        run: lease.run,
        attempt: lease.attempt,
    }
}

/// A run by its key.
pub(crate) fn run(rows: &impl Rows, run: &[u8]) -> Result<Option<StoredRun>, Fault> {
    value(rows, &tables::RUNS, run, stored::run::read)
}

/// A run that must be there, by its key.
pub(crate) fn known_run(rows: &impl Rows, run: &[u8]) -> Result<StoredRun, Fault> {
    let found = self::run(rows, run)?;
    Ok(found.ok_or_else(|| missing_run(run))?)
}

/// The error for a run that the campaign knows of and that is not there.
pub(crate) fn missing_run(run: &[u8]) -> StorageError {
    damaged(
        &tables::RUNS,
        run,
        "the campaign knows of the run, and it is missing",
    )
}

/// A resource by its key, or what remains of it.
pub(crate) fn resource(rows: &impl Rows, key: &[u8]) -> Result<Option<StoredResource>, Fault> {
    match present_resource(rows, key)? {
        None => value(rows, &tables::REMOVED_RESOURCES, key, stored::resource::read),
        present => Ok(present),
    }
}

/// A resource by its key, if it is not removed.
pub(crate) fn present_resource(rows: &impl Rows, key: &[u8]) -> Result<Option<StoredResource>, Fault> {
    value(rows, &tables::RESOURCES, key, stored::resource::read)
}

pub(crate) fn idempotency(rows: &impl Rows, key: &[u8]) -> Result<Option<IdempotencyEntry>, Fault> {
    value(rows, &tables::IDEMPOTENCY, key, stored::key::read)
}

/// The place in the store-wide log that a kept cursor names.
pub(crate) fn cursor(txn: &View, name: &str) -> Result<Option<u64>, Fault> {
    let (spec, key) = (&tables::CURSORS, name.as_bytes());
    let kept = txn.with(spec, key, |value| Ok(envelope::open_u64(spec, key, value)?))?;
    match kept {
        Some(number) if !(1..=last_number(txn)?).contains(&number) => {
            Err(damaged(spec, key, format!("the log has no event {number}")).into())
        }
        kept => Ok(kept),
    }
}

/// The number of the latest event in the store-wide log; 0 while it is empty.
pub(crate) fn last_number(txn: &View) -> Result<u64, Fault> {
    match rows::table(txn, &LOG)?.last()? {
        Some((key, _)) => {
            let key = key.value();
            let number = key::last_u64(key).filter(|_| key.len() == 8);
            Ok(number.ok_or_else(|| damaged(&LOG, key, "its key is not a number"))?)
        }
        None => Ok(0),
    }
}
