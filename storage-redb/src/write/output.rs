//! The append of a batch of records, by itself or with the commit that ends its run.

use phasegate_core::storage::{Appended, Output, RunOutput, StorageError, WriteRef};
use phasegate_core::stored::{self, StoredRun};
use phasegate_core::{Digest, Measure};

use super::group::{BASE_WEIGHT, Group, Write};
use crate::block;
use crate::envelope::seal;
use crate::fault::Fault;
use crate::key::{self, Key};
use crate::lookup;
use crate::metrics::WriteKind;
use crate::tables::{RECORDS, RUNS};

/// The append of a batch by itself.
pub(crate) struct Append(Batch);

impl Append {
    pub(crate) fn new(output: Output) -> Self {
        Self(Batch::new(output))
    }
}

impl Write for Append {
    type Done = Appended;
    const KIND: WriteKind = WriteKind::Append;

    fn apply(&mut self, group: &mut Group<'_>) -> Result<Appended, Fault> {
        let ticket = &self.0.output.ticket;
        let lease = lookup::lease(group, ticket.campaign)?;
        let working = lease.map(|lease| lookup::ticket_of(ticket.campaign, &lease));
        if working.as_ref() != Some(ticket) {
            return Err(self.0.stale());
        }
        let checked = self.0.check(group)?;
        self.0.put(&checked, group);
        Ok(checked.appended())
    }

    fn weight(&self) -> usize {
        self.0.weight()
    }

    fn write_ref(&self) -> WriteRef {
        self.0.write_ref()
    }
}

/// A batch, with its digest.
pub(super) struct Batch {
    pub(super) output: Output,
    digest: Digest,
    /// How many bytes its checkpoint has.
    checkpoint_bytes: usize,
}

/// A batch that can be written, or is there already.
pub(super) struct CheckedBatch {
    key: Key,
    /// The run after it.
    run: StoredRun,
    /// The index of its first record; `None` if it is there already.
    first: Option<u64>,
}

impl CheckedBatch {
    fn appended(&self) -> Appended {
        Appended {
            batch: self.run.output.batch,
            records: self.run.output.records,
        }
    }
}

impl Batch {
    pub(super) fn new(output: Output) -> Self {
        let checkpoint = output.checkpoint.as_ref();
        Self {
            digest: output.digest(),
            checkpoint_bytes: checkpoint.map_or(0, |checkpoint| Measure::of(checkpoint).bytes),
            output,
        }
    }

    /// The refusal of a batch whose attempt may not write.
    pub(super) fn stale(&self) -> Fault {
        Fault::Refused(StorageError::StaleTicket {
            ticket: self.output.ticket.clone(),
        })
    }

    pub(super) fn weight(&self) -> usize {
        let records: usize = self
            .output
            .records
            .iter()
            .map(|record| record.get().len() + 4)
            .sum();
        BASE_WEIGHT + records + self.checkpoint_bytes
    }

    fn write_ref(&self) -> WriteRef {
        WriteRef::Append {
            ticket: self.output.ticket.clone(),
            batch: self.output.batch,
            digest: self.digest,
        }
    }

    /// Refuses a batch that is not the next one of its run.
    pub(super) fn check(&self, group: &Group<'_>) -> Result<CheckedBatch, Fault> {
        let output = &self.output;
        let ticket = &output.ticket;
        let key = key::run(ticket.campaign, &ticket.phase, ticket.run);
        let mut run = lookup::known_run(group, &key)?;
        if run.ends_with(output.batch, ticket.attempt, &self.digest) {
            return Ok(CheckedBatch {
                key,
                run,
                first: None,
            });
        }
        let expected = run.output.batch.next();
        if output.batch != expected {
            return Err(Fault::Refused(StorageError::BatchOutOfOrder {
                ticket: ticket.clone(),
                expected,
                actual: output.batch,
            }));
        }
        let first = Some(run.output.records);
        run.attempt = ticket.attempt;
        run.digest = StoredRun::beginning(&self.digest);
        add(&mut run.output, output);
        Ok(CheckedBatch { key, run, first })
    }

    /// Writes it.
    pub(super) fn put(&self, checked: &CheckedBatch, group: &mut Group<'_>) {
        let CheckedBatch { key, run, first } = checked;
        let Some(mut first) = *first else { return };
        for (count, payload) in block::split(&self.output.records, key.len() + 8) {
            let key = key::block(key, first);
            let value = seal(&RECORDS, &key, &payload);
            group.put(&RECORDS, key, value);
            first = first.saturating_add(u64::from(count));
        }
        group.put(&RUNS, key.clone(), seal(&RUNS, key, &stored::run::write(run)));
    }
}

/// Adds a batch to how far a run has come.
fn add(run: &mut RunOutput, batch: &Output) {
    run.batch = batch.batch;
    run.records = run.records.saturating_add(batch.records.len() as u64);
    let moved_on = batch.checkpoint.is_some() && batch.checkpoint != run.checkpoint;
    if moved_on || !batch.records.is_empty() {
        run.progress_batch = batch.batch;
    }
    if let Some(checkpoint) = &batch.checkpoint {
        run.checkpoint = Some(checkpoint.clone());
    }
    if let Some(progress) = batch.progress {
        run.progress = Some(progress);
    }
}
