//! Reading single values, in a read transaction or a write transaction.

use phasegate_core::storage::{IdempotencyEntry, RunOutput};
use phasegate_core::{Campaign, CampaignId, Revision};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable};

use crate::envelope;
use crate::fault::Fault;
use crate::key;
use crate::tables::{self, TableSpec};
use crate::values::{LogEntry, StoredResource, Tombstone};

/// A table that is open in a read transaction or a write transaction.
pub(crate) trait BytesTable: ReadableTable<&'static [u8], &'static [u8]> {}
impl<T: ReadableTable<&'static [u8], &'static [u8]>> BytesTable for T {}

/// Opens a table for reading.
pub(crate) fn table(
    txn: &ReadTransaction,
    spec: &TableSpec,
) -> Result<ReadOnlyTable<&'static [u8], &'static [u8]>, Fault> {
    Ok(txn.open_table(spec.definition())?)
}

fn json<T: serde::de::DeserializeOwned>(
    table: &impl BytesTable,
    spec: &TableSpec,
    key: &[u8],
) -> Result<Option<T>, Fault> {
    match table.get(key)? {
        Some(value) => Ok(Some(envelope::open_json(spec, key, value.value())?)),
        None => Ok(None),
    }
}

pub(crate) fn campaign(campaigns: &impl BytesTable, id: CampaignId) -> Result<Option<Campaign>, Fault> {
    let key = key::campaign(id);
    let campaign: Option<Campaign> = json(campaigns, &tables::CAMPAIGNS, &key)?;
    match campaign {
        Some(other) if other.id != id => {
            Err(envelope::damaged(&tables::CAMPAIGNS, &key, "it is another campaign's").into())
        }
        campaign => Ok(campaign),
    }
}

pub(crate) fn tombstone(tombstones: &impl BytesTable, id: CampaignId) -> Result<Option<Tombstone>, Fault> {
    json(tombstones, &tables::TOMBSTONES, &key::campaign(id))
}

pub(crate) fn run_output(runs: &impl BytesTable, run: &[u8]) -> Result<Option<RunOutput>, Fault> {
    json(runs, &tables::RUNS, run)
}

pub(crate) fn resource(resources: &impl BytesTable, key: &[u8]) -> Result<Option<StoredResource>, Fault> {
    json(resources, &tables::RESOURCES, key)
}

pub(crate) fn idempotency(entries: &impl BytesTable, key: &[u8]) -> Result<Option<IdempotencyEntry>, Fault> {
    json(entries, &tables::IDEMPOTENCY, key)
}

pub(crate) fn log_entry(log: &impl BytesTable, number: u64) -> Result<Option<LogEntry>, Fault> {
    json(log, &tables::LOG, &key::log(number))
}

fn number(table: &impl BytesTable, spec: &TableSpec, key: &[u8]) -> Result<Option<u64>, Fault> {
    match table.get(key)? {
        Some(value) => Ok(Some(envelope::open_u64(spec, key, value.value())?)),
        None => Ok(None),
    }
}

/// The place in the store-wide log of the event `seq` of a campaign.
pub(crate) fn place_of(
    campaign_log: &impl BytesTable,
    id: CampaignId,
    seq: u64,
) -> Result<Option<u64>, Fault> {
    let key = key::campaign_log(id, seq);
    let place = number(campaign_log, &tables::CAMPAIGN_LOG, &key)?;
    match place {
        Some(0) => Err(envelope::damaged(&tables::CAMPAIGN_LOG, &key, "0 is not a place in the log").into()),
        place => Ok(place),
    }
}

/// The highest revision that a resource ever had.
pub(crate) fn highest_revision(revisions: &impl BytesTable, key: &[u8]) -> Result<Revision, Fault> {
    let highest = number(revisions, &tables::RESOURCE_REVISIONS, key)?;
    Ok(Revision(highest.unwrap_or(0)))
}

/// The number of the latest event in the store-wide log; 0 while it is empty.
pub(crate) fn last_number(log: &impl BytesTable) -> Result<u64, Fault> {
    match log.last()? {
        Some((key, _)) => {
            let key = key.value();
            let number = key::last_u64(key).filter(|_| key.len() == 8);
            Ok(number.ok_or_else(|| envelope::damaged(&tables::LOG, key, "its key is not a number"))?)
        }
        None => Ok(0),
    }
}
