//! `cargo xtask test`: every suite, several lanes of them at a time, and what became of them.
//!
//! A failing suite doesn't keep the next from running, unless that one needs it. The last line counts tests: those that passed, and
//! those that failed or were ignored. A check that is no test, such as clippy, counts as one failed when it fails, and isn't
//! counted when it passes. The tests that failed or were ignored are named before the last table.

use std::process::ExitCode;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::run::{self, Outcome, Status};
use crate::suites::{Lane, Suite, suites};
use crate::tally::Tally;

/// Runs every suite. The exit code is that of a failure if anything failed.
pub fn test() -> anyhow::Result<ExitCode> {
    let _ = run::this_program();
    let outcomes = run_all(&suites(), run::run);
    println!("\n{}{}", bad_tests(&outcomes), table(&outcomes));
    let total = total(&outcomes);
    println!("{total}");
    Ok(if total.bad() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs the lanes at the same time, and returns the outcomes in the order of the suites.
fn run_all(suites: &[Suite], run: impl Fn(&Suite) -> Outcome + Sync) -> Vec<Outcome> {
    let ended = Ended::default();
    thread::scope(|scope| {
        for lane in Lane::ALL {
            let (ended, run) = (&ended, &run);
            scope.spawn(move || {
                for suite in suites.iter().filter(|suite| suite.lane == lane) {
                    let outcome = match suite.needs.filter(|need| !ended.succeeded(need)) {
                        Some(need) => Outcome::failed(suite.name, format!("needs {need}")),
                        None => {
                            println!("== {}: {}", suite.name, suite.command.join(" "));
                            run(suite)
                        }
                    };
                    println!("== {}", row(&outcome));
                    ended.add(outcome);
                }
            });
        }
    });
    let mut outcomes = ended
        .outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|outcome| suites.iter().position(|suite| suite.name == outcome.name));
    outcomes
}

/// The suites that have ended.
#[derive(Default)]
struct Ended {
    outcomes: Mutex<Vec<Outcome>>,
    one_more: Condvar,
}

impl Ended {
    fn outcomes(&self) -> MutexGuard<'_, Vec<Outcome>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, outcome: Outcome) {
        self.outcomes().push(outcome);
        self.one_more.notify_all();
    }

    /// Waits for the end of the suite `name`, and tells whether it succeeded.
    fn succeeded(&self, name: &str) -> bool {
        let mut outcomes = self.outcomes();
        loop {
            if let Some(outcome) = outcomes.iter().find(|outcome| outcome.name == name) {
                return outcome.status == Status::Ok;
            }
            outcomes = self
                .one_more
                .wait(outcomes)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn total(outcomes: &[Outcome]) -> Tally {
    let mut total = Tally::default();
    for outcome in outcomes {
        total += outcome.tally;
    }
    total
}

/// A paragraph with the tests that failed or were ignored, each behind its suite; nothing if none was named.
fn bad_tests(outcomes: &[Outcome]) -> String {
    let lines: String = outcomes
        .iter()
        .flat_map(|outcome| {
            outcome.bad_tests.iter().map(|test| {
                // A reason may be as long as what was compared.
                let test: String = test.chars().take(300).collect();
                format!("{:<13} | {test}\n", outcome.name)
            })
        })
        .collect();
    if lines.is_empty() {
        lines
    } else {
        format!("== failed or ignored\n{lines}\n")
    }
}

fn table(outcomes: &[Outcome]) -> String {
    outcomes.iter().map(|outcome| row(outcome) + "\n").collect()
}

fn row(outcome: &Outcome) -> String {
    let Outcome {
        name,
        tally,
        crates,
        time,
        status,
        ..
    } = outcome;
    let (verdict, remark) = match status {
        Status::Ok => ("ok", String::new()),
        Status::Failed(why) => ("FAILED", format!("  ({why})")),
    };
    let seconds = time.as_secs_f64();
    format!(
        "{name:<14}{verdict:<8}{seconds:>8.1} s{crates:>6} crates{:>7} passed{:>5} failed{remark}",
        tally.passed,
        tally.bad()
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::suites::Verdict;

    fn outcome(name: &'static str, passed: u64, failed: u64, status: Status) -> Outcome {
        Outcome {
            name,
            tally: Tally {
                passed,
                failed,
                ignored: 0,
            },
            bad_tests: Vec::new(),
            crates: 7,
            time: Duration::from_millis(1_300),
            status,
        }
    }

    fn suite(name: &'static str, lane: Lane, needs: Option<&'static str>) -> Suite {
        Suite {
            name,
            lane,
            needs,
            command: vec![name],
            folder: "",
            environment: Vec::new(),
            verdict: Verdict::ExitCode,
        }
    }

    #[test]
    fn the_table_names_each_suite_with_its_time_and_crates_and_the_total_counts_all() {
        let outcomes = [
            outcome("clippy", 0, 1, Status::Failed("failed".to_owned())),
            outcome("tests", 40, 0, Status::Ok),
            outcome("doc tests", 2, 0, Status::Ok),
        ];
        let expected = "clippy        FAILED       1.3 s     7 crates      0 passed    1 failed  (failed)\n\
                        tests         ok           1.3 s     7 crates     40 passed    0 failed\n\
                        doc tests     ok           1.3 s     7 crates      2 passed    0 failed\n";
        assert_eq!(table(&outcomes), expected);
        assert_eq!(total(&outcomes).to_string(), "42 passed, 1 failed");
    }

    #[test]
    fn the_tests_that_failed_are_named_behind_their_suites() {
        let failed = Outcome {
            bad_tests: vec!["outer::inner".to_owned(), "another".to_owned()],
            ..outcome("tests", 40, 2, Status::Failed("2 failed, 0 ignored".to_owned()))
        };
        let passed = outcome("doc tests", 2, 0, Status::Ok);
        let expected = "== failed or ignored\ntests         | outer::inner\ntests         | another\n\n";
        assert_eq!(bad_tests(&[passed.clone(), failed]), expected);
        assert_eq!(bad_tests(&[passed]), "");
    }

    #[test]
    fn a_suite_whose_need_failed_is_a_failure_and_is_not_run() {
        let suites = [
            suite("build", Lane::Compile, None),
            suite("lint", Lane::Compile, None),
            suite("tests", Lane::System, Some("build")),
            suite("more tests", Lane::System, Some("tests")),
        ];
        let run = |suite: &Suite| match suite.name {
            "build" => Outcome::failed("build", "failed".to_owned()),
            "lint" => outcome("lint", 1, 0, Status::Ok),
            other => panic!("{other} needs what failed"),
        };
        let outcomes = run_all(&suites, run);
        let names: Vec<_> = outcomes.iter().map(|outcome| outcome.name).collect();
        assert_eq!(names, ["build", "lint", "tests", "more tests"]);
        assert_eq!(total(&outcomes).to_string(), "1 passed, 3 failed");
    }

    #[test]
    fn a_suite_waits_for_what_it_needs_in_the_other_lane() {
        let order = Mutex::new(Vec::new());
        let suites = [
            suite("build", Lane::Compile, None),
            suite("tools", Lane::System, None),
            suite("tests", Lane::System, Some("build")),
        ];
        run_all(&suites, |suite| {
            order.lock().expect("no test panics").push(suite.name);
            outcome(suite.name, 1, 0, Status::Ok)
        });
        let order = order.into_inner().expect("no test panics");
        let place = |name| order.iter().position(|other| *other == name);
        assert!(place("build") < place("tests"), "{order:?}");
    }
}
