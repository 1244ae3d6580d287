//! Plans that can't run: what is said, how the command ends, and that nothing was started.

use serde_json::{Value, json};

use crate::support;
use crate::support::{Workplace, plan};

/// Runs `plan`, which must be refused with this exit code before anything is stored.
fn refused(plan: &Value, code: i32) -> String {
    let place = Workplace::new();
    place.plan(plan);
    let done = place.run_plan().exits_with(code);
    if place.path("phasegate.redb").exists() {
        let listed = place.run(&["list", "--json"]).exits_with(0);
        assert_eq!(listed.stdout, "", "no campaign was created");
    }
    done.stderr
}

/// The rows of the table of problems: phase, field and problem.
fn rows(said: &str) -> Vec<[String; 3]> {
    let table = said.lines().filter(|line| line.starts_with('│')).skip(1);
    let row = |line: &str| {
        let mut cells = line
            .trim_matches('│')
            .split('┆')
            .map(|cell| cell.trim().to_owned());
        [(); 3].map(|()| cells.next().expect("three columns"))
    };
    table.map(row).collect()
}

#[test]
fn a_missing_config_is_refused_and_exactly_its_phase_is_named() {
    for phase in support::PHASES {
        let mut plan = plan("full_sequence", 10);
        plan["configs"].as_object_mut().unwrap().remove(phase);
        let said = refused(&plan, 3);
        let expected = [[
            phase.to_owned(),
            "(config)".to_owned(),
            "there is no config: store one".to_owned(),
        ]];
        assert_eq!(rows(&said), expected);
        assert!(said.contains(&format!(
            "nothing was started, since a valid config is missing for {phase}:"
        )));
    }
}

#[test]
fn every_missing_and_invalid_config_is_listed_in_the_order_of_the_pipeline() {
    let mut plan = plan("full_sequence", 10);
    let configs = plan["configs"].as_object_mut().unwrap();
    configs.remove("analysis");
    configs.remove("domain_generation");
    configs["http_validation"] = json!({"personaIds": [], "proxyID": "a"});
    let said = refused(&plan, 3);
    let problems: Vec<_> = rows(&said)
        .into_iter()
        .map(|[phase, field, _]| (phase, field))
        .collect();
    let expected = [
        ("domain_generation", "(config)"),
        ("http_validation", "/personaIds"),
        ("http_validation", "/proxyID"),
        ("analysis", "(config)"),
    ];
    assert_eq!(
        problems,
        expected.map(|(phase, field)| (phase.to_owned(), field.to_owned()))
    );
}

#[test]
fn a_persona_that_is_missing_or_disabled_is_a_problem_of_the_phase_that_uses_it() {
    let mut plan = plan("full_sequence", 10);
    plan["configs"]["dns_validation"]["personaIds"] = json!(["careful", "nobody"]);
    plan["resources"]["http_persona"]["browser"]["enabled"] = json!(false);
    let said = refused(&plan, 3);
    let expected = [
        [
            "dns_validation",
            "/personaIds/1",
            "there is no dns_persona nobody: create it or name another",
        ],
        [
            "http_validation",
            "/personaIds/0",
            "http_persona browser is disabled: enable it or name another",
        ],
    ];
    assert_eq!(rows(&said), expected.map(|row| row.map(str::to_owned)));
}

#[test]
fn what_only_the_phase_itself_can_check_is_checked_before_anything_starts() {
    let mut plan = plan("full_sequence", 10);
    plan["configs"]["domain_generation"]["num_domains"] = json!(456_977);
    let said = refused(&plan, 3);
    assert!(said.contains("456976"), "the capacity, 26^4, is named: {said}");
}

#[test]
fn an_unknown_member_of_a_plan_is_refused() {
    for member in ["is_full_sequence_mode", "auto_advance_phases", "Name"] {
        let mut plan = plan("full_sequence", 10);
        plan[member] = json!(true);
        let said = refused(&plan, 2);
        assert!(said.contains(&format!("unknown field `{member}`")), "{said}");
    }
}

