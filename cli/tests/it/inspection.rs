//! Commands that launch nothing.

use serde_json::Value;

use crate::support::{Workplace, plan};

/// A completed campaign of 60 domains.
fn completed() -> Workplace {
    let place = Workplace::new();
    place.plan(&plan("full_sequence", 60));
    place.run_plan().exits_with(0);
    place
}

#[test]
fn records_come_as_json_as_csv_and_as_a_table() {
    let place = completed();
    let records = place.records("leads", "domain_generation");
    assert_eq!(records.len(), 60);
    assert_eq!(records[0]["domain"], "aaaashop.test");

    let csv = place
        .run(&["records", "leads", "dns_validation", "--format", "csv"])
        .exits_with(0);
    let lines: Vec<_> = csv.stdout.lines().collect();
    assert_eq!(lines.len(), 61);
    assert!(lines[0].starts_with("domain,status,detail"), "{}", lines[0]);
    assert!(lines[1].starts_with("aaaashop.test,"), "{}", lines[1]);

    let table = place
        .run(&[
            "records", "leads", "analysis", "--format", "table", "--limit", "3",
        ])
        .exits_with(0);
    assert_eq!(
        table.stdout.lines().filter(|line| line.starts_with('│')).count(),
        4
    );
    assert!(
        table.stderr.contains("more: --from and --limit choose which"),
        "{}",
        table.stderr
    );

    let some = place
        .run(&[
            "records",
            "leads",
            "domain_generation",
            "--from",
            "10",
            "--limit",
            "5",
        ])
        .json_lines();
    assert_eq!(some[..], place_records(&place, "domain_generation")[10..15]);
}

fn place_records(place: &Workplace, phase: &str) -> Vec<Value> {
    place.run(&["records", "leads", phase]).json_lines()
}

