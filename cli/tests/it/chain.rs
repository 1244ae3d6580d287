//! Campaigns that run: in full sequence and step by step, interrupted, waiting, failing, carried on.

use serde_json::{Value, json};

use crate::support::{PHASES, Workplace, plan};

#[test]
fn a_full_sequence_runs_to_its_end_and_a_finished_one_is_run_anew() {
    let place = Workplace::new();
    place.plan(&plan("full_sequence", 40));
    let done = place.run_plan().exits_with(0);
    assert!(done.stdout.contains("leads is completed"), "{}", done.stdout);
    let started = |events: &[String]| events.iter().filter(|one| *one == "phase_started").count();
    let events = place.events("leads");
    assert_eq!(started(&events), 1, "one phase is started by hand");
    assert_eq!(
        events.iter().filter(|one| *one == "phase_auto_started").count(),
        3
    );
    place.run_plan().exits_with(0);
    let listed = place.run(&["list", "--json"]).json_lines();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|one| one["status"] == "completed"));
}

#[test]
fn step_by_step_runs_one_phase_a_time_and_names_the_next() {
    let place = Workplace::new();
    place.plan(&plan("step_by_step", 30));
    for (index, next) in PHASES.iter().enumerate().skip(1) {
        let done = place.run_plan().exits_with(0);
        assert!(
            done.stdout.contains(&format!("The next phase is {next}.")),
            "{}",
            done.stdout
        );
        let (status, phases) = place.statuses("leads");
        assert_eq!(status, "idle");
        assert_eq!(phases.iter().filter(|one| *one == "completed").count(), index);
        assert_eq!(phases[index], "not_started");
    }
    place.run_plan().exits_with(0);
    assert_eq!(place.statuses("leads").0, "completed");
    assert!(!place.events("leads").contains(&"phase_auto_started".to_owned()));
}

#[test]
fn step_by_step_needs_the_config_of_the_phase_that_runs_and_of_no_other() {
    let place = Workplace::new();
    let mut plan = plan("step_by_step", 10);
    plan["configs"] = json!({"domain_generation": plan["configs"]["domain_generation"]});
    place.plan(&plan);
    place.run_plan().exits_with(0);
    let done = place.run_plan().exits_with(3);
    assert!(
        done.stderr.contains("there is no config: store one"),
        "{}",
        done.stderr
    );
    assert_eq!(place.statuses("leads").1[1], "not_started");
}

#[test]
fn a_switch_to_full_sequence_counts_from_the_next_end_of_a_phase_on() {
    let place = Workplace::new();
    place.plan(&plan("step_by_step", 30));
    place.run_plan().exits_with(0);
    place.run(&["mode", "leads", "full_sequence"]).exits_with(0);
    assert_eq!(
        place.statuses("leads").1[1],
        "not_started",
        "the switch starts nothing"
    );
    place.run(&["start", "leads", "--sandbox"]).exits_with(0);
    assert_eq!(place.statuses("leads").0, "completed");
}

#[test]
fn ctrl_c_pauses_and_the_same_command_carries_on() {
    let place = Workplace::new();
    place.plan(&plan("full_sequence", 3_000));
    let mut running = place.start(&["run", "plan.json", "--sandbox", "--json"]);
    running.until("phase_auto_started");
    running.signal("-INT");
    assert_eq!(running.end(), Some(130));
    let (status, phases) = place.statuses("leads");
    assert_eq!((status.as_str(), phases[1].as_str()), ("paused", "paused"));
    let events = place.run_plan().exits_with(0);
    assert!(events.stdout.contains("leads is completed"));
    assert!(place.events("leads").contains(&"phase_resumed".to_owned()));
}

