//! Verifying runs and their blocks of records.

use phasegate_core::storage::RunOutput;

use super::Verifier;
use crate::block::Block;
use crate::envelope;
use crate::fault::Fault;
use crate::key::{self, Key};
use crate::lookup;
use crate::tables::{RECORDS, RUNS};

/// A run whose blocks are being read: its key, and the index at which the next block begins.
struct RunBlocks {
    run: Key,
    next: u64,
}

impl Verifier<'_> {
    pub(super) fn runs(&mut self) -> Result<(), Fault> {
        self.each(
            &RUNS,
            |this| &this.runs,
            |this, key, value| {
                this.report.runs += 1;
                let read = envelope::open_json::<RunOutput>(&RUNS, key, value);
                let output = this.report.note(read)?;
                if this.owner(&RUNS, key)?.is_none() {
                    return Ok(());
                }
                // If the first block exists, the blocks are compared when they are read.
                let first = key::block(key, 0);
                if output.is_some_and(|output| output.records > 0)
                    && !this.has(|this| &this.records, &first)?
                {
                    this.report.find(&RECORDS, &first, "the block is missing");
                }
                Ok(())
            },
        )
    }

    pub(super) fn blocks(&mut self) -> Result<(), Fault> {
        let mut reading: Option<RunBlocks> = None;
        self.each(
            &RECORDS,
            |this| &this.records,
            |this, key, value| {
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
                    reading = this.owner(&RECORDS, key)?.map(|_| RunBlocks { run, next: 0 });
                }
                if let Some(reading) = &mut reading {
                    if reading.next != first {
                        let problem = format!("the block before it ends at {}", reading.next);
                        this.report.find(&RECORDS, key, problem);
                    }
                    reading.next = first.saturating_add(count.unwrap_or(0));
                }
                Ok(())
            },
        )?;
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
        let read = lookup::run_output(&self.runs, &done.run);
        match self.report.note(read)? {
            Some(Some(output)) if output.records == done.next => {}
            Some(Some(output)) => {
                let problem = format!(
                    "it has {} records, and its blocks have {}",
                    output.records, done.next
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