#[test]
fn a_reader_that_leaves_early_ends_the_command_in_order() {
    let place = completed();
    let mut running = place.command(&["records", "leads", "http_validation"]);
    let mut child = running.stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn show_names_the_commands_that_are_allowed_and_they_are() {
    let place = Workplace::new();
    place.plan(&plan("step_by_step", 10));
    place.run_plan().exits_with(0);
    let shown = place.run(&["show", "leads"]).exits_with(0).stdout;
    let allowed: Vec<_> = shown
        .lines()
        .filter_map(|line| line.strip_prefix("  phasegate "))
        .collect();
    assert!(allowed.contains(&"start leads dns_validation"), "{shown}");
    assert!(allowed.contains(&"unconfigure leads analysis"), "{shown}");
    assert!(!shown.contains("start leads analysis"), "{shown}");
    place.run(&["unconfigure", "leads", "analysis"]).exits_with(0);
    place
        .run(&["unconfigure", "leads", "domain_generation"])
        .exits_with(2);
}

#[test]
fn a_campaign_is_found_by_its_name_and_by_its_id_and_an_unknown_one_is_a_usage_error() {
    let place = completed();
    let id = place.view("leads")["id"].as_str().unwrap().to_owned();
    assert_eq!(place.view(&id), place.view("leads"));
    let done = place.run(&["show", "nobody"]).exits_with(2);
    assert!(
        done.stderr.contains("'phasegate list' shows which there are"),
        "{}",
        done.stderr
    );
    place
        .run(&["show", "01a20bef-f3cb-7154-ba14-8a80ed1d58eb"])
        .exits_with(2);
}

#[test]
fn a_config_is_stored_only_if_it_is_valid_and_its_phase_is_not_locked() {
    let place = Workplace::new();
    place.plan(&plan("step_by_step", 10));
    place.run_plan().exits_with(0);
    let configure =
        |phase: &str, config: &str| place.run_with_input(&["configure", "leads", phase, "-"], config);
    configure("analysis", r#"{"keyword": "new"}"#).exits_with(0);
    let done = configure("analysis", r#"{"keyword": "a", "keyword": "b"}"#).exits_with(2);
    assert!(
        done.stderr
            .contains("the member \"keyword\" is given twice, at /keyword"),
        "{}",
        done.stderr
    );
    let done = configure("analysis", r#"{"keyword": ""}"#).exits_with(3);
    assert!(done.stderr.contains("/keyword"), "{}", done.stderr);
    configure("analysis", "{").exits_with(2);
    configure("nothing", "{}").exits_with(2);
    let done = configure("dns_validation", "{}").exits_with(3);
    assert!(done.stderr.contains("/personaIds"), "{}", done.stderr);
    let config = plan("step_by_step", 20)["configs"]["domain_generation"].to_string();
    let done = configure("domain_generation", &config).exits_with(2);
    assert!(
        done.stderr.contains("restart it with the new config"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_deleted_campaign_is_gone_and_nothing_is_deleted_unasked() {
    let place = completed();
    let done = place.run(&["delete", "leads"]).exits_with(2);
    assert!(done.stderr.contains("--yes"), "{}", done.stderr);
    place.run_plan().exits_with(0);
    let done = place.run(&["delete", "leads", "--yes"]).exits_with(2);
    assert!(
        done.stderr.contains("2 campaigns have that name"),
        "{}",
        done.stderr
    );
    let id = place.view("leads")["id"].as_str().unwrap().to_owned();
    place.run(&["delete", &id, "--yes"]).exits_with(0);
    place.run(&["show", &id]).exits_with(2);
    place.run(&["delete", "leads", "--yes"]).exits_with(0);
    assert_eq!(place.run(&["list", "--json"]).exits_with(0).stdout, "");
}

#[test]
fn a_store_is_verified_and_backed_up() {
    let place = completed();
    let done = place.run(&["verify", "phasegate.redb"]).exits_with(0);
    assert!(done.stdout.contains("phasegate.redb is sound"), "{}", done.stdout);
    place
        .run(&["backup", "phasegate.redb", "copy.redb"])
        .exits_with(0);
    place
        .run(&["backup", "phasegate.redb", "copy.redb"])
        .exits_with(2);
    let copied = place
        .run(&["show", "leads", "--json", "--db", "copy.redb"])
        .exits_with(0)
        .stdout;
    assert_eq!(copied, place.run(&["show", "leads", "--json"]).stdout);
}

#[test]
fn a_damaged_store_is_an_error_that_says_what_to_do() {
    let place = completed();
    let path = place.path("phasegate.redb");
    let mut bytes = std::fs::read(&path).unwrap();
    let needle = b"aaaashop.test";
    let at: Vec<_> = (0..bytes.len() - needle.len())
        .filter(|at| bytes[*at..].starts_with(needle))
        .collect();
    assert!(!at.is_empty(), "records stand in the file as they are");
    for at in at {
        bytes[at] = b'z';
    }
    std::fs::write(&path, bytes).unwrap();
    let done = place.run(&["verify", "phasegate.redb"]).exits_with(1);
    assert!(
        done.stderr.contains("Restore it from a backup"),
        "{}",
        done.stderr
    );
}

#[test]
fn what_is_no_store_is_refused_and_left_as_it_is() {
    let place = Workplace::new();
    let path = place.write("notes.txt", "no store at all");
    let done = place.run(&["list", "--db", "notes.txt"]).exits_with(1);
    assert!(done.stderr.contains("notes.txt"), "{}", done.stderr);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "no store at all");
}

#[test]
fn a_store_that_another_process_holds_is_an_error_that_says_what_to_do() {
    let place = Workplace::new();
    place.plan(&plan("full_sequence", 3_000));
    let mut running = place.start(&["run", "plan.json", "--sandbox", "--json"]);
    running.until("phase_auto_started");
    let done = place.run(&["list"]).exits_with(1);
    assert!(
        done.stderr.contains("held by another process: stop it"),
        "{}",
        done.stderr
    );
    running.signal("-INT");
    running.end();
}

#[test]
fn the_diagram_has_every_status_of_a_campaign() {
    let drawn = Workplace::new().run(&["diagram"]).exits_with(0).stdout;
    assert!(drawn.starts_with("stateDiagram-v2"));
    for status in [
        "idle",
        "running",
        "pausing",
        "stopping",
        "paused",
        "stopped",
        "failed",
        "completed",
    ] {
        assert!(drawn.contains(&format!("--> {status}:")), "{status}");
    }
    assert!(drawn.contains("running --> waiting_for_configuration: phase completed"));
}

#[test]
fn every_shell_gets_its_completions() {
    let place = Workplace::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&["completions", shell]).exits_with(0).stdout;
        assert!(script.contains("unconfigure"), "{shell}");
    }
}

#[test]
fn every_command_has_help() {
    let place = Workplace::new();
    let help = place.run(&["--help"]).exits_with(0).stdout;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<_> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        assert!(
            place
                .run(&["help", command])
                .exits_with(0)
                .stdout
                .contains("Usage:"),
            "{command}"
        );
    }
}

#[test]
fn a_phase_whose_process_was_killed_can_be_paused() {
    let place = Workplace::new();
    place.plan(&plan("full_sequence", 3_000));
    let mut running = place.start(&["run", "plan.json", "--sandbox", "--json"]);
    running.until("phase_auto_started");
    running.signal("-KILL");
    assert_eq!(running.end(), None);
    let paused = place.run(&["pause", "leads"]).exits_with(0);
    assert_eq!(paused.stdout, "leads is paused: 'phasegate resume' carries on.\n");
    assert_eq!(place.statuses("leads").0, "paused");
}