#[test]
fn the_end_of_the_process_is_no_pause_and_the_next_start_takes_up_what_ran() {
    let place = Workplace::new();
    place.plan(&plan("full_sequence", 3_000));
    let mut running = place.start(&["run", "plan.json", "--sandbox", "--json"]);
    running.until("phase_auto_started");
    running.signal("-TERM");
    assert_eq!(running.end(), Some(143));
    assert_eq!(place.statuses("leads").0, "running");
    place.run(&["resume", "leads", "--sandbox"]).exits_with(0);
    let events = place.events("leads");
    assert!(events.contains(&"phase_recovered".to_owned()));
    assert!(!events.contains(&"phase_paused".to_owned()));
}

#[test]
fn a_config_taken_away_on_the_way_makes_the_chain_wait_and_supplying_it_finishes_the_chain() {
    let place = Workplace::new();
    place.plan(&plan("full_sequence", 2_000));
    let mut running = place.start(&["run", "plan.json", "--sandbox", "--json"]);
    running.until("phase_auto_started");
    running.signal("-INT");
    assert_eq!(running.end(), Some(130));
    place.run(&["unconfigure", "leads", "analysis"]).exits_with(0);

    let done = place.run_plan().exits_with(5);
    assert!(
        done.stdout.contains("leads waits for configuration of analysis"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("there is no config: store one"));
    let warnings: Vec<_> = done.stderr.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("analysis"));
    let (status, phases) = place.statuses("leads");
    assert_eq!(status, "waiting_for_configuration");
    assert_eq!(phases[3], "not_started");

    place.run_plan().exits_with(5);
    let config = r#"{"keyword": "phasegate"}"#;
    place
        .run_with_input(&["configure", "leads", "analysis", "-"], config)
        .exits_with(0);
    assert_eq!(
        place.statuses("leads").1[3],
        "not_started",
        "the config starts nothing"
    );
    place.run(&["start", "leads", "--sandbox"]).exits_with(0);
    assert_eq!(place.statuses("leads").0, "completed");
}

#[test]
fn apply_gives_a_waiting_chain_what_the_plan_has() {
    let place = Workplace::new();
    place.plan(&plan("full_sequence", 2_000));
    let mut running = place.start(&["run", "plan.json", "--sandbox", "--json"]);
    running.until("phase_auto_started");
    running.signal("-INT");
    running.end();
    place.run(&["unconfigure", "leads", "analysis"]).exits_with(0);
    place
        .run(&["run", "plan.json", "--sandbox", "--apply"])
        .exits_with(0);
    assert_eq!(place.statuses("leads").0, "completed");
}

/// A campaign that failed in its DNS phase, since its proxy is down.
fn failed() -> (Workplace, Value) {
    let place = Workplace::new();
    let mut plan = plan("full_sequence", 50);
    plan["configs"]["dns_validation"]["proxyId"] = json!("down");
    plan["resources"]["proxy"] = json!({"down": {
        "protocol": "socks5", "host": "127.0.0.1", "port": 9, "username": "user", "password": "secret-word"
    }});
    place.plan(&plan);
    place.run_plan().exits_with(4);
    (place, plan)
}

#[test]
fn a_failed_phase_starts_nothing_and_the_chain_finishes_once_the_cause_is_mended() {
    let (place, mut plan) = failed();
    let (status, phases) = place.statuses("leads");
    assert_eq!(status, "failed");
    assert_eq!(phases, ["completed", "failed", "not_started", "not_started"]);
    plan["configs"]["dns_validation"]
        .as_object_mut()
        .unwrap()
        .remove("proxyId");
    place.plan(&plan);
    let done = place.run_plan().exits_with(2);
    assert!(
        done.stderr.contains("-  \"proxyId\": \"down\""),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("--apply"), "{}", done.stderr);
    place
        .run(&["run", "plan.json", "--sandbox", "--apply"])
        .exits_with(0);
    let view = place.view("leads");
    assert_eq!(view["status"], "completed");
    assert_eq!(
        view["phases"][1]["run"], 2,
        "with another config it begins afresh"
    );
}

