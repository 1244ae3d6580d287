//! Every command in every activity, in both modes: its events, `no event`, or the code of its refusal.
//!
//! The answers stand in `command_table.txt`, a row for each command in each activity. After a deliberate change,
//! `UPDATE_EXPECT=1 cargo test -p phasegate-core --test it command_table` writes it anew.

use std::fmt::Write as _;

use phasegate_core::limits::{MAX_CONFIG_BYTES, MAX_JSON_DEPTH};
use phasegate_core::{Attempt, Command, Failure, Mode, Outcome, Rejection, Run, Ticket};
use serde_json::{Value, json};

use crate::driver;
use crate::driver::{Driver, configs, name};

/// Three phases, `a` completed where that is possible, and the campaign at `b` in every activity there is.
fn states(mode: Mode) -> Vec<(&'static str, Driver)> {
    let fresh = || Driver::new(mode, &["a", "b", "c"]).configured(&["a", "b", "c"]);
    let at_b = || match mode {
        Mode::StepByStep => fresh().start("a").complete(),
        // In a full sequence the chain comes to rest before `b` only where `b` was not ready.
        Mode::FullSequence => fresh().start("a").unconfigured("b").complete().configured(&["b"]),
    };
    let running = || at_b().start("b");
    let mut states = vec![
        ("idle at the beginning", fresh()),
        ("idle at b", at_b()),
        ("running b", running()),
        ("pausing b", running().command(Command::Pause)),
        ("stopping b", running().command(Command::Stop)),
        ("paused at b", running().command(Command::Pause).quiet()),
        ("failed at b", running().fail()),
        ("stopped at b", running().command(Command::Stop).quiet()),
        ("completed", finish(running())),
        ("running b, pipeline changed", running().pipeline_changed()),
        ("idle at b, pipeline changed", at_b().pipeline_changed()),
        (
            "completed, pipeline changed",
            finish(running()).pipeline_changed(),
        ),
        ("running b, pipeline unknown", running().pipeline_unknown()),
        (
            "pausing b, pipeline unknown",
            running().command(Command::Pause).pipeline_unknown(),
        ),
        ("running b, its config no longer valid", running().broken("b")),
        (
            "paused at b, its config no longer valid",
            running().command(Command::Pause).quiet().broken("b"),
        ),
        (
            "failed at b, its config changed since",
            running().fail().reconfigured("b"),
        ),
        (
            "failed at b, its config changed since, and the runner can go on",
            running().fail().reconfigured("b").agrees(),
        ),
        ("idle at b, c without a config", at_b().unconfigured("c")),
        ("running b, c without a config", running().unconfigured("c")),
        ("running b, c invalid", running().broken("c")),
    ];
    if mode == Mode::FullSequence {
        states.push(("waiting for b", fresh().start("a").unconfigured("b").complete()));
        states.push((
            "held before b",
            fresh().start("a").command(Command::Pause).complete(),
        ));
    }
    states
}

fn finish(running_b: Driver) -> Driver {
    let after_b = running_b.complete();
    let running_c = if after_b.campaign.ticket().is_some() {
        after_b
    } else {
        after_b.start("c")
    };
    running_c.complete()
}

fn commands(driver: &Driver) -> Vec<(String, Command)> {
    let mut commands = Vec::new();
    for phase in ["a", "b", "c"] {
        let phase_name = name(phase);
        let new = configs(&[phase], json!({"new": true}));
        commands.push((format!("configure {phase}"), Command::Configure { configs: new }));
        let stored = configs(&[phase], json!({"phase": phase}));
        commands.push((
            format!("configure {phase} as it is"),
            Command::Configure { configs: stored },
        ));
        commands.push((
            format!("unconfigure {phase}"),
            Command::Unconfigure {
                phase: phase_name.clone(),
            },
        ));
        commands.push((
            format!("start {phase}"),
            Command::Start {
                phase: phase_name.clone(),
            },
        ));
        commands.push((
            format!("restart {phase}"),
            Command::Restart {
                phase: phase_name.clone(),
                config: None,
            },
        ));
        let restart = Command::Restart {
            phase: phase_name,
            config: Some(json!({"new": true})),
        };
        commands.push((format!("restart {phase} with a new config"), restart));
    }
    commands.push((
        "start nonsense".to_owned(),
        Command::Start {
            phase: name("nonsense"),
        },
    ));
    for mode in [Mode::StepByStep, Mode::FullSequence] {
        commands.push((format!("set mode {mode}"), Command::SetMode { mode }));
    }
    let ticket = |phase: &str, run, attempt| Ticket {
        campaign: driver.campaign.id,
        phase: name(phase),
        run: Run(run),
        attempt: Attempt(attempt),
    };
    let now = driver.campaign.ticket().unwrap_or_else(|| ticket("b", 1, 1));
    let completed = Outcome::Completed(json!({"done": true}));
    let failed = Outcome::Failed(Failure::new("broken", "it broke"));
    let report = |ticket: Ticket, outcome: &Outcome| Command::Report {
        ticket,
        outcome: outcome.clone(),
    };
    commands.push(("report completed".to_owned(), report(now.clone(), &completed)));
    commands.push(("report failed".to_owned(), report(now.clone(), &failed)));
    commands.push((
        "report completed for a, again".to_owned(),
        report(ticket("a", 1, 1), &completed),
    ));
    commands.push((
        "report failed for a, completed before".to_owned(),
        report(ticket("a", 1, 1), &failed),
    ));
    commands.push((
        "report completed with a ticket to come".to_owned(),
        report(ticket("b", 1, 9), &completed),
    ));
    commands.push((
        "runner is quiet".to_owned(),
        Command::Quiet { ticket: now.clone() },
    ));
    for command in [Command::Pause, Command::Resume, Command::Stop] {
        commands.push((command.kind().as_str().to_owned(), command));
    }
    commands.push(("recover".to_owned(), Command::Recover { ticket: now }));
    commands.push((
        "recover with a ticket to come".to_owned(),
        Command::Recover {
            ticket: ticket("b", 1, 9),
        },
    ));
    commands.push(("delete".to_owned(), Command::Delete));
    commands
}

