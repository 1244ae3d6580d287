//! Records by page. The block that holds the first record is found by its key.

use phasegate_core::limits::MAX_PAGE_BYTES;
use phasegate_core::storage::RecordPage;
use phasegate_core::{CampaignId, PhaseName, Run};
use redb::ReadableTable;

use super::run_output;
use crate::block::Block;
use crate::envelope::{self, damaged};
use crate::fault::Fault;
use crate::key;
use crate::rows::{self, View};
use crate::tables::RECORDS;

pub(crate) fn records(
    txn: &View,
    (campaign, phase, run): (CampaignId, &PhaseName, Run),
    from: u64,
    limit: usize,
) -> Result<RecordPage, Fault> {
    let mut page = RecordPage {
        from,
        ..RecordPage::default()
    };
    let total = run_output(txn, campaign, phase, run, None)?
        .unwrap_or_default()
        .records;
    if from >= total {
        return Ok(page);
    }
    let end = total.min(from.saturating_add(limit.clamp(1, 10_000) as u64));
    let run = key::run(campaign, phase, run);
    let table = rows::table(txn, &RECORDS)?;
    let (low, start, high) = (
        key::block(&run, 0),
        key::block(&run, from),
        key::block(&run, u64::MAX),
    );
    let first = match ReadableTable::range::<&[u8]>(table, low.as_slice()..=start.as_slice())?.next_back() {
        Some(entry) => entry?.0.value().to_vec(),
        None => return Err(damaged(&RECORDS, &start, "the block that begins the page is missing").into()),
    };
    let (mut next, mut bytes) = (from, 0);
    for entry in ReadableTable::range::<&[u8]>(table, first.as_slice()..=high.as_slice())? {
        let (key, value) = entry?;
        let key = key.value();
        let wrong = |reason: &str| damaged(&RECORDS, key, reason);
        let block = Block::read(envelope::open(&RECORDS, key, value.value())?).map_err(wrong)?;
        let begins = key::last_u64(key).unwrap_or(0);
        let skip = next.checked_sub(begins).filter(|skip| *skip < block.len() as u64);
        let skip = skip.ok_or_else(|| wrong("it doesn't follow the block before it"))?;
        for index in skip as usize..block.len() {
            if next == end {
                break;
            }
            let record = block.record(index).map_err(wrong)?;
            bytes += record.get().len();
            if bytes > MAX_PAGE_BYTES && !page.records.is_empty() {
                page.next = Some(next);
                return Ok(page);
            }
            page.records.push(record);
            next += 1;
        }
        if next == end {
            break;
        }
    }
    if next < end {
        let key = key::block(&run, next);
        return Err(damaged(&RECORDS, &key, "the block is missing").into());
    }
    page.next = (next < total).then_some(next);
    Ok(page)
}
