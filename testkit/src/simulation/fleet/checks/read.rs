//! Reading all of something from the store, past every line.

use phasegate::core::storage::{EventScope, LoggedEvent, Storage};
use phasegate::core::{CampaignId, PhaseName, Run};
use serde_json::value::RawValue;

use crate::simulation::fleet::world::World;

/// The whole log of a scope.
pub(in crate::simulation::fleet) fn events(
    world: &World<'_>,
    scope: EventScope,
) -> Result<Vec<LoggedEvent>, String> {
    let (mut log, mut after) = (Vec::new(), None);
    loop {
        let page = world.read(world.store.events(scope, after, 1_000));
        let page = page.map_err(|error| error.to_string())?;
        log.extend(page.items);
        match page.next_cursor {
            Some(next) => after = Some(next),
            None => return Ok(log),
        }
    }
}

/// The records of a run.
pub(super) fn records(
    world: &World<'_>,
    id: CampaignId,
    phase: &PhaseName,
    run: Run,
) -> Result<Vec<Box<RawValue>>, String> {
    let (mut records, mut from) = (Vec::new(), 0);
    loop {
        let page = world.read(world.store.records(id, phase, run, from, 10_000));
        let page = page.map_err(|error| error.to_string())?;
        records.extend(page.records);
        match page.next {
            Some(next) => from = next,
            None => return Ok(records),
        }
    }
}
