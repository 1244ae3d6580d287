//! A campaign pins its pipeline's phase list; it goes on only where the pipeline has that list still.

use phasegate_core::{Campaign, Command, Facts, Mode, PipelineMatch};

use crate::command_table::states;
use crate::driver::{Driver, name};

fn facts(phases: &[&str]) -> Facts {
    let registered = phases.iter().map(|phase| phasegate_core::RegisteredPhase {
        name: name(phase),
        options: phasegate_core::PhaseOptions::default(),
    });
    Facts::of_pipeline(registered.collect())
}

#[test]
fn another_phase_list_is_any_that_has_other_phases_or_another_order() {
    let campaign = Driver::new(Mode::StepByStep, &["a", "b"]).campaign;
    let compared = |phases: &[&str]| facts(phases).pipeline_match(&campaign);
    assert_eq!(compared(&["a", "b"]), PipelineMatch::Same);
    for changed in [&["a"][..], &["b", "a"], &["a", "b", "c"], &["a", "c"], &[]] {
        assert_eq!(compared(changed), PipelineMatch::Changed, "{changed:?}");
    }
    assert_eq!(Facts::default().pipeline_match(&campaign), PipelineMatch::Unknown);
}

#[test]
fn a_campaign_can_be_paused_and_stopped_and_deleted_under_any_pipeline() {
    let running = || {
        Driver::new(Mode::FullSequence, &["a", "b"])
            .configured(&["a", "b"])
            .start("a")
    };
    for driver in [running().pipeline_changed(), running().pipeline_unknown()] {
        assert_eq!(driver.would(Command::Pause {}), "phase_pause_requested a");
        assert_eq!(driver.would(Command::Delete {}), "campaign_deleted");
        let stopped = driver.stop().quiet();
        assert_eq!(stopped.status().as_str(), "stopped");
    }
}

#[test]
fn a_deletion_ends_the_log_of_every_campaign() {
    for mode in [Mode::StepByStep, Mode::FullSequence] {
        for state in states(mode) {
            let Driver {
                campaign, mut log, ..
            } = state.driver.clone();
            let deletion = state.driver.decide(&state.driver.question(Command::Delete {}));
            log.extend(deletion.expect("it is always accepted"));
            assert_eq!(Campaign::fold(campaign.id, &log), Ok(None), "{}", state.name);
            let mut gone = campaign.clone();
            let last = log.last().expect("the deletion");
            assert!(gone.apply(last).is_err(), "there is no campaign after it");
            assert_eq!(gone, campaign);
        }
    }
}
