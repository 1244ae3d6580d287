//! Commands that are told to a file and to a server, with the same words and answers.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::served::Served;
use crate::support::{Done, Workplace, plan};

/// A store with the campaign `leads`, whose first phase is completed, and how it is named on the command line.
struct Asked {
    place: Workplace,
    served: Option<Served>,
}

impl Asked {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.place.command(words);
        if let Some(served) = &self.served {
            command.args(["--url", &format!("http://{}", served.address)]);
        }
        command
    }

    fn run(&self, words: &[&str]) -> Done {
        Done::of(self.command(words).output().expect("it runs"))
    }

    fn says(&self, words: &[&str], said: &str) {
        let done = self.run(words).exits_with(0);
        assert_eq!(done.stdout, format!("{said}\n"), "{words:?}");
    }

    /// The types of the campaign's events, each with who asked for it and why.
    fn told(&self) -> Vec<(String, Value, Value)> {
        let events = self
            .run(&["events", "leads", "--json"])
            .exits_with(0)
            .json_lines();
        let told = |event: &Value| {
            let kind = event["type"].as_str().expect("a type").to_owned();
            (kind, event["actor"].clone(), event["reason"].clone())
        };
        events.iter().map(told).collect()
    }
}

/// Checks the same of a store in a file and of one at a server.
fn of_each(check: impl Fn(&Asked)) {
    for at_server in [false, true] {
        let place = Workplace::new();
        place.plan(&plan("step_by_step", 10));
        place.run_plan().exits_with(0);
        place.write("right.json", r#"{"keyword": "other"}"#);
        let served = at_server.then(|| Served::start(&place, &[]));
        check(&Asked { place, served });
    }
}

#[test]
fn a_campaign_is_described_and_found_by_its_attributes() {
    of_each(|asked| {
        let describe = [
            "describe",
            "leads",
            "--attribute",
            "team=blue",
            "--attribute",
            "year=2026",
        ];
        asked.says(&describe, "leads has now team=blue, year=2026");
        asked.says(&describe, "leads has already team=blue, year=2026");
        let found = |attribute: &str| {
            asked
                .run(&["list", "--json", "--attribute", attribute])
                .exits_with(0)
        };
        assert_eq!(found("team=blue").json_lines()[0]["name"], "leads");
        assert_eq!(found("team=red").stdout, "");
        asked.says(
            &["list", "--attribute", "team=red"],
            "no campaign has these attributes",
        );
        let listed = asked.run(&["list"]).exits_with(0).stdout;
        assert!(listed.contains("team=blue"), "{listed}");
        let shown = asked.run(&["show", "leads"]).exits_with(0).stdout;
        assert!(shown.contains("attributes: team=blue, year=2026"), "{shown}");
        let rename = [
            "describe", "leads", "--name", "spring", "--remove", "team", "--remove", "year",
        ];
        asked.says(&rename, "spring has now no attributes");
        asked.run(&["describe", "spring"]).exits_with(2);
        asked
            .run(&["describe", "spring", "--attribute", "a=1", "--remove", "a"])
            .exits_with(2);
        asked
            .run(&["describe", "spring", "--attribute", "nothing"])
            .exits_with(2);
        let wrong = asked
            .run(&["describe", "spring", "--attribute", "Team=x"])
            .exits_with(2);
        assert!(
            wrong.stderr.contains("the attribute \"Team\" can't be set"),
            "{}",
            wrong.stderr
        );
    });
}

#[test]
fn the_log_tells_who_asked_and_why() {
    of_each(|asked| {
        let ask = ["--actor", " Jörg, 100 % ", "--reason", "weil's %41 heißt"];
        asked
            .run(&[&["mode", "leads", "full_sequence"][..], &ask].concat())
            .exits_with(0);
        let (kind, actor, reason) = asked.told().pop().expect("an event");
        assert_eq!(
            (kind.as_str(), actor, reason),
            ("mode_changed", json!(" Jörg, 100 % "), json!("weil's %41 heißt"))
        );
        let mut by_variable = asked.command(&["mode", "leads", "step_by_step"]);
        let done = by_variable
            .env("PHASEGATE_ACTOR", "night shift")
            .output()
            .expect("it runs");
        assert!(done.status.success());
        let (_, actor, reason) = asked.told().pop().expect("an event");
        assert_eq!((actor, reason), (json!("night shift"), Value::Null));
        let long = "x".repeat(201);
        let refused = asked
            .run(&["mode", "leads", "full_sequence", "--actor", &long])
            .exits_with(2);
        assert_eq!(
            refused.stderr,
            "error: the actor has more than 200 characters: shorten it\n"
        );
    });
}

#[test]
fn a_dry_run_says_what_a_command_would_do_and_does_nothing() {
    of_each(|asked| {
        let before = asked.told();
        let commands: [(&[&str], &str); 9] = [
            (
                &["start", "leads"],
                "phase_started          dns_validation started",
            ),
            (
                &["restart", "leads", "domain_generation"],
                "phase_restarted        domain_generation begun afresh",
            ),
            (
                &["configure", "leads", "analysis", "right.json"],
                "phase_configured       analysis configured",
            ),
            (
                &["unconfigure", "leads", "analysis"],
                "phase_config_removed   analysis config taken away",
            ),
            (
                &["mode", "leads", "full_sequence"],
                "mode_changed           now full_sequence",
            ),
            (
                &["describe", "leads", "--attribute", "team=blue"],
                "campaign_described",
            ),
            (
                &["retry", "leads", "analysis", "--max-tries", "3"],
                "phase_retry_set        analysis",
            ),
            (&["delete", "leads"], "campaign_deleted       deleted"),
            (
                &["prune", "leads", "--keep", "1"],
                "It would be accepted, and change nothing.",
            ),
        ];
        for (words, said) in commands {
            let tried = asked.run(&[words, &["--dry-run"]].concat()).exits_with(0);
            assert!(tried.stdout.contains(said), "{words:?}: {}", tried.stdout);
        }
        let tried = asked.run(&["start", "leads", "--dry-run"]).exits_with(0).stdout;
        assert!(tried.contains("leads would then be running:"), "{tried}");
        let tried = asked
            .run(&["start", "leads", "--dry-run", "--json"])
            .exits_with(0)
            .json_lines();
        assert_eq!(
            (&tried[0]["type"], &tried[1]["campaign"]["status"]),
            (&json!("phase_started"), &json!("running"))
        );
        let refused = asked
            .run(&["start", "leads", "analysis", "--dry-run"])
            .exits_with(2);
        assert_eq!(
            refused.stderr,
            asked.run(&["start", "leads", "analysis"]).exits_with(2).stderr
        );
        let refused = asked.run(&["pause", "leads", "--dry-run"]).exits_with(2);
        assert!(
            refused.stderr.contains("nothing to pause or stop"),
            "{}",
            refused.stderr
        );
        asked
            .run(&["skip", "leads", "analysis", "--dry-run"])
            .exits_with(2);
        assert_eq!(asked.told(), before);
        asked
            .run(&["unconfigure", "leads", "dns_validation"])
            .exits_with(0);
        let refused = asked.run(&["start", "leads", "--dry-run"]).exits_with(3);
        assert!(refused.stderr.contains("│ dns_validation "), "{}", refused.stderr);
    });
}

#[test]
fn a_campaign_gets_a_retry_policy_of_its_own() {
    of_each(|asked| {
        let set = [
            "retry",
            "leads",
            "analysis",
            "--max-tries",
            "3",
            "--factor",
            "1.5",
            "--final",
            "a",
            "--final",
            "b",
        ];
        asked.says(&set, "analysis has now 3 tries");
        asked.says(&set, "analysis has already 3 tries");
        let policy = || asked.run(&["show", "leads", "--json"]).json_lines()[0]["phases"][3]["retry"].clone();
        let shown = policy();
        assert_eq!(
            (
                &shown["maxTries"],
                &shown["factor"],
                &shown["initialDelayMs"],
                &shown["final"]
            ),
            (&json!(3), &json!(1.5), &json!(1_000), &json!(["a", "b"]))
        );
        asked.says(
            &["retry", "leads", "analysis", "--remove"],
            "analysis has now no policy of its own",
        );
        assert_eq!(policy(), Value::Null);
        asked.run(&["retry", "leads", "analysis"]).exits_with(2);
        asked
            .run(&["retry", "leads", "analysis", "--remove", "--max-tries", "3"])
            .exits_with(2);
        let wrong = asked
            .run(&["retry", "leads", "analysis", "--max-tries", "0"])
            .exits_with(2);
        assert!(wrong.stderr.contains("maxTries is 1 to 1000"), "{}", wrong.stderr);
    });
}

#[test]
fn older_runs_are_pruned() {
    of_each(|asked| {
        asked
            .run(&["restart", "leads", "domain_generation"])
            .exits_with(0);
        let old = [
            "records",
            "leads",
            "domain_generation",
            "--run",
            "1",
            "--limit",
            "2",
        ];
        assert_eq!(asked.run(&old).exits_with(0).json_lines().len(), 2);
        let more = asked
            .run(&[&old[..], &["--format", "table"]].concat())
            .exits_with(0);
        assert!(
            more.stderr.contains("8 more: --from and --limit"),
            "{}",
            more.stderr
        );
        let prune = ["prune", "leads", "--keep", "1", "--phase", "domain_generation"];
        asked.says(&prune, "the older runs are gone");
        asked.says(&prune, "there are no older runs");
        asked.run(&old).exits_with(2);
    });
}

#[test]
fn a_phase_that_its_pipeline_keeps_is_not_skipped() {
    of_each(|asked| {
        let refused = asked.run(&["skip", "leads", "analysis"]).exits_with(2);
        assert_eq!(
            refused.stderr,
            "error: analysis can't be skipped: its pipeline forbids it\n"
        );
        asked.says(&["unskip", "leads", "analysis"], "analysis is not to be skipped");
        let locked = asked.run(&["unskip", "leads", "domain_generation"]).exits_with(2);
        assert!(locked.stderr.contains("domain_generation"), "{}", locked.stderr);
    });
}
