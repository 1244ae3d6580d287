//! Hiding older runs.

use phasegate_core::{Command, Mode};

use crate::driver::{Driver, name};

fn prune(keep_runs: u32, phase: Option<&str>) -> Command {
    Command::Prune {
        keep_runs,
        phase: phase.map(name),
    }
}

fn fresh() -> Driver {
    Driver::new(Mode::StepByStep, &["a", "b"]).configured(&["a", "b"])
}

/// `a` has run three times and `b` twice; of both the latest run is current.
fn grown() -> Driver {
    let once = fresh().start("a").complete().start("b").complete();
    let twice = once.restart("a").complete().restart("a").complete();
    twice.start("b").fail()
}

#[test]
fn the_latest_runs_stay_and_a_current_one_always() {
    let grown = grown();
    assert_eq!(grown.would(prune(3, None)), "no event");
    assert_eq!(grown.would(prune(2, None)), "run_pruned a (to 1)");
    let to_the_current = "run_pruned a (to 2), run_pruned b (to 1)";
    assert_eq!(grown.would(prune(1, None)), to_the_current);
    assert_eq!(
        grown.would(prune(0, None)),
        to_the_current,
        "b works with what a has"
    );
    assert_eq!(grown.would(prune(0, Some("b"))), "run_pruned b (to 1)");
    assert_eq!(grown.would(prune(0, Some("nonsense"))), "unknown_phase");
}

#[test]
fn what_is_pruned_is_pruned_once() {
    let pruned = grown().then(prune(1, None));
    assert_eq!(pruned.would(prune(1, None)), "no event");
    assert_eq!(pruned.would(prune(0, None)), "no event");
    let later = pruned.restart("b");
    assert_eq!(later.would(prune(1, None)), "run_pruned b (to 2)");
}

#[test]
fn a_run_that_no_phase_shows_any_more_can_be_pruned_to_the_last() {
    let undone = grown().restart("a");
    assert_eq!(undone.would(prune(0, Some("b"))), "run_pruned b (to 2)");
    let again = undone.then(prune(0, Some("b"))).complete().start("b");
    assert_eq!(
        again.campaign.activity.run().map(|run| run.run.0),
        Some(3),
        "no number is given twice"
    );
}
