//! Several engines on one store, whatever happens to them.

mod defects;
pub mod press;

use phasegate::core::EventType;

use press::simulation;

#[test]
fn two_engines_keep_every_promise_whatever_happens() {
    simulation().engines(2).seeds(200).run();
}

#[test]
fn three_engines_keep_every_promise_whatever_happens() {
    simulation().engines(3).seeds(100).run();
}

#[test]
#[should_panic(expected = "a config of the simulation is not valid")]
fn a_config_that_no_history_gets_past_is_refused() {
    let twice = serde_json::json!({ "count": "twice" });
    let _ = simulation().config("a_collect", twice).explore(0..1);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let mut lines = 0;
    for seed in 0..5 {
        let trace = || {
            simulation()
                .engines(3)
                .trace(seed)
                .expect("it keeps every promise")
        };
        let first = trace();
        assert!(first == trace(), "seed {seed} gives other bytes the second time");
        lines += first.lines().count();
    }
    assert!(lines > 100, "something happens: {lines} lines");
    let of = |seed| simulation().trace(seed).expect("it keeps every promise");
    assert_ne!(of(1), of(2));
}

/// A check of what never happens says nothing.
#[test]
fn histories_have_everything_that_can_happen_in_them() {
    let traces = (0..300).map(|seed| {
        simulation()
            .engines(3)
            .trace(seed)
            .expect("it keeps every promise")
    });
    let traces: String = traces.collect();
    let seldom = [
        "campaign_described",
        "campaign_released",
        "phase_retry_set",
        "resource_removed",
    ];
    let events = EventType::ALL.iter().map(|event| event.as_str());
    let events = events.filter(|event| !seldom.contains(event));
    let events = events.map(|event| format!("\"type\":\"{event}\""));
    let failures = ["flaky", "deadline_passed", "rejected", "input_changed"];
    let failures = failures.map(|code| format!("code: \"{code}\""));
    let refusals = [
        "StaleTicket",
        "Conflict",
        "LeaseHeld",
        "ResourceConflict",
        "BatchConflict",
        "KeyUsed",
    ];
    let refusals = refusals.map(|refusal| format!("refused: {refusal}"));
    let never: Vec<_> = events
        .chain(failures)
        .chain(refusals)
        .filter(|what| !traces.contains(what))
        .collect();
    assert!(never.is_empty(), "these never happen: {never:?}");
}