#[test]
fn a_plan_that_is_no_plan_is_a_usage_error_that_says_where() {
    let mut unnamed = plan("full_sequence", 10);
    unnamed.as_object_mut().unwrap().remove("name");
    let cases = [
        ("{".to_owned(), "EOF while parsing"),
        ("[]".to_owned(), "invalid"),
        (unnamed.to_string(), "missing field `name`"),
        (json!({"name": ""}).to_string(), "0 characters"),
        (
            json!({"name": "a", "mode": "automatic"}).to_string(),
            "unknown variant `automatic`",
        ),
        (
            json!({"name": "a", "configs": {"No Such": {}}}).to_string(),
            "No Such",
        ),
        (
            r#"{"name": "a", "name": "b"}"#.to_owned(),
            "the member \"name\" is given twice, at /name (line 1 column 20)",
        ),
        (
            r#"{"name": "a", "configs": {"analysis": {}, "analysis": {}}}"#.to_owned(),
            "the member \"analysis\" is given twice, at /configs/analysis",
        ),
        (
            r#"{"name": "a", "configs": {"analysis": {"keyword": "a", "keyword": "b"}}}"#.to_owned(),
            "the member \"keyword\" is given twice, at /configs/analysis/keyword",
        ),
    ];
    for (text, expected) in cases {
        let place = Workplace::new();
        place.write("plan.json", &text);
        let done = place.run(&["run", "plan.json"]).exits_with(2);
        assert!(done.stderr.contains(expected), "{text}\n{}", done.stderr);
        assert!(
            !place.path("phasegate.redb").exists(),
            "no store is made for {text}"
        );
    }
}

#[test]
fn a_phase_or_kind_or_resource_that_the_pipeline_does_not_know_is_a_usage_error() {
    let mut unknown_phase = plan("full_sequence", 10);
    unknown_phase["configs"]["dns"] = json!({});
    assert!(refused(&unknown_phase, 2).contains("there is no phase dns: the phases are domain_generation"));
    let mut unknown_kind = plan("full_sequence", 10);
    unknown_kind["resources"]["persona"] = json!({"a": {}});
    assert!(refused(&unknown_kind, 2).contains("there is no kind of resource persona: the kinds are"));
    let mut bad_resource = plan("full_sequence", 10);
    bad_resource["resources"]["dns_persona"]["quick"] = json!({"resolvers": []});
    let said = refused(&bad_resource, 2);
    assert_eq!(
        rows(&said)[0][..2],
        ["dns_persona quick".to_owned(), "/resolvers".to_owned()]
    );
}

#[test]
fn check_says_what_run_would_and_stores_nothing() {
    let place = Workplace::new();
    place.plan(&plan("full_sequence", 10));
    let done = place.run(&["check", "plan.json"]).exits_with(0);
    assert_eq!(done.stdout, "leads is ready: every phase has a valid config\n");
    let mut short = plan("full_sequence", 10);
    short["configs"].as_object_mut().unwrap().remove("analysis");
    place.plan(&short);
    let done = place.run(&["check", "plan.json"]).exits_with(3);
    assert_eq!(rows(&done.stderr).len(), 1);
    let report = place
        .run(&["check", "plan.json", "--json"])
        .exits_with(3)
        .json_lines();
    assert_eq!(report[0]["missingPhases"], json!(["analysis"]));
    assert_eq!(report[0]["code"], "preflight_failed");
    short["mode"] = json!("step_by_step");
    place.plan(&short);
    let done = place.run(&["check", "plan.json"]).exits_with(0);
    assert_eq!(
        done.stdout,
        "leads is ready for its first phase; without a config so far: analysis\n"
    );
    assert!(!place.path("phasegate.redb").exists());
}