#[test]
fn a_password_is_never_shown() {
    let (place, mut plan) = failed();
    plan["resources"]["proxy"]["down"]["password"] = json!("another-word");
    place.plan(&plan);
    let done = place.run_plan().exits_with(2);
    assert!(done.stderr.contains("(hidden, another)"), "{}", done.stderr);
    for arguments in [&["show", "leads", "--json"][..], &["events", "leads", "--json"]] {
        let shown = place.run(arguments).exits_with(0).stdout;
        assert!(!shown.contains("secret-word"), "{shown}");
    }
    assert!(!done.stderr.contains("secret-word") && !done.stderr.contains("another-word"));
}

#[test]
fn a_plan_that_differs_from_its_unfinished_campaign_wants_a_decision() {
    let place = Workplace::new();
    let mut plan = plan("step_by_step", 30);
    place.plan(&plan);
    place.run_plan().exits_with(0);
    plan["configs"]["analysis"]["keyword"] = json!("other");
    place.plan(&plan);
    let done = place.run_plan().exits_with(2);
    assert!(
        done.stderr.contains("-  \"keyword\": \"phasegate\""),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("+  \"keyword\": \"other\""),
        "{}",
        done.stderr
    );
    assert_eq!(place.statuses("leads").1[1], "not_started");

    place
        .run(&["run", "plan.json", "--sandbox", "--new"])
        .exits_with(0);
    let listed = place.run(&["list", "--json"]).json_lines();
    assert_eq!(listed.len(), 2, "--new leaves the first as it is");
    assert_eq!(listed[0]["position"], 1);

    place
        .run(&["run", "plan.json", "--sandbox", "--apply"])
        .exits_with(0);
    assert_eq!(place.view("leads")["position"], 2);
}

#[test]
fn another_config_of_a_completed_phase_begins_the_chain_afresh_there() {
    let place = Workplace::new();
    let mut plan = plan("step_by_step", 30);
    place.plan(&plan);
    place.run_plan().exits_with(0);
    place.run_plan().exits_with(0);
    plan["configs"]["domain_generation"]["num_domains"] = json!(20);
    place.plan(&plan);
    place
        .run(&["run", "plan.json", "--sandbox", "--apply"])
        .exits_with(0);
    let view = place.view("leads");
    assert_eq!(
        (&view["position"], &view["phases"][0]["run"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(place.records("leads", "domain_generation").len(), 20);
    assert_eq!(
        place
            .run(&["records", "leads", "domain_generation", "--run", "1"])
            .json_lines()
            .len(),
        30
    );
}

#[test]
fn restart_begins_a_completed_phase_afresh_with_the_config_that_is_given() {
    let place = Workplace::new();
    place.plan(&plan("full_sequence", 30));
    place.run_plan().exits_with(0);
    place.write("analysis.json", r#"{"keyword": "zebra"}"#);
    place
        .run(&[
            "restart",
            "leads",
            "analysis",
            "--config",
            "analysis.json",
            "--sandbox",
        ])
        .exits_with(0);
    let view = place.view("leads");
    assert_eq!(
        (&view["status"], &view["phases"][3]["run"]),
        (&json!("completed"), &json!(2))
    );
    assert_eq!(view["phases"][3]["summary"]["matched"], 0);
}

#[test]
fn programs_read_events_a_result_and_errors_as_json() {
    let place = Workplace::new();
    place.plan(&plan("full_sequence", 20));
    let lines = place
        .run(&["run", "plan.json", "--sandbox", "--json"])
        .exits_with(0)
        .json_lines();
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types.first(), Some(&"phase_started"));
    assert_eq!(types.last(), Some(&"result"));
    let result = lines.last().unwrap();
    assert_eq!(
        (&result["exitCode"], &result["campaign"]["status"]),
        (&json!(0), &json!("completed"))
    );
    let error = place
        .run(&["run", "no-such-plan.json", "--json"])
        .exits_with(2)
        .json_lines();
    assert_eq!(
        (&error[0]["type"], &error[0]["code"]),
        (&json!("error"), &json!("plan_invalid"))
    );
}
