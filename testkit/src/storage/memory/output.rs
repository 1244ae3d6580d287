//! The runs of the phases and their output.

use std::collections::BTreeMap;

use phasegate_core::limits::MAX_PAGE_BYTES;
use phasegate_core::storage::{
    Appended, ExpectedBatch, Output, RecordPage, RunInfo, RunOutput, RunPage, StorageError,
};
use phasegate_core::{Attempt, BatchNumber, CampaignId, Digest, Launch, PhaseName, Run, Ticket, Version};
use serde_json::value::RawValue;

type RunKey = (CampaignId, PhaseName, Run);

/// The runs that are not pruned.
#[derive(Default)]
pub(super) struct Runs {
    rows: BTreeMap<RunKey, Row>,
}

#[derive(Default)]
struct Row {
    launched: Version,
    output: RunOutput,
    records: Vec<Box<RawValue>>,
    /// The latest batch, to know it again.
    latest: Option<(Attempt, Digest)>,
}

/// What a checked batch comes to.
pub(super) enum Step {
    /// It is there already.
    Again(Appended),
    /// It is the next one.
    Next,
}

impl Runs {
    /// Makes the row of a run at its first launch.
    pub(super) fn launch(&mut self, campaign: CampaignId, launch: &Launch, event: Version) {
        let key = (campaign, launch.phase.clone(), launch.run);
        self.rows.entry(key).or_insert_with(|| Row {
            launched: event,
            ..Row::default()
        });
    }

    /// Removes the runs of a phase up to one.
    pub(super) fn prune(&mut self, campaign: CampaignId, phase: &PhaseName, last: Run) {
        self.rows
            .retain(|(of, in_phase, run), _| *of != campaign || in_phase != phase || *run > last);
    }

    /// Removes every run of a campaign.
    pub(super) fn forget(&mut self, campaign: CampaignId) {
        self.rows.retain(|(of, ..), _| *of != campaign);
    }

    /// Checks the batch that a decision relied on.
    pub(super) fn expect(&self, campaign: CampaignId, expected: &ExpectedBatch) -> Result<(), StorageError> {
        let ExpectedBatch { phase, run, batch } = expected;
        let key = (campaign, phase.clone(), *run);
        let actual = self.rows.get(&key).map_or(BatchNumber(0), |row| row.output.batch);
        match actual == *batch {
            true => Ok(()),
            false => Err(StorageError::BatchConflict {
                campaign,
                phase: phase.clone(),
                run: *run,
                actual,
            }),
        }
    }

    /// Checks that a batch of a current ticket is the next one, or the latest once more.
    pub(super) fn check(&self, output: &Output) -> Result<Step, StorageError> {
        let row = self.rows.get(&key_of(&output.ticket));
        let latest = row.map_or(BatchNumber(0), |row| row.output.batch);
        if let Some(row) = row
            && output.batch == latest
            && row.is_latest(output.ticket.attempt, &output.digest())
        {
            return Ok(Step::Again(row.appended()));
        }
        match output.batch == latest.next() {
            true => Ok(Step::Next),
            false => Err(StorageError::BatchOutOfOrder {
                ticket: output.ticket.clone(),
                expected: latest.next(),
                actual: output.batch,
            }),
        }
    }

    /// Writes a batch that [`check`](Self::check) has found to be the next one.
    pub(super) fn write(&mut self, output: Output) -> Appended {
        let row = self.rows.entry(key_of(&output.ticket)).or_default();
        row.latest = Some((output.ticket.attempt, output.digest()));
        let known = &mut row.output;
        known.batch = output.batch;
        let moved = output.checkpoint.is_some() && output.checkpoint != known.checkpoint;
        if moved || !output.records.is_empty() {
            known.progress_batch = output.batch;
        }
        known.checkpoint = output.checkpoint.or(known.checkpoint.take());
        known.progress = output.progress.or(known.progress);
        row.records.extend(output.records);
        row.output.records = row.records.len() as u64;
        row.appended()
    }

    /// Whether a batch is the latest of its run, made by that attempt and with that content.
    pub(super) fn has_batch(&self, ticket: &Ticket, batch: BatchNumber, digest: &Digest) -> bool {
        self.rows
            .get(&key_of(ticket))
            .is_some_and(|row| row.output.batch == batch && row.is_latest(ticket.attempt, digest))
    }

    /// How far the output of a run has come.
    pub(super) fn output(&self, campaign: CampaignId, phase: &PhaseName, run: Run) -> Option<RunOutput> {
        let row = self.rows.get(&(campaign, phase.clone(), run))?;
        Some(row.output.clone())
    }

    /// One page of the runs of a phase.
    pub(super) fn page(&self, campaign: CampaignId, phase: &PhaseName, after: Run, limit: usize) -> RunPage {
        let mut page = RunPage::default();
        let Some(first) = after.0.checked_add(1) else {
            return page;
        };
        let of = |run| (campaign, phase.clone(), Run(run));
        for ((.., run), row) in self.rows.range(of(first)..=of(u32::MAX)) {
            if page.items.len() == limit.clamp(1, 1_000) {
                page.next = page.items.last().map(|last: &RunInfo| last.run);
                break;
            }
            page.items.push(RunInfo {
                run: *run,
                launched: row.launched,
                output: row.output.clone(),
            });
        }
        page
    }

    /// One page of the records of a run.
    pub(super) fn records(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
        limit: usize,
    ) -> RecordPage {
        let mut page = RecordPage {
            from,
            ..RecordPage::default()
        };
        let Some(row) = self.rows.get(&(campaign, phase.clone(), run)) else {
            return page;
        };
        let mut bytes = 0;
        let skip = usize::try_from(from).unwrap_or(usize::MAX);
        for (index, record) in row.records.iter().enumerate().skip(skip) {
            bytes += record.get().len();
            let full = page.records.len() == limit.clamp(1, 10_000);
            if full || (bytes > MAX_PAGE_BYTES && !page.records.is_empty()) {
                page.next = Some(index as u64);
                break;
            }
            page.records.push(record.clone());
        }
        page
    }
}

impl Row {
    fn is_latest(&self, attempt: Attempt, digest: &Digest) -> bool {
        self.latest
            .as_ref()
            .is_some_and(|(of, content)| *of == attempt && content == digest)
    }

    fn appended(&self) -> Appended {
        Appended {
            batch: self.output.batch,
            records: self.output.records,
        }
    }
}

fn key_of(ticket: &Ticket) -> RunKey {
    (ticket.campaign, ticket.phase.clone(), ticket.run)
}