#[test]
fn a_plan_brings_attributes_and_retry_policies() {
    let place = Workplace::new();
    let mut planned = plan("step_by_step", 10);
    planned["attributes"] = json!({"team": "blue"});
    planned["retry"] = json!({"analysis": {"maxTries": 3}});
    place.plan(&planned);
    let run = [
        "run",
        "plan.json",
        "--sandbox",
        "--attribute",
        "year=2026",
        "--actor",
        "Ada",
    ];
    place.run(&run).exits_with(0);
    let view = place.view("leads");
    assert_eq!(view["attributes"], json!({"team": "blue", "year": "2026"}));
    assert_eq!(view["phases"][3]["retry"]["maxTries"], 3);
    let log = place
        .run(&["events", "leads", "--json"])
        .exits_with(0)
        .json_lines();
    assert!(
        log.iter()
            .take_while(|event| event["type"] != "phase_completed")
            .all(|event| event["actor"] == "Ada")
    );

    planned["attributes"]["team"] = json!("red");
    planned["retry"]["analysis"]["maxTries"] = json!(4);
    place.plan(&planned);
    let tried = place
        .run(&["run", "plan.json", "--apply", "--dry-run"])
        .exits_with(0)
        .stdout;
    assert!(
        tried.contains("  attributes             team\n  retry policy           analysis\n"),
        "{tried}"
    );
    assert_eq!(place.view("leads"), view);
    let done = place
        .run(&["run", "plan.json", "--sandbox", "--apply"])
        .exits_with(0);
    assert!(!done.stderr.contains("note:"), "{}", done.stderr);
    let view = place.view("leads");
    assert_eq!(view["attributes"], json!({"team": "red", "year": "2026"}));
    assert_eq!(view["phases"][3]["retry"]["maxTries"], 4);
    planned["skips"] = json!(["analysis"]);
    place.plan(&planned);
    let noted = place.run_plan().exits_with(0);
    assert!(
        noted.stderr.contains("note: the plan has other phases to skip"),
        "{}",
        noted.stderr
    );
    place.run(&["run", "plan.json", "--new"]).exits_with(2);
}

#[test]
fn a_dry_run_of_a_plan_makes_no_store() {
    let place = Workplace::new();
    let mut planned = plan("full_sequence", 10);
    place.plan(&planned);
    let tried = place.run(&["run", "plan.json", "--dry-run"]).exits_with(0).stdout;
    for line in [
        "  stored                 dns_persona careful, dns_persona quick, http_persona browser\n",
        "  created                leads\n",
        "  started                domain_generation\n",
    ] {
        assert!(tried.contains(line), "{tried}");
    }
    let tried = place
        .run(&["run", "plan.json", "--dry-run", "--json"])
        .exits_with(0)
        .json_lines();
    assert_eq!(
        (&tried[0]["accepted"], &tried[0]["plan"]["created"]),
        (&json!(true), &json!("leads"))
    );
    planned["configs"]
        .as_object_mut()
        .expect("configs")
        .remove("analysis");
    place.plan(&planned);
    place.run(&["run", "plan.json", "--dry-run"]).exits_with(3);
    assert!(!place.path("phasegate.redb").exists());
}

#[test]
fn wrong_arguments_are_usage_errors() {
    let place = Workplace::new();
    for arguments in [
        &["run"][..],
        &["run", "plan.json", "--apply", "--new"],
        &["mode", "leads", "automatic"],
        &["nothing"],
        &["run", "no-such-plan.json"],
        &["list"],
        &["verify", "nothing.redb"],
        &["schema", "nothing"],
    ] {
        let done = place.run(arguments).exits_with(2);
        assert_ne!(done.stderr, "", "{arguments:?}");
    }
}

#[test]
fn the_schema_of_plans_in_the_repository_is_the_one_that_the_command_prints() {
    let place = Workplace::new();
    let printed: Value = serde_json::from_str(&place.run(&["schema", "plan"]).exits_with(0).stdout).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/plan.schema.json");
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(committed, printed, "run 'cargo xtask schemas'");
}

#[test]
fn the_example_is_valid_and_uses_every_member_of_a_plan() {
    let place = Workplace::new();
    let example = support::example();
    place.run(&["check", example.to_str().unwrap()]).exits_with(0);
    let plan: Value = serde_json::from_str(&std::fs::read_to_string(example).unwrap()).unwrap();
    let schema: Value = serde_json::from_str(&place.run(&["schema", "plan"]).stdout).unwrap();
    for member in schema["properties"].as_object().unwrap().keys() {
        assert!(plan.get(member).is_some(), "{member}");
    }
}

#[test]
fn a_plan_with_a_byte_order_mark_is_read_and_one_in_utf_16_is_refused_by_that_name() {
    let text = plan("full_sequence", 10).to_string();
    let place = Workplace::new();
    place.write("plan.json", format!("\u{feff}{text}"));
    place.run(&["check", "plan.json"]).exits_with(0);
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for mark in [&b"\xff\xfe"[..], b""] {
        place.write("plan.json", [mark, &utf_16].concat());
        let done = place.run(&["check", "plan.json"]).exits_with(2);
        assert!(
            done.stderr.contains("this is UTF-16: save it as UTF-8"),
            "{}",
            done.stderr
        );
    }
}
