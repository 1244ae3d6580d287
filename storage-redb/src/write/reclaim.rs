//! The space of deleted campaigns and of expired idempotency keys, taken back in bounded commits.

use phasegate_core::{CampaignId, Timestamp};
use redb::ReadableTable;

use super::{Budget, Tables, remove_range};
use crate::envelope;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::tables;

/// What one step of reclaiming came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reclaimed {
    /// There was nothing to do.
    Nothing,
    /// Something was done, and there may be more.
    Some,
}

const STEP: Budget = Budget {
    keys: 2_000,
    bytes: 4 * 1024 * 1024,
};

/// Takes back some of the space of the first deleted campaign in the queue.
pub(crate) fn reclaim_some(tables: &mut Tables<'_>) -> Result<Reclaimed, Fault> {
    let queued = match tables.reclaim.first()? {
        Some((key, _)) => key.value().to_vec(),
        None => return Ok(Reclaimed::Nothing),
    };
    tables.changed = true;
    let done = match key::first_campaign(&queued).filter(|_| queued.len() == 16) {
        Some(id) => reclaim(tables, id)?,
        None => true,
    };
    if done {
        tables.reclaim.remove(queued.as_slice())?;
    }
    Ok(Reclaimed::Some)
}

fn reclaim(tables: &mut Tables<'_>, id: CampaignId) -> Result<bool, Fault> {
    let mut budget = Budget { ..STEP };
    // Without a readable tombstone nothing is known for certain to be the deleted campaign's: it is left as it is.
    let grave = match lookup::tombstone(&tables.tombstones, id) {
        Ok(Some(grave)) => grave,
        Ok(None) | Err(Fault::Refused(_)) => return Ok(true),
        Err(broken) => return Err(broken),
    };
    let from = key::campaign(id);
    let to = key::after_prefix(&from);
    let range = (from.as_slice(), to.as_deref());
    for table in [&mut tables.records, &mut tables.runs, &mut tables.configs] {
        if !remove_range(table, range, &mut budget, |_| false, |_, _| Ok(()))? {
            return Ok(false);
        }
    }
    let log = &mut tables.log;
    let complete = remove_range(
        &mut tables.campaign_log,
        range,
        &mut budget,
        |key| key::last_u64(key) == Some(grave.seq.0),
        |key, value| {
            if let Ok(number) = envelope::open_u64(&tables::CAMPAIGN_LOG, key, value)
                && number != grave.number
            {
                log.remove(key::log(number).as_slice())?;
            }
            Ok(())
        },
    )?;
    if !complete {
        return Ok(false);
    }
    let kept = grave.key.map(|kept| key::idempotency(Some(id), &kept));
    let from = key::scope(Some(id));
    let to = key::after_prefix(&from);
    let by_expiry = &mut tables.by_expiry;
    remove_range(
        &mut tables.idempotency,
        (&from, to.as_deref()),
        &mut budget,
        |key| kept.as_deref() == Some(key),
        |key, value| {
            let entry = envelope::open_json(&tables::IDEMPOTENCY, key, value);
            if let Ok(phasegate_core::storage::IdempotencyEntry { expires_at, .. }) = entry {
                by_expiry.remove(key::expiry(expires_at.as_unix_ms(), key).as_slice())?;
            }
            Ok(())
        },
    )
}

/// Forgets some of the idempotency keys that have expired.
pub(crate) fn purge_expired(tables: &mut Tables<'_>, now: Timestamp) -> Result<Reclaimed, Fault> {
    let mut budget = Budget { ..STEP };
    let to = key::expiry(now.as_unix_ms().saturating_add(1), &[]);
    let idempotency = &mut tables.idempotency;
    let mut removed = false;
    remove_range(
        &mut tables.by_expiry,
        (&[], Some(&to)),
        &mut budget,
        |_| false,
        |key, _| {
            removed = true;
            if let Some(entry) = key.get(8..) {
                idempotency.remove(entry)?;
            }
            Ok(())
        },
    )?;
    tables.changed |= removed;
    Ok(if removed {
        Reclaimed::Some
    } else {
        Reclaimed::Nothing
    })
}