#[test]
fn every_command_in_every_activity_gives_its_events_or_nothing_or_a_code() {
    let mut table = String::new();
    for mode in [Mode::StepByStep, Mode::FullSequence] {
        for (state, driver) in states(mode) {
            writeln!(table, "{mode}, {state} (status {})", driver.status().as_str()).expect("text");
            for (label, command) in commands(&driver) {
                writeln!(table, "    {label:<40} {}", driver.answer(&command)).expect("text");
            }
            table.push('\n');
        }
    }
    expect_test::expect_file!["../command_table.txt"].assert_eq(&table);
}

#[test]
fn every_config_that_is_wrong_is_reported_whatever_is_wrong_with_it() {
    let large = json!("x".repeat(MAX_CONFIG_BYTES));
    let mut deep = json!(1);
    for _ in 0..=MAX_JSON_DEPTH {
        deep = json!([deep]);
    }
    let running = Driver::new(Mode::StepByStep, &["a", "b", "c", "d", "e"])
        .configured(&["a"])
        .start("a")
        .broken("d");
    let refusal = |wrong: &[(&str, &Value)]| {
        let configs = wrong
            .iter()
            .map(|(phase, config)| (name(phase), (*config).clone()))
            .collect();
        match running.decide(&Command::Configure { configs }) {
            Err(Rejection::ConfigInvalid { problems }) => problems
                .items()
                .iter()
                .map(|problem| format!("{} {}", problem.phase, problem.keyword))
                .collect(),
            Err(other) => vec![other.code().to_owned()],
            Ok(events) => panic!("{events:?}"),
        }
    };
    let ok = json!({});
    assert_eq!(
        refusal(&[("a", &ok), ("b", &large), ("c", &deep), ("d", &ok), ("e", &ok)]),
        ["d minimum", "a phase_locked", "b too_large", "c too_deep"]
    );
    assert_eq!(
        refusal(&[("b", &large), ("d", &ok)]),
        ["d minimum", "b too_large"]
    );
    assert_eq!(
        refusal(&[("a", &ok), ("b", &large)]),
        ["a phase_locked", "b too_large"]
    );
    assert_eq!(refusal(&[("b", &large), ("e", &ok)]), ["too_large"]);
    assert_eq!(refusal(&[("c", &deep), ("e", &ok)]), ["too_deep"]);
    assert_eq!(refusal(&[("a", &ok), ("e", &ok)]), ["phase_locked"]);
}

#[test]
fn creation_refuses_what_it_must_and_stores_all_configs_or_none() {
    use driver::create;
    assert_eq!(
        create("spring", &["a", "b"], &[]),
        "campaign_created, phase_configured a, phase_configured b"
    );
    assert_eq!(create("", &[], &[]), "invalid_name");
    assert_eq!(create("  ", &[], &[]), "invalid_name");
    assert_eq!(create(&"x".repeat(200), &[], &[]), "campaign_created");
    assert_eq!(create(&"x".repeat(201), &[], &[]), "invalid_name");
    assert_eq!(create("spring", &["a", "nonsense"], &[]), "unknown_phase");
    assert_eq!(create("spring", &["a", "b"], &["b"]), "config_invalid");
}
