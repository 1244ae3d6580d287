//! Completed runs, compared with runs that nothing disturbs.

use phasegate::core::{CampaignId, Launch, Passed, PhaseName, Run, RunRef, Ticket};

use super::history::History;
use super::read::records;
use super::walk::Walk;
use crate::PhaseCase;
use crate::runner::undisturbed;
use crate::simulation::fleet::world::World;

/// Compares the current run of each completed phase of a campaign.
pub(super) fn check(
    world: &World<'_>,
    walk: &Walk<'_>,
    id: CampaignId,
    history: &History,
) -> Result<(), String> {
    let Some(campaign) = &history.campaign else {
        return Ok(());
    };
    for (slot, passed) in campaign.phases.iter().zip(&campaign.passed) {
        let Passed::Completed(completion) = passed else {
            continue;
        };
        let launches = launches(history, &slot.phase, completion.run);
        let Some(launch) = launches.first() else { continue };
        let is_answered = |launch: &&&Launch| {
            world.at_work.was_answered(&Ticket {
                campaign: id,
                phase: slot.phase.clone(),
                run: launch.run,
                attempt: launch.attempt,
            })
        };
        let inputs = |launch: &Launch| (launch.config_revision, launch.resources.clone());
        if launches.iter().any(|other| inputs(other) != inputs(launch))
            || launches.iter().any(|one| is_answered(&one))
        {
            // It went on with other inputs, or somebody else has ended it.
            continue;
        }
        let stored = records(world, id, &slot.phase, completion.run)?;
        let expected = expected(world, walk, id, history, launch)?;
        if !stored
            .iter()
            .map(|record| record.get())
            .eq(expected.iter().map(String::as_str))
        {
            return Err(format!(
                "each record is made exactly once, but {} run {} of campaign {id} has {stored:?}, and an undisturbed run {expected:?}",
                slot.phase, completion.run
            ));
        }
    }
    Ok(())
}

fn launches<'a>(history: &'a History, phase: &PhaseName, run: Run) -> Vec<&'a Launch> {
    let launches = history.events.iter().filter_map(|event| event.kind.launch());
    launches
        .filter(|launch| launch.phase == *phase && launch.run == run)
        .collect()
}

fn expected(
    world: &World<'_>,
    walk: &Walk<'_>,
    id: CampaignId,
    history: &History,
    launch: &Launch,
) -> Result<Vec<String>, String> {
    let config = &history.configs[&(launch.phase.clone(), launch.config_revision)];
    let upstream = match &launch.upstream {
        Some(RunRef { phase, run }) => records(world, id, phase, *run)?,
        None => Vec::new(),
    };
    let mut key = format!("{} {config}", launch.phase);
    let mut case = PhaseCase::of(world.pipeline.clone(), launch.phase.as_str()).config(config.clone());
    for pin in &launch.resources {
        let document = walk.document(pin).unwrap_or_default();
        key.push_str(&format!(" {document}"));
        case = case.resource(pin.kind.as_str(), pin.id.as_str(), document);
    }
    for record in &upstream {
        key.push_str(record.get());
    }
    world
        .plan
        .undisturbed(key, || undisturbed(&case.upstream(upstream)))
}
