//! What the store holds in the end: exactly what it has accepted.

use phasegate::core::storage::{EventScope, Storage};
use phasegate::core::{CampaignId, Event, EventKind};

use super::history::History;
use super::read::{events, records};
use super::same_records;
use super::walk::Walk;
use crate::simulation::fleet::world::World;
use crate::simulation::invariants::{check_events, check_log};

pub(super) fn check(world: &World<'_>, walk: &Walk<'_>) -> Result<(), String> {
    for (id, history) in &walk.campaigns {
        match history.is_deleted {
            true => deleted(world, *id, history)?,
            false => {
                present(world, *id, history)?;
                if world.plan.same_records {
                    same_records::check(world, walk, *id, history)?;
                }
            }
        }
    }
    if let Some(unknown) = world
        .campaigns()
        .iter()
        .find(|campaign| !walk.campaigns.contains_key(&campaign.id))
    {
        return Err(format!("nobody has created campaign {}", unknown.id));
    }
    let log = events(world, EventScope::Store)?;
    world
        .subscribers
        .iter()
        .try_for_each(|subscriber| subscriber.check(&log))
}

fn present(world: &World<'_>, id: CampaignId, history: &History) -> Result<(), String> {
    let read = world.read(world.store.campaign(id));
    let snapshot = read
        .map_err(|error| error.to_string())?
        .campaign
        .ok_or_else(|| format!("campaign {id} is gone, though nobody has deleted it"))?;
    let log = events(world, EventScope::Campaign(id))?;
    check_log(&log, &snapshot)?;
    if !log.iter().map(|logged| &logged.event).eq(&history.events) {
        return Err(format!("the log of campaign {id} is not what was committed"));
    }
    for ((phase, run), seen) in &history.runs {
        let stored = records(world, id, phase, *run)?;
        if !stored
            .iter()
            .map(|record| record.get())
            .eq(seen.records.iter().map(|record| record.get()))
        {
            return Err(format!(
                "each record is there exactly once, but {phase} run {run} of campaign {id} has {} records and not {}",
                stored.len(),
                seen.records.len()
            ));
        }
        let output = world.read(world.store.run_output(id, phase, *run));
        let checkpoint = output
            .map_err(|error| error.to_string())?
            .and_then(|output| output.checkpoint);
        if checkpoint != seen.checkpoint {
            return Err(format!(
                "a checkpoint is that of the latest batch, but {phase} run {run} of campaign {id} has {checkpoint:?}"
            ));
        }
    }
    Ok(())
}

fn deleted(world: &World<'_>, id: CampaignId, history: &History) -> Result<(), String> {
    let read = world.read(world.store.campaign(id));
    if read.map_err(|error| error.to_string())?.campaign.is_some() {
        return Err(format!("campaign {id} is deleted, and there nevertheless"));
    }
    let before: Vec<Event> = history
        .events
        .iter()
        .filter(|event| !matches!(event.kind, EventKind::CampaignDeleted {}))
        .cloned()
        .collect();
    match &history.campaign {
        Some(campaign) => check_events(&before, campaign),
        None => Err(format!("campaign {id} was deleted before it was created")),
    }
}
