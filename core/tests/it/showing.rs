//! What a view shows: statuses, blockers, and the commands that are allowed now.

use std::collections::BTreeMap;

use expect_test::expect;
use phasegate_core::{
    CampaignView, Command, CommandKind, Envelope, Input, Mode, NextCommand, Refusal, Told, try_view, view,
};
use serde_json::json;

use crate::command_table::{State, states};
use crate::driver::{Driver, configs, name};

fn shown(driver: &Driver) -> CampaignView {
    view(
        &driver.campaign,
        &driver.around.facts(&driver.campaign, None),
        &Told::default(),
    )
}

fn statuses(State { name, driver, .. }: &State) -> String {
    let view = shown(driver);
    let phases: Vec<_> = view.phases.iter().map(|phase| phase.status.as_str()).collect();
    format!("{name}: {}: {}", view.status, phases.join(" "))
}

#[test]
fn every_status_is_derived_from_the_position_and_the_activity() {
    let basic: Vec<_> = states(Mode::FullSequence)
        .iter()
        .filter(|state| state.like.is_none() && !state.name.contains(','))
        .map(statuses)
        .collect();
    expect![[r#"
        idle at the beginning: idle: not_started not_started not_started
        idle at b: idle: completed not_started not_started
        running b: running: completed running not_started
        pausing b: pausing: completed running not_started
        stopping b: stopping: completed running not_started
        paused at b: paused: completed paused not_started
        failed at b: failed: completed failed not_started
        stopped at b: stopped: completed stopped not_started
        completed: completed: completed completed completed
        waiting for b: waiting_for_configuration: completed not_started not_started
        held before b: paused: completed not_started not_started
        retrying b: retrying: completed retrying not_started
        waiting for a report of b: waiting_for_report: completed waiting_for_report not_started
        paused while waiting for a report of b: paused: completed paused not_started"#]]
    .assert_eq(&basic.join("\n"));
}

/// The command that an entry is about.
fn command(next: &NextCommand) -> Command {
    let phase = || next.phase.clone().expect("it is for a phase");
    match next.command {
        CommandKind::Describe => Command::Describe {
            name: None,
            attributes: BTreeMap::new(),
        },
        CommandKind::Configure => Command::Configure {
            configs: configs(&[phase().as_str()], json!({"new": true})),
        },
        CommandKind::Unconfigure => Command::Unconfigure { phase: phase() },
        CommandKind::SetMode => Command::SetMode {
            mode: next.mode.expect("it sets a mode"),
        },
        CommandKind::SetRetry => Command::SetRetry {
            phase: phase(),
            policy: None,
        },
        CommandKind::Start => Command::Start { phase: phase() },
        CommandKind::Restart => Command::Restart {
            phase: phase(),
            config: None,
        },
        CommandKind::Skip => Command::Skip { phase: phase() },
        CommandKind::Unskip => Command::Unskip { phase: phase() },
        CommandKind::Pause => Command::Pause {},
        CommandKind::Resume => Command::Resume {},
        CommandKind::Stop => Command::Stop {},
        CommandKind::Prune => Command::Prune {
            keep_runs: 1,
            phase: None,
        },
        CommandKind::Delete => Command::Delete {},
    }
}

#[test]
fn next_says_of_every_command_what_the_machine_would_answer() {
    for mode in [Mode::StepByStep, Mode::FullSequence] {
        for State { name, driver, .. } in states(mode) {
            let next = shown(&driver).next;
            for kind in CommandKind::ALL {
                assert!(next.iter().any(|entry| entry.command == *kind), "{kind:?}");
            }
            for entry in next {
                let input = Input::Command {
                    command: command(&entry),
                    envelope: Envelope::none(),
                };
                let mut driver = driver.clone();
                if entry.command == CommandKind::Configure {
                    // Whether a config would be valid is not what is asked.
                    driver.around.broken.clear();
                }
                let refused = driver.decide(&driver.question(input)).err();
                let refusal = entry.refusal.as_ref().map(Refusal::code);
                assert_eq!(
                    refusal,
                    refused.as_ref().map(phasegate_core::Rejection::code),
                    "{mode}, {name}: {:?} {:?}",
                    entry.command,
                    entry.phase
                );
                assert_eq!(entry.allowed, refusal.is_none());
            }
        }
    }
}

#[test]
fn a_chain_that_waits_for_configuration_carries_every_blocker() {
    let fresh = || Driver::new(Mode::FullSequence, &["a", "b", "c"]).configured(&["a", "b", "c"]);
    let waiting = fresh().start("a").unconfigured("b").broken("c").complete();
    let view = shown(&waiting);
    assert_eq!(view.status.as_str(), "waiting_for_configuration");
    assert_eq!(view.preflight.missing_phases(), [name("b"), name("c")]);
    let supplied = waiting.clone();
    let mut supplied = supplied.configured(&["b"]);
    supplied.around.broken.clear();
    assert_eq!(
        shown(&supplied).status.as_str(),
        "idle",
        "the config starts nothing"
    );

    let not = |driver: Driver| assert_ne!(shown(&driver).status.as_str(), "waiting_for_configuration");
    not(fresh().unconfigured("a"));
    not(waiting.clone().then(Command::SetMode {
        mode: Mode::StepByStep,
    }));
    not(fresh().start("a").unconfigured("b").pause().complete());
    // What is to be skipped blocks nothing.
    let marked = fresh()
        .start("a")
        .unconfigured("c")
        .on_skip("c", phasegate_core::OnSkip::Empty);
    not(marked.clone().skip("c").complete());
    let after_b = marked.unconfigured("b").complete().skip("c");
    assert_eq!(shown(&after_b).preflight.missing_phases(), [name("b")]);
}

#[test]
fn an_automatic_advance_looks_at_the_next_phase_and_a_start_at_all() {
    let fresh = Driver::new(Mode::FullSequence, &["a", "b", "c"]).configured(&["a", "b", "c"]);
    let running = fresh.clone().start("a").unconfigured("c");
    assert_eq!(running.complete().status().as_str(), "running");
    assert_eq!(
        fresh.unconfigured("c").would(Command::Start { phase: name("a") }),
        "preflight_failed"
    );
}

#[test]
fn a_view_needs_the_check_of_every_remaining_stored_config() {
    let driver = Driver::new(Mode::FullSequence, &["a", "b", "c"])
        .configured(&["a", "b", "c"])
        .start("a")
        .complete();
    let mut facts = driver.around.facts(&driver.campaign, None);
    facts.stored.clear();
    let needs = try_view(&driver.campaign, &facts, &Told::default()).expect_err("facts are missing");
    assert_eq!(
        needs.stored.into_iter().collect::<Vec<_>>(),
        [name("b"), name("c")]
    );
}

#[test]
fn a_view_shows_the_summaries_that_the_snapshot_only_refers_to() {
    let driver = Driver::new(Mode::FullSequence, &["a", "b"])
        .configured(&["a", "b"])
        .start("a")
        .complete();
    let mut told = Told::default();
    for number in Told::by(&driver.campaign) {
        let place = usize::try_from(number.0).expect("a short log") - 1;
        told.add(number, &driver.log[place]);
    }
    let facts = driver.around.facts(&driver.campaign, None);
    let shown = view(&driver.campaign, &facts, &told);
    assert_eq!(shown.phases[0].summary, Some(json!({"done": true})));
    assert_eq!(shown.phases[1].summary, None);
}
