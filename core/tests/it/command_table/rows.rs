//! The inputs of the table.

use std::collections::BTreeMap;

use phasegate_core::limits::MAX_ATTRIBUTES;
use phasegate_core::{
    Attempt, Command, Deferred, Envelope, Failure, Input, LastBatch, Mode, Outcome, RetryPolicy, Run, Signal,
    Ticket, Timestamp,
};
use serde_json::json;

use crate::driver::{Driver, Question, attributes, configs, name, policy};

/// The rows of one state, each with its label.
pub fn rows(driver: &Driver) -> Vec<(String, Question)> {
    let mut rows = Rows {
        driver,
        rows: Vec::new(),
    };
    for phase in ["a", "b", "c"] {
        rows.of_phase(phase);
    }
    rows.of_campaign();
    rows.reports();
    rows.signals();
    rows.rows
}

struct Rows<'a> {
    driver: &'a Driver,
    rows: Vec<(String, Question)>,
}

impl Rows<'_> {
    fn add(&mut self, label: impl Into<String>, input: impl Into<Input>) {
        self.rows.push((label.into(), self.driver.question(input)));
    }

    fn of_phase(&mut self, phase: &str) {
        let new = configs(&[phase], json!({"new": true}));
        self.add(format!("configure {phase}"), Command::Configure { configs: new });
        let stored = configs(&[phase], json!({"phase": phase}));
        self.add(
            format!("configure {phase} as it is"),
            Command::Configure { configs: stored },
        );
        let phase = name(phase);
        let of = || phase.clone();
        self.add(
            format!("unconfigure {phase}"),
            Command::Unconfigure { phase: of() },
        );
        self.add(format!("start {phase}"), Command::Start { phase: of() });
        let restart = |config| Command::Restart { phase: of(), config };
        self.add(format!("restart {phase}"), restart(None));
        self.add(
            format!("restart {phase} with a new config"),
            restart(Some(json!({"new": true}))),
        );
        self.add(format!("skip {phase}"), Command::Skip { phase: of() });
        self.add(format!("unskip {phase}"), Command::Unskip { phase: of() });
        self.set_retry(format!("set retry of {phase}"), phase.as_str(), Some(policy(2)));
    }

    fn set_retry(&mut self, label: impl Into<String>, phase: &str, policy: Option<RetryPolicy>) {
        let phase = name(phase);
        self.add(label, Command::SetRetry { phase, policy });
    }

    fn of_campaign(&mut self) {
        let nonsense = || name("nonsense");
        self.add("start nonsense", Command::Start { phase: nonsense() });
        self.set_retry("set retry of b to none", "b", None);
        self.set_retry("set retry of b to what can't be", "b", Some(policy(0)));
        for mode in [Mode::StepByStep, Mode::FullSequence] {
            self.add(format!("set mode {mode}"), Command::SetMode { mode });
        }
        let many: BTreeMap<String, Option<String>> = (0..MAX_ATTRIBUTES)
            .map(|number| (format!("k{number}"), Some("v".to_owned())))
            .collect();
        let describe = |name: Option<&str>, attributes| Command::Describe {
            name: name.map(str::to_owned),
            attributes,
        };
        let none = BTreeMap::new;
        self.add(
            "describe as it is",
            describe(
                Some("letters"),
                attributes(&[("team", Some("north")), ("city", None)]),
            ),
        );
        self.add("describe with another name", describe(Some("cards"), none()));
        self.add("describe with no name", describe(Some(""), none()));
        self.add(
            "describe with another attribute",
            describe(None, attributes(&[("city", Some("Rome"))])),
        );
        self.add(
            "describe without an attribute",
            describe(None, attributes(&[("team", None)])),
        );
        self.add("describe with too many attributes", describe(None, many));
        self.add(
            "describe with a bad key",
            describe(None, attributes(&[("City", Some("Rome"))])),
        );
        for command in [Command::Pause {}, Command::Resume {}, Command::Stop {}] {
            self.add(command.kind().as_str(), command);
        }
        let prune = |keep_runs, phase: Option<&str>| Command::Prune {
            keep_runs,
            phase: phase.map(name),
        };
        self.add("prune to 0 runs", prune(0, None));
        self.add("prune to 1 run", prune(1, None));
        self.add("prune b to 0 runs", prune(0, Some("b")));
        self.add("delete", Command::Delete {});
    }

    fn ticket(&self, phase: &str, run: u32, attempt: u32) -> Ticket {
        Ticket {
            campaign: self.driver.campaign.id,
            phase: name(phase),
            run: Run(run),
            attempt: Attempt(attempt),
        }
    }

    /// The ticket that may report, else the first of `b`.
    fn now(&self) -> Ticket {
        let current = self.driver.campaign.ticket();
        current.unwrap_or_else(|| self.ticket("b", 1, 1))
    }

    fn report(&mut self, label: &str, ticket: Ticket, outcome: Outcome, last_batch: Option<LastBatch>) {
        let report = Signal::Report {
            ticket,
            outcome,
            last_batch,
            envelope: Envelope::none(),
        };
        self.add(label, report);
    }

    fn reports(&mut self) {
        let completed = || Outcome::Completed(json!({"done": true}));
        let failure = || Failure::new("broken", "it broke");
        let failed = || Outcome::Failed(failure());
        let now = || self.now();
        let now = now();
        let now = || now.clone();
        self.report("report completed", now(), completed(), None);
        self.report("report failed", now(), failed(), None);
        let a = self.ticket("a", 1, 1);
        self.report("report completed for a, again", a.clone(), completed(), None);
        self.report("report failed for a, completed before", a, failed(), None);
        let to_come = self.ticket("b", 1, 9);
        self.report(
            "report completed with a ticket to come",
            to_come,
            completed(),
            None,
        );
        let batch = Some(LastBatch {
            records: 3,
            is_progress: true,
        });
        self.report("report completed with 3 records", now(), completed(), batch);
        self.report("report failed with 3 records", now(), failed(), batch);
        let finally = Outcome::Failed(failure().finally());
        self.report("report failed for good", now(), finally, None);
        let after = Outcome::Failed(failure().retry_after_ms(7_000));
        self.report("report failed, to try after 7 s", now(), after, None);
        let after = Outcome::Failed(failure().retry_after_ms(600_000));
        self.report("report failed, to try after 10 min", now(), after, None);
        let wrong = Outcome::Completed(json!({"wrong": true}));
        self.report("report completed with a wrong answer", now(), wrong, None);
        let deferred = Deferred::default;
        self.report("report deferred", now(), Outcome::Deferred(deferred()), None);
        let with_note = Outcome::Deferred(Deferred {
            note: Some("sign it".to_owned()),
            form: Some(json!({})),
            deadline_ms: Some(60_000),
        });
        self.report("report deferred with form and deadline", now(), with_note, None);
        let with_bad_form = Outcome::Deferred(Deferred {
            form: Some(json!({"wrong": true})),
            ..deferred()
        });
        self.report("report deferred with a bad form", now(), with_bad_form, None);
    }

    fn signals(&mut self) {
        let now = self.now();
        let to_come = self.ticket("b", 1, 9);
        self.add("runner is quiet", Signal::Settled { ticket: now.clone() });
        self.add("recover", Signal::Recover { ticket: now.clone() });
        self.add(
            "recover with a ticket to come",
            Signal::Recover { ticket: to_come },
        );
        self.add("recover after a release", Signal::Recover { ticket: now });
        if let Some((_, question)) = self.rows.last_mut() {
            question.released = true;
        }
        let due = self.driver.campaign.due().unwrap_or(self.driver.now);
        for (label, at) in [
            ("wake before its time", due.as_unix_ms() - 1),
            ("wake at its time", due.as_unix_ms()),
        ] {
            self.add(label, Signal::Wake);
            if let Some((_, question)) = self.rows.last_mut() {
                question.now = Timestamp::from_unix_ms(at);
            }
        }
    }
}
