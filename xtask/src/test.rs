//! `cargo xtask test`: every suite, one after the other, and what became of them.
//!
//! A failing suite doesn't keep the next from running. The last line counts tests: those that passed, and those that
//! failed or were ignored. A check that is no test, such as clippy, counts as one failed when it fails, and isn't
//! counted when it passes.

use std::process::ExitCode;

use crate::run::{Outcome, Status, run};
use crate::suites::suites;
use crate::tally::Tally;

/// Runs every suite. The exit code is that of a failure if anything failed.
pub fn test() -> anyhow::Result<ExitCode> {
    let mut outcomes = Vec::new();
    for suite in suites() {
        println!("\n== {}: {}", suite.name, suite.command.join(" "));
        let outcome = run(&suite);
        println!("== {}", row(&outcome));
        outcomes.push(outcome);
    }
    println!("\n{}", table(&outcomes));
    let total = total(&outcomes);
    println!("{total}");
    Ok(if total.bad() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn total(outcomes: &[Outcome]) -> Tally {
    let mut total = Tally::default();
    for outcome in outcomes {
        total += outcome.tally;
    }
    total
}

fn table(outcomes: &[Outcome]) -> String {
    outcomes.iter().map(|outcome| row(outcome) + "\n").collect()
}

fn row(outcome: &Outcome) -> String {
    let Outcome {
        name,
        tally,
        time,
        status,
    } = outcome;
    let (verdict, remark) = match status {
        Status::Ok => ("ok", String::new()),
        Status::Failed(why) => ("FAILED", format!("  ({why})")),
    };
    let seconds = time.as_secs_f64();
    format!(
        "{name:<14}{verdict:<8}{seconds:>8.1} s{:>7} passed{:>5} failed{remark}",
        tally.passed,
        tally.bad()
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_table_names_each_suite_with_its_time_and_the_total_counts_all() {
        let outcome = |name, passed, failed, status| Outcome {
            name,
            tally: Tally {
                passed,
                failed,
                ignored: 0,
            },
            time: Duration::from_millis(1_300),
            status,
        };
        let outcomes = [
            outcome("clippy", 0, 1, Status::Failed("failed".to_owned())),
            outcome("tests", 40, 0, Status::Ok),
            outcome("doc tests", 2, 0, Status::Ok),
        ];
        let expected = "clippy        FAILED       1.3 s      0 passed    1 failed  (failed)\n\
                        tests         ok           1.3 s     40 passed    0 failed\n\
                        doc tests     ok           1.3 s      2 passed    0 failed\n";
        assert_eq!(table(&outcomes), expected);
        assert_eq!(total(&outcomes).to_string(), "42 passed, 1 failed");
    }
}
