//! Reads of at most one page each. A deleted campaign shows only its deletion.

mod campaigns;
mod events;
mod records;

use phasegate_core::storage::{IdempotencyEntry, IdempotencyKey, Resource};
use phasegate_core::{
    CampaignId, CommitId, PhaseName, ResourceId, ResourceKind, ResourceRef, Revision, Timestamp, Version,
};
use redb::{ReadTransaction, ReadableTable};
use serde_json::Value;

use crate::envelope;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::tables;
use crate::values::StoredResource;

pub(crate) use campaigns::campaigns;
pub(crate) use events::{events, place_in};
pub(crate) use records::{records, run_output};

/// Whether the campaign exists: it was created and is not deleted.
fn is_there(txn: &ReadTransaction, id: CampaignId) -> Result<bool, Fault> {
    let campaigns = lookup::table(txn, &tables::CAMPAIGNS)?;
    Ok(campaigns.get(key::campaign(id).as_slice())?.is_some())
}

pub(crate) fn committed(
    txn: &ReadTransaction,
    campaign: CampaignId,
    expected_version: Version,
    id: CommitId,
) -> Result<bool, Fault> {
    let Some(seq) = expected_version.0.checked_add(1) else {
        return Ok(false);
    };
    let campaign_log = lookup::table(txn, &tables::CAMPAIGN_LOG)?;
    let Some(number) = lookup::place_of(&campaign_log, campaign, seq)? else {
        return Ok(false);
    };
    if let Some(grave) = lookup::tombstone(&lookup::table(txn, &tables::TOMBSTONES)?, campaign)?
        && grave.number != number
    {
        return Ok(false);
    }
    match lookup::log_entry(&lookup::table(txn, &tables::LOG)?, number)? {
        Some(entry) if (entry.campaign, entry.seq.0) == (campaign, seq) => Ok(entry.commit == id),
        // Answering no here could deny a commit that was done.
        _ => {
            let reason = "the event is missing, or another one stands here";
            Err(envelope::damaged(&tables::LOG, &key::log(number), reason).into())
        }
    }
}

pub(crate) fn idempotency(
    txn: &ReadTransaction,
    campaign: Option<CampaignId>,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<IdempotencyEntry>, Fault> {
    if let Some(id) = campaign
        && let Some(grave) = lookup::tombstone(&lookup::table(txn, &tables::TOMBSTONES)?, id)?
        && grave.key.as_ref() != Some(key)
    {
        return Ok(None);
    }
    let entries = lookup::table(txn, &tables::IDEMPOTENCY)?;
    let entry = lookup::idempotency(&entries, &key::idempotency(campaign, key))?;
    Ok(entry.filter(|entry| entry.expires_at > now))
}

pub(crate) fn config(
    txn: &ReadTransaction,
    campaign: CampaignId,
    phase: &PhaseName,
    revision: Revision,
) -> Result<Option<Value>, Fault> {
    if !is_there(txn, campaign)? {
        return Ok(None);
    }
    let key = key::config(campaign, phase, revision);
    match lookup::table(txn, &tables::CONFIGS)?.get(key.as_slice())? {
        Some(value) => Ok(Some(envelope::open_json(&tables::CONFIGS, &key, value.value())?)),
        None => Ok(None),
    }
}

pub(crate) fn resource(txn: &ReadTransaction, resource: ResourceRef) -> Result<Option<Resource>, Fault> {
    let resources = lookup::table(txn, &tables::RESOURCES)?;
    let stored = lookup::resource(&resources, &key::resource(&resource))?;
    Ok(stored.map(|stored| with_name(resource, stored)))
}

fn with_name(resource: ResourceRef, stored: StoredResource) -> Resource {
    Resource {
        resource,
        revision: stored.revision,
        document: stored.document,
    }
}

pub(crate) fn resources(
    txn: &ReadTransaction,
    kind: &ResourceKind,
    after: Option<ResourceId>,
    limit: usize,
) -> Result<Vec<Resource>, Fault> {
    use std::ops::Bound;
    let prefix = key::resource_kind(kind);
    let end = key::after_prefix(&prefix);
    let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let last = after.map(|id| {
        key::resource(&ResourceRef {
            kind: kind.clone(),
            id,
        })
    });
    let start = last
        .as_deref()
        .map_or(Bound::Included(prefix.as_slice()), Bound::Excluded);
    let mut page = Vec::new();
    let table = lookup::table(txn, &tables::RESOURCES)?;
    for entry in ReadableTable::range::<&[u8]>(&table, (start, end))?.take(limit.clamp(1, 1_000)) {
        let (key, value) = entry?;
        let (key, value) = (key.value(), value.value());
        let stored = envelope::open_json(&tables::RESOURCES, key, value)?;
        let id = key
            .strip_prefix(prefix.as_slice())
            .and_then(|id| ResourceId::new(std::str::from_utf8(id).ok()?).ok())
            .ok_or_else(|| envelope::damaged(&tables::RESOURCES, key, "its key is not a resource's"))?;
        page.push(with_name(
            ResourceRef {
                kind: kind.clone(),
                id,
            },
            stored,
        ));
    }
    Ok(page)
}
