//! The runs of a phase, and how far each has come. What the campaign knows of is there.

use phasegate_core::storage::{RunInfo, RunOutput, RunPage};
use phasegate_core::stored::{self, StoredRun};
use phasegate_core::{Campaign, CampaignId, Passed, PhaseName, Run};
use redb::ReadableTable;

use crate::envelope::{self, damaged};
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::rows::{self, View};
use crate::tables::RUNS;

pub(crate) fn run_output(
    txn: &View,
    id: CampaignId,
    phase: &PhaseName,
    run: Run,
    known: Option<&Campaign>,
) -> Result<Option<RunOutput>, Fault> {
    let runs = match known {
        Some(campaign) => KnownRuns::in_campaign(campaign, phase),
        None => KnownRuns::of(txn, id, phase)?,
    };
    Ok(known_run(txn, id, phase, run, runs)?.map(|run| run.output))
}

/// A run; `None` if there was no such launch, or it is pruned.
pub(super) fn run(
    txn: &View,
    id: CampaignId,
    phase: &PhaseName,
    run: Run,
) -> Result<Option<StoredRun>, Fault> {
    known_run(txn, id, phase, run, KnownRuns::of(txn, id, phase)?)
}

fn known_run(
    txn: &View,
    id: CampaignId,
    phase: &PhaseName,
    run: Run,
    runs: Option<KnownRuns>,
) -> Result<Option<StoredRun>, Fault> {
    let Some(runs) = runs else {
        return Ok(None);
    };
    if run <= runs.pruned || run > runs.latest {
        return Ok(None);
    }
    let key = key::run(id, phase, run);
    let found = lookup::known_run(txn, &key)?;
    runs.check(&key, run, &found)?;
    Ok(Some(found))
}

pub(crate) fn runs(
    txn: &View,
    id: CampaignId,
    phase: &PhaseName,
    after: Run,
    limit: usize,
) -> Result<RunPage, Fault> {
    let mut page = RunPage::default();
    let Some(known) = KnownRuns::of(txn, id, phase)? else {
        return Ok(page);
    };
    let limit = limit.clamp(1, 1_000);
    let mut run = after.max(known.pruned);
    let (from, to) = (key::run(id, phase, run.next()), key::run(id, phase, known.latest));
    if run >= known.latest {
        return Ok(page);
    }
    let table = rows::table(txn, &RUNS)?;
    for entry in ReadableTable::range::<&[u8]>(table, from.as_slice()..=to.as_slice())?.take(limit) {
        let (key, value) = entry?;
        run = run.next();
        if key::last_u32(key.value()) != Some(run.0) {
            return Err(lookup::missing_run(&key::run(id, phase, run)).into());
        }
        let found = envelope::read(&RUNS, key.value(), value.value(), stored::run::read)?;
        known.check(key.value(), run, &found)?;
        page.items.push(RunInfo {
            run,
            launched: found.launched,
            output: found.output,
        });
    }
    if page.items.len() < limit && run < known.latest {
        return Err(lookup::missing_run(&key::run(id, phase, run.next())).into());
    }
    page.next = (run < known.latest).then_some(run);
    Ok(page)
}

/// What a campaign knows of the runs of a phase.
struct KnownRuns {
    latest: Run,
    pruned: Run,
    /// The run that completed, and how many records it has.
    completed: Option<(Run, u64)>,
}

impl KnownRuns {
    fn of(txn: &View, id: CampaignId, phase: &PhaseName) -> Result<Option<Self>, Fault> {
        let campaign = lookup::campaign(txn, id)?;
        Ok(campaign.and_then(|campaign| Self::in_campaign(&campaign, phase)))
    }

    fn in_campaign(campaign: &Campaign, phase: &PhaseName) -> Option<Self> {
        let index = campaign.index_of(phase)?;
        let slot = campaign.phases.get(index)?;
        let completed = match campaign.passed.get(index) {
            Some(Passed::Completed(completion)) => Some((completion.run, completion.records)),
            _ => None,
        };
        Some(Self {
            latest: slot.latest_run,
            pruned: slot.pruned,
            completed,
        })
    }

    /// Refuses a completed run that has fewer records than it completed with.
    fn check(&self, key: &[u8], run: Run, found: &StoredRun) -> Result<(), Fault> {
        match self.completed {
            Some((completed, records)) if completed == run && records > found.output.records => {
                let problem = format!(
                    "it completed with {records} records, and has {}",
                    found.output.records
                );
                Err(damaged(&RUNS, key, problem).into())
            }
            _ => Ok(()),
        }
    }
}
