//! One campaign as its accepted writes tell it.

use std::collections::BTreeMap;

use phasegate::core::storage::Output;
use phasegate::core::{Attempt, Campaign, CampaignId, Digest, Event, EventKind, PhaseName, Revision, Run};
use serde_json::Value;
use serde_json::value::RawValue;

/// One campaign, as its accepted writes tell it.
#[derive(Default)]
pub(super) struct History {
    pub(super) events: Vec<Event>,
    pub(super) campaign: Option<Campaign>,
    pub(super) is_deleted: bool,
    pub(super) configs: BTreeMap<(PhaseName, Revision), Value>,
    pub(super) runs: BTreeMap<(PhaseName, Run), SeenRun>,
}

/// The output of a run.
#[derive(Default)]
pub(super) struct SeenRun {
    batch: u64,
    latest: Option<(Attempt, Digest)>,
    pub(super) records: Vec<Box<RawValue>>,
    pub(super) checkpoint: Option<Value>,
}

impl History {
    /// Takes an event.
    pub(super) fn apply(&mut self, id: CampaignId, event: &Event) -> Result<(), String> {
        if matches!(event.kind, EventKind::CampaignDeleted {}) {
            self.is_deleted = true;
            self.runs.clear();
        } else if let Some(campaign) = &mut self.campaign {
            campaign.apply(event).map_err(|misfit| misfit.to_string())?;
        } else {
            let created = Campaign::created(id, event).map_err(|misfit| misfit.to_string())?;
            self.campaign = Some(created);
        }
        if let Some(launch) = event.kind.launch() {
            self.runs.entry((launch.phase.clone(), launch.run)).or_default();
        }
        if let EventKind::RunPruned { phase, run } = &event.kind {
            self.runs.retain(|(of, number), _| of != phase || number > run);
        }
        self.events.push(event.clone());
        Ok(())
    }

    /// Takes a batch: the next one, or the latest once more.
    pub(super) fn write(&mut self, output: &Output) -> Result<(), String> {
        let ticket = &output.ticket;
        let key = (ticket.phase.clone(), ticket.run);
        let run = self
            .runs
            .get_mut(&key)
            .ok_or_else(|| format!("a batch is written of a run that was never launched: {ticket}"))?;
        let content = (ticket.attempt, output.digest());
        if output.batch.0 == run.batch && run.latest.as_ref() == Some(&content) {
            return Ok(());
        }
        if output.batch.0 != run.batch + 1 {
            return Err(format!(
                "each batch is written once and in order, but {} of {ticket} came after {}",
                output.batch, run.batch
            ));
        }
        run.batch = output.batch.0;
        run.latest = Some(content);
        run.records.extend(output.records.iter().cloned());
        if let Some(checkpoint) = &output.checkpoint {
            run.checkpoint = Some(checkpoint.clone());
        }
        Ok(())
    }
}
