//! Configs, several at once.

use phasegate_core::limits::{MAX_CONFIG_BYTES, MAX_JSON_DEPTH};
use phasegate_core::{Command, Mode, Rejection};
use serde_json::{Value, json};

use crate::driver::{Driver, configs, name};

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
        match running.decide(&running.question(Command::Configure { configs })) {
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
fn several_configs_are_one_commit() {
    let fresh = Driver::new(Mode::StepByStep, &["a", "b", "c"]);
    let all = |config| Command::Configure {
        configs: configs(&["a", "b", "c"], config),
    };
    assert_eq!(
        fresh.would(all(json!({}))),
        "phase_configured a, phase_configured b, phase_configured c"
    );
    assert_eq!(fresh.clone().broken("b").would(all(json!({}))), "config_invalid");
    let none = Command::Configure {
        configs: configs(&[], json!({})),
    };
    assert_eq!(fresh.would(none), "no event");
}

#[test]
fn an_edit_of_a_later_phase_counts_when_the_chain_gets_to_it() {
    let fresh = Driver::new(Mode::FullSequence, &["a", "b"]).configured(&["a", "b"]);
    let edited = fresh.start("a").reconfigured("b");
    let stored = edited.campaign.phases[1].config.clone().expect("a config");
    let running = edited.complete();
    let run = running.campaign.activity.run().expect("b runs");
    assert_eq!(run.pins.config, stored.revision);
}
