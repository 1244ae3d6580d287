//! Verifying runs and their blocks of records.

use phasegate_core::{CampaignId, stored};
use redb::ReadableTable;

use super::Verifier;
use crate::block::Block;
use crate::envelope;
use crate::fault::Fault;
use crate::key::{self, Key};
use crate::lookup;
use crate::rows::{self, Rows};
use crate::tables::{RECLAIM_RUNS, RECORDS, RUNS};

/// A run whose blocks are being read: its key, and the index at which the next block begins.
struct RunBlocks {
    run: Key,
    next: u64,
}

impl Verifier<'_> {
    pub(super) fn runs(&mut self) -> Result<(), Fault> {
        self.each(&RUNS, |this, key, value| {
            this.report.runs += 1;
            let read = envelope::read(&RUNS, key, value, stored::run::read);
            let run = this.report.note(read)?;
            let Some(id) = this.owner(&RUNS, key)? else {
                return Ok(());
            };
            if !this.is_known(id, key)? {
                this.report.find(&RUNS, key, "the campaign knows of no such run");
                return Ok(());
            }
            // If the first block exists, the blocks are compared when they are read.
            let first = key::block(key, 0);
            if run.is_some_and(|run| run.output.records > 0) && !this.txn.has(&RECORDS, &first)? {
                this.report.find(&RECORDS, &first, "the block is missing");
            }
            Ok(())
        })
    }

    /// Whether a campaign knows of a run, or has pruned it and its space waits to be reclaimed.
    fn is_known(&self, id: CampaignId, key: &[u8]) -> Result<bool, Fault> {
        let Some((_, phase, run)) = key::run_parts(key) else {
            return Ok(false);
        };
        let campaign = match lookup::campaign(self.txn, id) {
            Ok(Some(campaign)) => campaign,
            Ok(None) => return Ok(false),
            // A damaged snapshot is reported elsewhere.
            Err(Fault::Refused(_)) => return Ok(true),
            Err(broken) => return Err(broken),
        };
        let slot = campaign.phases.iter().find(|slot| slot.phase == phase);
        Ok(match slot {
            Some(slot) if run > slot.pruned => run <= slot.latest_run,
            Some(_) => self.is_being_reclaimed(key)?,
            None => false,
        })
    }

    /// Whether a run stands in the queue of what is to be reclaimed, or a later one of its phase does.
    fn is_being_reclaimed(&self, run: &[u8]) -> Result<bool, Fault> {
        let phase = &run[..run.len().saturating_sub(4)];
        let queue = rows::table(self.txn, &RECLAIM_RUNS)?;
        match ReadableTable::range::<&[u8]>(queue, run..)?.next() {
            Some(entry) => Ok(entry?.0.value().starts_with(phase)),
            None => Ok(false),
        }
    }

    pub(super) fn blocks(&mut self) -> Result<(), Fault> {
        let mut reading: Option<RunBlocks> = None;
        self.each(&RECORDS, |this, key, value| {
            let opened = envelope::open(&RECORDS, key, value);
            let count = match this.report.note(opened)? {
                Some(payload) => this.block(key, payload),
                None => None,
            };
            this.report.records += count.unwrap_or(0);
            let run = &key[..key.len().saturating_sub(8)];
            let first = key::last_u64(key).unwrap_or(0);
            if reading.as_ref().is_none_or(|reading| reading.run != run) {
                if let Some(done) = reading.take() {
                    this.end_of_run(&done)?;
                }
                let run = run.to_vec();
                let owner = this.owner(&RECORDS, key)?;
                // What is being reclaimed loses its blocks before its run.
                let is_whole = owner.is_some() && !this.is_being_reclaimed(&run)?;
                reading = is_whole.then_some(RunBlocks { run, next: 0 });
            }
            if let Some(reading) = &mut reading {
                if reading.next != first {
                    let problem = format!("the block before it ends at {}", reading.next);
                    this.report.find(&RECORDS, key, problem);
                }
                reading.next = first.saturating_add(count.unwrap_or(0));
            }
            Ok(())
        })?;
        match reading {
            Some(done) => self.end_of_run(&done),
            None => Ok(()),
        }
    }

    /// How many sound records a block has; `None` for a damaged block.
    fn block(&mut self, key: &[u8], payload: &[u8]) -> Option<u64> {
        let checked = Block::read(payload).and_then(|block| {
            for index in 0..block.len() {
                block.record(index)?;
            }
            Ok(block.len() as u64)
        });
        if let Err(problem) = checked {
            self.report.find(&RECORDS, key, problem);
        }
        checked.ok()
    }

    fn end_of_run(&mut self, done: &RunBlocks) -> Result<(), Fault> {
        let read = lookup::run(self.txn, &done.run);
        match self.report.note(read)? {
            Some(Some(run)) if run.output.records == done.next => {}
            Some(Some(run)) => {
                let problem = format!(
                    "it has {} records, and its blocks have {}",
                    run.output.records, done.next
                );
                self.report.find(&RUNS, &done.run, problem);
            }
            Some(None) => self
                .report
                .find(&RUNS, &done.run, "the run has records, and it is missing"),
            None => {}
        }
        Ok(())
    }
}
