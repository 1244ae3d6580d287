//! Events by page, of the whole store or of one campaign.

use std::collections::BTreeMap;

use phasegate_core::CampaignId;
use phasegate_core::limits::MAX_PAGE_BYTES;
use phasegate_core::storage::{Cursor, EventPage, EventScope};
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};

use crate::envelope::{damaged, open_json, open_u64};
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::tables::{self, CAMPAIGN_LOG, LOG};
use crate::values::{LogEntry, cursor, place};

/// A page looks at no more events than this, hidden ones included.
const MOST_LOOKED_AT: usize = 10_000;

pub(crate) fn events(
    txn: &ReadTransaction,
    scope: EventScope,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<EventPage, Fault> {
    let limit = limit.clamp(1, 1_000);
    let log = lookup::table(txn, &LOG)?;
    let last = lookup::last_number(&log)?;
    let after = place(after, last)?;
    match scope {
        EventScope::Store => store_events(txn, &log, after, last, limit),
        EventScope::Campaign(id) => campaign_events(txn, &log, id, after, limit),
    }
}

/// The place that a cursor names in the present log; 0 without a cursor.
pub(crate) fn place_in(txn: &ReadTransaction, after: Option<&Cursor>) -> Result<u64, Fault> {
    let last = lookup::last_number(&lookup::table(txn, &LOG)?)?;
    Ok(place(after, last)?)
}

fn store_events(
    txn: &ReadTransaction,
    log: &impl lookup::BytesTable,
    after: u64,
    last: u64,
    limit: usize,
) -> Result<EventPage, Fault> {
    let mut page = EventPage::default();
    let mut hidden = HiddenEvents::new(txn)?;
    let (mut bytes, mut number) = (0, after);
    let start = key::log(after.saturating_add(1));
    for entry in log.range::<&[u8]>(start.as_slice()..)?.take(MOST_LOOKED_AT) {
        let (key, value) = entry?;
        let (key, value) = (key.value(), value.value());
        bytes += value.len();
        if page.items.len() == limit || (bytes > MAX_PAGE_BYTES && !page.items.is_empty()) {
            break;
        }
        let this = key::last_u64(key).ok_or_else(|| damaged(&LOG, key, "its key is not a number"))?;
        let entry: LogEntry = open_json(&LOG, key, value)?;
        number = this;
        if !hidden.hides(entry.campaign, number)? {
            page.items.push(entry.at(number));
        }
    }
    page.next_cursor = (number < last && number > 0).then(|| cursor(number));
    Ok(page)
}

/// Tells which events are hidden: those of deleted campaigns whose space is not reclaimed yet.
struct HiddenEvents {
    tombstones: Option<redb::ReadOnlyTable<&'static [u8], &'static [u8]>>,
    known: BTreeMap<CampaignId, Option<u64>>,
}

impl HiddenEvents {
    fn new(txn: &ReadTransaction) -> Result<Self, Fault> {
        let tombstones = lookup::table(txn, &tables::TOMBSTONES)?;
        Ok(Self {
            tombstones: (!tombstones.is_empty()?).then_some(tombstones),
            known: BTreeMap::new(),
        })
    }

    fn hides(&mut self, campaign: CampaignId, number: u64) -> Result<bool, Fault> {
        let Some(tombstones) = &self.tombstones else {
            return Ok(false);
        };
        let deletion = match self.known.get(&campaign) {
            Some(known) => *known,
            None => {
                let deletion = lookup::tombstone(tombstones, campaign)?.map(|grave| grave.number);
                self.known.insert(campaign, deletion);
                deletion
            }
        };
        Ok(deletion.is_some_and(|deletion| deletion != number))
    }
}

fn campaign_events(
    txn: &ReadTransaction,
    log: &impl lookup::BytesTable,
    id: CampaignId,
    after: u64,
    limit: usize,
) -> Result<EventPage, Fault> {
    let mut page = EventPage::default();
    let campaign_log = lookup::table(txn, &CAMPAIGN_LOG)?;
    let grave = lookup::tombstone(&lookup::table(txn, &tables::TOMBSTONES)?, id)?;
    let start = match &grave {
        Some(grave) if grave.number <= after => return Ok(page),
        Some(grave) => grave.seq.0,
        None => first_after(&campaign_log, id, after)?,
    };
    let mut expected = start;
    let (start, end) = (key::campaign_log(id, start), key::campaign_log(id, u64::MAX));
    let mut bytes = 0;
    for entry in ReadableTable::range::<&[u8]>(&campaign_log, start.as_slice()..=end.as_slice())? {
        let (key, value) = entry?;
        if key::last_u64(key.value()) != Some(expected) {
            let key = key::campaign_log(id, expected);
            return Err(damaged(&CAMPAIGN_LOG, &key, "the event is missing").into());
        }
        expected = expected.saturating_add(1);
        let number = open_u64(&CAMPAIGN_LOG, key.value(), value.value())?;
        let log_key = key::log(number);
        let Some(value) = log.get(log_key.as_slice())? else {
            return Err(damaged(&LOG, &log_key, "the event is missing").into());
        };
        bytes += value.value().len();
        if page.items.len() == limit || (bytes > MAX_PAGE_BYTES && !page.items.is_empty()) {
            page.next_cursor = page.items.last().map(|event| event.cursor.clone());
            break;
        }
        let entry: LogEntry = open_json(&LOG, &log_key, value.value())?;
        if entry.campaign != id || Some(entry.seq.0) != key::last_u64(key.value()) {
            return Err(damaged(&LOG, &log_key, "it is another event than the campaign's log says").into());
        }
        page.items.push(entry.at(number));
    }
    Ok(page)
}

/// The number of a campaign's first event after a place in the store-wide log.
fn first_after(campaign_log: &impl lookup::BytesTable, id: CampaignId, after: u64) -> Result<u64, Fault> {
    if after == 0 {
        return Ok(1);
    }
    let end = key::campaign_log(id, u64::MAX);
    let begin = key::campaign_log(id, 0);
    let last = match campaign_log
        .range::<&[u8]>(begin.as_slice()..=end.as_slice())?
        .next_back()
    {
        Some(entry) => key::last_u64(entry?.0.value()).unwrap_or(0),
        None => 0,
    };
    // The numbers are gapless and their places grow, so a binary search finds it.
    let (mut low, mut high) = (1, last.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        match lookup::place_of(campaign_log, id, middle)? {
            Some(number) if number > after => high = middle,
            Some(_) => low = middle + 1,
            None => {
                let key = key::campaign_log(id, middle);
                return Err(damaged(&CAMPAIGN_LOG, &key, "the event is missing").into());
            }
        }
    }
    Ok(low)
}
