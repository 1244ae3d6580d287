//! The append of a batch of records.

use phasegate_core::Timestamp;
use phasegate_core::storage::{Appended, Output, StorageError};

use super::{BASE_WEIGHT, Tables, Write, json_bytes};
use crate::block;
use crate::envelope::{seal, seal_json};
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::metrics::WriteKind;
use crate::tables;

impl Write for Output {
    type Done = Appended;
    const KIND: WriteKind = WriteKind::Append;

    fn apply(&self, tables: &mut Tables<'_>, _now: Timestamp) -> Result<Appended, Fault> {
        let campaign = lookup::campaign(&tables.campaigns, self.ticket.campaign)?;
        if campaign.and_then(|campaign| campaign.ticket()).as_ref() != Some(&self.ticket) {
            return Err(Fault::Refused(StorageError::StaleTicket {
                ticket: self.ticket.clone(),
            }));
        }
        let run = key::run(self.ticket.campaign, &self.ticket.phase, self.ticket.run);
        let latest = lookup::run_output(&tables.runs, &run)?;
        if let Some(latest) = &latest
            && latest.batch == self.batch
        {
            return Ok(Appended {
                batch: latest.batch,
                records: latest.records,
            });
        }
        let mut output = latest.unwrap_or_default();
        if self.batch != output.batch.next() {
            return Err(Fault::Refused(StorageError::BatchOutOfOrder {
                ticket: self.ticket.clone(),
                expected: output.batch.next(),
                actual: self.batch,
            }));
        }
        let mut first = output.records;
        output.batch = self.batch;
        output.records = first.saturating_add(self.records.len() as u64);
        if let Some(checkpoint) = &self.checkpoint {
            output.checkpoint = Some(checkpoint.clone());
        }
        if let Some(progress) = self.progress {
            output.progress = Some(progress);
        }
        let sealed = seal_json(&tables::RUNS, &run, &output)?;

        tables.changed = true;
        for (count, payload) in block::split(&self.records) {
            let key = key::block(&run, first);
            let value = seal(&tables::RECORDS, &key, &payload);
            tables.records.insert(key.as_slice(), value.as_slice())?;
            first = first.saturating_add(u64::from(count));
        }
        tables.runs.insert(run.as_slice(), sealed.as_slice())?;
        Ok(Appended {
            batch: output.batch,
            records: output.records,
        })
    }

    fn weight(&self) -> usize {
        let records: usize = self.records.iter().map(|record| record.get().len() + 4).sum();
        BASE_WEIGHT + records + json_bytes(&self.checkpoint)
    }
}
