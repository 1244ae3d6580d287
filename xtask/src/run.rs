//! Running one suite: its output is passed on as it comes, and its results are counted.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::built;
use crate::places::{root, target};
use crate::suites::{Lane, Suite, Verdict};
use crate::tally::Tally;

/// What became of a suite.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub name: &'static str,
    pub tally: Tally,
    /// The tests that failed or were ignored, as far as the suite named them.
    pub bad_tests: Vec<String>,
    /// How many crates cargo compiled or checked for it.
    pub crates: u64,
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

impl Outcome {
    /// One failure that is no test's.
    pub fn failed(name: &'static str, why: String) -> Self {
        Self {
            name,
            tally: Tally {
                failed: 1,
                ..Tally::default()
            },
            bad_tests: Vec::new(),
            crates: 0,
            time: Duration::ZERO,
            status: Status::Failed(why),
        }
    }
}

/// What a suite's output told.
#[derive(Debug, Default, Eq, PartialEq)]
struct Told {
    /// `None` if no result was reported.
    results: Option<Tally>,
    bad_tests: Vec<String>,
    crates: u64,
}

/// Runs `suite` to its end. A program that can't be started is a failed suite.
pub fn run(suite: &Suite) -> Outcome {
    let begin = Instant::now();
    let outcome = match execute(suite) {
        Ok((exit, told)) => {
            let (tally, status) = judge(suite.verdict, exit.success(), told.results);
            Outcome {
                name: suite.name,
                tally,
                bad_tests: told.bad_tests,
                crates: told.crates,
                time: Duration::ZERO,
                status,
            }
        }
        Err(error) => Outcome::failed(suite.name, format!("{error:#}")),
    };
    Outcome {
        time: begin.elapsed(),
        ..outcome
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

fn execute(suite: &Suite) -> anyhow::Result<(ExitStatus, Told)> {
    let mut child = spawn(suite)?;
    let output = child.stdout.take().context("the output was not piped")?;
    let errors = child.stderr.take().context("the errors were not piped")?;
    let told = thread::scope(|scope| {
        let errors = scope.spawn(|| pass_on(suite, errors));
        let mut told = pass_on(suite, output)?;
        let errors = errors.join().expect("reading lines doesn't panic")?;
        told.bad_tests.extend(errors.bad_tests);
        told.crates += errors.crates;
        if let Some(results) = errors.results {
            *told.results.get_or_insert_default() += results;
        }
        anyhow::Ok(told)
    })?;
    Ok((child.wait()?, told))
}

/// Prints each line behind the suite's name, since several suites run at a time, and reads what it tells.
fn pass_on(suite: &Suite, lines: impl Read) -> anyhow::Result<Told> {
    let mut told = Told::default();
    let mut lines = BufReader::new(lines);
    let mut line = Vec::new();
    // By bytes: what a test prints need not be UTF-8.
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        println!("{:<13} | {text}", suite.name);
        if let Verdict::Results(runner) = suite.verdict {
            if let Some(tally) = runner.tally(text) {
                *told.results.get_or_insert_default() += tally;
            }
            told.bad_tests.extend(runner.bad_test(text).map(str::to_owned));
        }
        told.crates += u64::from(is_crate(text));
        line.clear();
    }
    Ok(told)
}

/// Whether cargo says in this line that it begins to compile or to check a crate.
fn is_crate(line: &str) -> bool {
    let mut words = line.split_whitespace();
    matches!(words.next(), Some("Compiling" | "Checking"))
        && words.next().is_some()
        && words.next().is_some_and(|version| {
            version.starts_with('v') && version[1..].starts_with(|c: char| c.is_ascii_digit())
        })
}

/// Where this program is. It is asked for before the build replaces the file, and so makes it another one by the same name.
pub fn this_program() -> &'static Path {
    static PATH: LazyLock<PathBuf> =
        LazyLock::new(|| std::env::current_exe().unwrap_or_else(|_| "xtask".into()));
    &PATH
}

fn spawn(suite: &Suite) -> anyhow::Result<Child> {
    let (program, arguments) = suite.command.split_first().context("the suite has no command")?;
    let program = match *program {
        "cargo" => built::cargo(),
        "xtask" => this_program().as_os_str().to_owned(),
        other if other.contains('/') => root().join(other).into_os_string(),
        other => OsString::from(other),
    };
    let mut command = match suite.lane {
        Lane::Compile if cfg!(unix) => {
            let mut gently = Command::new("nice");
            gently.arg(&program);
            gently
        }
        Lane::Compile | Lane::System | Lane::Server | Lane::Hosts => Command::new(&program),
    };
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
    let (name, record) = built::recorded()?;
    command
        // One folder for all suites, and nothing kept for a next build that never comes.
        .env("CARGO_TARGET_DIR", target()?)
        .env("CARGO_INCREMENTAL", "0")
        .env(name, record)
        .envs(suite.environment.iter().copied());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::Runner;

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
            lane: Lane::System,
            needs: None,
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
        let verdict = Verdict::Results(Runner::Libtest);
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
        let verdict = Verdict::Results(Runner::Libtest);
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

    #[test]
    fn the_lines_that_tell_of_a_compiled_crate_or_a_result_are_counted_and_bad_tests_are_named() {
        let lines = "   Compiling redb v4.6.0\n    Checking phasegate-core v0.1.0 (/here/core)\n    Finished `dev` profile\n\
                     Checking the console\n   Compiling\ntest outer::inner ... FAILED\ntest later ... ignored\ntest now ... ok\n\
                     test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured\n";
        let suite = Suite {
            verdict: Verdict::Results(Runner::Libtest),
            ..suite()
        };
        let told = pass_on(&suite, lines.as_bytes()).expect("it can be read");
        let expected = Told {
            results: tally(3, 1, 1),
            bad_tests: vec!["outer::inner".to_owned(), "later".to_owned()],
            crates: 2,
        };
        assert_eq!(told, expected);
    }
}
