//! The programs that run tests, and what the lines that they print tell.

use crate::tally::{self, Tally};

/// A program that runs a suite's tests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Runner {
    /// The standard test harness of Rust, alone or several of them under `cargo xtask rust-tests`.
    Libtest,
    /// Maven Surefire.
    Surefire,
    /// pytest with `-ra`.
    Pytest,
    /// Playwright with the reporter `list`.
    Playwright,
}

impl Runner {
    /// Reads the results that a line reports, if it reports any.
    pub fn tally(self, line: &str) -> Option<Tally> {
        match self {
            Self::Libtest => tally::libtest(line),
            Self::Surefire => tally::surefire(line),
            Self::Pytest => tally::pytest(line),
            Self::Playwright => tally::playwright(line),
        }
    }

    /// Reads the name of a test that a line tells to have failed, or to have been ignored: see [`Tally::bad`]. What the line
    /// says of the reason comes along.
    pub fn bad_test(self, line: &str) -> Option<&str> {
        match self {
            Self::Libtest => libtest(line),
            Self::Surefire => surefire(line),
            Self::Pytest => pytest(line),
            Self::Playwright => playwright(line),
        }
    }
}

/// Reads `test outer::inner ... FAILED`; and `-- cli/it FAILED: exit status: 101 after 1.2 s`, which comes before the lines of that
/// program, and is all that there is of one that crashed or hung.
fn libtest(line: &str) -> Option<&str> {
    if let Some(program) = line.strip_prefix("-- ") {
        return program.contains(" FAILED: ").then_some(program);
    }
    let (name, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
    (result.ends_with("FAILED") || result.starts_with("ignored")).then_some(name)
}

/// Reads the lines of the summary: `[ERROR]   ChainTest.a chain runs:57 expected: <1> but was: <2>`. Below the heading of a compiler's
/// complaint stand lines like `[ERROR]   symbol:   class Chain`.
fn surefire(line: &str) -> Option<&str> {
    let (_, test) = line
        .split_once("]   ")
        .filter(|(level, _)| ["[ERROR", "[WARNING"].contains(level))?;
    let (class, method) = test.split(' ').next()?.split_once('.')?;
    (!class.is_empty() && !method.is_empty()).then_some(test)
}

/// Reads the lines of the short summary: `FAILED tests/test_chain.py::test_a_chain_runs - AssertionError: why`.
fn pytest(line: &str) -> Option<&str> {
    let bad = ["FAILED ", "ERROR ", "SKIPPED ", "XFAIL ", "XPASS "];
    bad.iter().find_map(|word| line.strip_prefix(word))
}

/// Reads `  ✘  1 tests/flow.spec.ts:4:1 › a test (2.1s)`, where a skipped one has a `-`.
fn playwright(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let numbered = line.strip_prefix("✘ ").or_else(|| line.strip_prefix("- "))?;
    let (number, test) = numbered.trim_start().split_once(' ')?;
    (number.parse::<u64>().is_ok() && test.contains(" › ")).then_some(test)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(runner: Runner, lines: &[(&str, Option<&str>)]) {
        for (line, expected) in lines {
            assert_eq!(runner.bad_test(line), *expected, "{line:?}");
        }
    }

    #[test]
    fn a_failed_test_of_rust_is_named_and_so_is_its_program() {
        check(
            Runner::Libtest,
            &[
                ("test outer::inner ... FAILED", Some("outer::inner")),
                (
                    "test core/src/lib.rs - Ticket (line 12) ... FAILED",
                    Some("core/src/lib.rs - Ticket (line 12)"),
                ),
                ("test later ... ignored, it takes an hour", Some("later")),
                (
                    "-- cli/it FAILED: signal: 6 (SIGABRT) after 1.2 s",
                    Some("cli/it FAILED: signal: 6 (SIGABRT) after 1.2 s"),
                ),
                ("-- cli/it ended after 1.2 s", None),
                ("test outer::inner ... ok", None),
                ("test result: FAILED. 3 passed; 1 failed; 0 ignored", None),
                ("---- outer::inner stdout ----", None),
            ],
        );
    }

    #[test]
    fn a_failed_test_of_maven_is_named_with_its_reason_and_once() {
        check(
            Runner::Surefire,
            &[
                (
                    "[ERROR]   StressTest.many chains leave nothing behind:63 expected: <1> but was: <2>",
                    Some("StressTest.many chains leave nothing behind:63 expected: <1> but was: <2>"),
                ),
                (
                    "[ERROR]   ChainTest.run » IllegalState why",
                    Some("ChainTest.run » IllegalState why"),
                ),
                (
                    "[WARNING]   ChainTest.later it takes an hour",
                    Some("ChainTest.later it takes an hour"),
                ),
                (
                    "[ERROR] io.phasegate.tests.StressTest.many chains -- Time elapsed: 96.24 s <<< FAILURE!",
                    None,
                ),
                ("[ERROR] Failures: ", None),
                ("[ERROR]   symbol:   class io.phasegate.Chain", None),
                ("[INFO]   ChainTest.run", None),
                ("[ERROR] ", None),
            ],
        );
    }

    #[test]
    fn a_failed_test_of_python_is_named_with_its_reason() {
        check(
            Runner::Pytest,
            &[
                (
                    "FAILED tests/test_chain.py::test_it - AssertionError: why",
                    Some("tests/test_chain.py::test_it - AssertionError: why"),
                ),
                (
                    "ERROR tests/test_chain.py - no such file",
                    Some("tests/test_chain.py - no such file"),
                ),
                (
                    "SKIPPED [1] tests/test_chain.py:3: later",
                    Some("[1] tests/test_chain.py:3: later"),
                ),
                ("tests/test_chain.py ..F.", None),
                ("== 1 failed, 3 passed in 1.20s ==", None),
            ],
        );
    }

    #[test]
    fn a_failed_test_of_the_browser_is_named() {
        check(
            Runner::Playwright,
            &[
                (
                    "  ✘  12 tests/flow.spec.ts:4:1 › a test (2.1s)",
                    Some("tests/flow.spec.ts:4:1 › a test (2.1s)"),
                ),
                (
                    "  -  2 tests/flow.spec.ts:9:1 › later",
                    Some("tests/flow.spec.ts:9:1 › later"),
                ),
                ("  ✓  1 tests/flow.spec.ts:4:1 › a test (2.1s)", None),
                ("    - waiting for a button", None),
                ("  1 failed", None),
            ],
        );
    }
}
