//! Running one suite: its output is passed on as it comes, and its results are counted.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::suites::{Suite, Verdict, root};
use crate::tally::Tally;

/// What became of a suite.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub name: &'static str,
    pub tally: Tally,
    pub time: Duration,
    pub status: Status,
}

/// Whether a suite ran, and succeeded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Status {
    Ok,
    /// Why, in a few words.
    Failed(String),
}

/// Runs `suite` to its end. A program that can't be started is a failed suite.
pub fn run(suite: &Suite) -> Outcome {
    let begin = Instant::now();
    let (tally, status) = match execute(suite) {
        Ok((exit, results)) => judge(suite.verdict, exit.success(), results),
        Err(error) => (
            Tally {
                failed: 1,
                ..Tally::default()
            },
            Status::Failed(format!("{error:#}")),
        ),
    };
    Outcome {
        name: suite.name,
        tally,
        time: begin.elapsed(),
        status,
    }
}

/// Returns what to count, and the status. `results` is `None` if no result was reported.
fn judge(verdict: Verdict, succeeded: bool, results: Option<Tally>) -> (Tally, Status) {
    let mut tally = results.unwrap_or_default();
    let failure = match verdict {
        Verdict::ExitCode if succeeded => return (tally, Status::Ok),
        Verdict::ExitCode => "failed",
        Verdict::Results(_) if tally.bad() > 0 => {
            let failure = format!("{} failed, {} ignored", tally.failed, tally.ignored);
            return (tally, Status::Failed(failure));
        }
        // A build that failed, or a test process that crashed.
        Verdict::Results(_) if !succeeded => "failed without naming a test",
        Verdict::Results(_) if results.is_none() => "reported no test",
        Verdict::Results(_) => return (tally, Status::Ok),
    };
    tally.failed += 1;
    (tally, Status::Failed(failure.to_owned()))
}

fn execute(suite: &Suite) -> anyhow::Result<(ExitStatus, Option<Tally>)> {
    let mut child = spawn(suite)?;
    let mut results = None;
    let mut output = BufReader::new(child.stdout.take().context("the output was not piped")?);
    let mut line = Vec::new();
    // By bytes: what a test prints need not be UTF-8.
    while output.read_until(b'\n', &mut line)? > 0 {
        std::io::stdout().write_all(&line)?;
        if let Verdict::Results(read) = suite.verdict
            && let Some(tally) = read(String::from_utf8_lossy(&line).trim_end())
        {
            *results.get_or_insert_with(Tally::default) += tally;
        }
        line.clear();
    }
    Ok((child.wait()?, results))
}

fn spawn(suite: &Suite) -> anyhow::Result<Child> {
    let (program, arguments) = suite.command.split_first().context("the suite has no command")?;
    let program = match *program {
        "cargo" => std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
        other if other.contains('/') => root().join(other).into_os_string(),
        other => OsString::from(other),
    };
    let mut command = Command::new(&program);
    command.args(arguments).current_dir(root().join(suite.folder));
    // Cargo describes xtask in these to xtask; a build that tracks them would be made again for each caller.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    // One folder for all suites.
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    command
        .env("CARGO_TARGET_DIR", std::path::absolute(target)?)
        .envs(suite.environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(verdict: Verdict, succeeded: bool, results: Option<Tally>, expected: (&str, Status)) {
        let (tally, status) = judge(verdict, succeeded, results);
        assert_eq!((tally.to_string().as_str(), status), expected);
    }

    fn failed(why: &str) -> Status {
        Status::Failed(why.to_owned())
    }

    fn tally(passed: u64, failed: u64, ignored: u64) -> Option<Tally> {
        Some(Tally {
            passed,
            failed,
            ignored,
        })
    }

    /// A suite whose program doesn't exist.
    fn suite() -> Suite {
        Suite {
            name: "missing",
            command: vec!["phasegate-no-such-program"],
            folder: "",
            environment: Vec::new(),
            verdict: Verdict::ExitCode,
        }
    }

    #[test]
    fn a_check_counts_as_one_failure_or_not_at_all() {
        check(Verdict::ExitCode, true, None, ("0 passed, 0 failed", Status::Ok));
        check(
            Verdict::ExitCode,
            false,
            None,
            ("0 passed, 1 failed", failed("failed")),
        );
    }

    #[test]
    fn a_test_suite_fails_with_its_tests() {
        let verdict = Verdict::Results(|_| None);
        check(verdict, true, tally(7, 0, 0), ("7 passed, 0 failed", Status::Ok));
        check(
            verdict,
            false,
            tally(5, 2, 0),
            ("5 passed, 2 failed", failed("2 failed, 0 ignored")),
        );
        check(
            verdict,
            true,
            tally(6, 0, 1),
            ("6 passed, 1 failed", failed("0 failed, 1 ignored")),
        );
    }

    #[test]
    fn a_test_suite_that_breaks_off_or_runs_nothing_counts_as_one_failure() {
        let verdict = Verdict::Results(|_| None);
        check(
            verdict,
            false,
            tally(3, 0, 0),
            ("3 passed, 1 failed", failed("failed without naming a test")),
        );
        check(
            verdict,
            false,
            None,
            ("0 passed, 1 failed", failed("failed without naming a test")),
        );
        check(
            verdict,
            true,
            None,
            ("0 passed, 1 failed", failed("reported no test")),
        );
    }

    #[test]
    fn a_program_that_cannot_be_started_is_a_failed_suite() {
        let outcome = run(&suite());
        assert_eq!(outcome.tally.bad(), 1);
        assert!(matches!(outcome.status, Status::Failed(why) if why.contains("phasegate-no-such-program")));
    }
}
