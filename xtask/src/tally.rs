//! Counting test results.

use std::fmt;
use std::ops::AddAssign;

/// How many tests passed, failed and were ignored.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub ignored: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl Tally {
    /// Returns how many are not as they should be. An ignored test is a failure: nothing is skipped silently.
    pub fn bad(&self) -> u64 {
        self.failed + self.ignored
    }
}

/// Prints the line that `cargo xtask test` ends with.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.bad())
    }
}

/// Reads a line like `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`,
/// with which the standard test harness ends each of its runs.
pub fn libtest(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what| {
        let counted = counts.split("; ").find_map(|part| part.strip_suffix(what))?;
        counted.trim().parse::<u64>().ok()
    };
    Some(Tally {
        passed: count("passed")?,
        failed: count("failed")?,
        ignored: count("ignored")?,
    })
}

/// Reads a line like `[INFO] Tests run: 12, Failures: 0, Errors: 0, Skipped: 0`, with which Maven Surefire ends a project's
/// tests. The lines for each class, which come before, end with a time and are not counted.
pub fn surefire(line: &str) -> Option<Tally> {
    let (level, counts) = line.strip_prefix('[')?.split_once("] Tests run: ")?;
    if !["INFO", "WARNING", "ERROR"].contains(&level) {
        return None;
    }
    let (run, counts) = counts.split_once(", Failures: ")?;
    let (failures, counts) = counts.split_once(", Errors: ")?;
    let (errors, skipped) = counts.split_once(", Skipped: ")?;
    let count = |text: &str| text.parse::<u64>().ok();
    let (run, bad, ignored) = (count(run)?, count(failures)? + count(errors)?, count(skipped)?);
    Some(Tally {
        passed: run.checked_sub(bad + ignored)?,
        failed: bad,
        ignored,
    })
}

/// Reads a line like `== 3 failed, 117 passed, 1 skipped in 20.31s ==`, with which pytest ends. An error is a failure; what
/// was skipped or was expected to fail counts as ignored.
pub fn pytest(line: &str) -> Option<Tally> {
    let inner = line.strip_prefix('=')?.trim_matches(|c| c == '=' || c == ' ');
    let (counts, time) = inner.rsplit_once(" in ")?;
    time.split(' ').next()?.strip_suffix('s')?.parse::<f64>().ok()?;
    let mut tally = Tally::default();
    for part in counts.split(", ") {
        let (count, what) = part.split_once(' ')?;
        let count: u64 = count.parse().ok()?;
        match what {
            "passed" => tally.passed += count,
            "failed" | "error" | "errors" => tally.failed += count,
            "warning" | "warnings" | "deselected" => {}
            _ => tally.ignored += count,
        }
    }
    Some(tally)
}

/// Reads lines like `  23 passed (1.2m)` and `  1 failed`, one for each outcome, with which Playwright ends. What was skipped, did
/// not run, or passed at a second try only, counts as ignored.
pub fn playwright(line: &str) -> Option<Tally> {
    let (count, what) = line.strip_prefix("  ")?.split_once(' ')?;
    let count: u64 = count.parse().ok()?;
    let what = what.split_once(" (").map_or(what, |(what, _)| what);
    let (passed, failed, ignored) = match what {
        "passed" => (count, 0, 0),
        "failed" => (0, count, 0),
        "skipped" | "flaky" | "did not run" | "interrupted" => (0, 0, count),
        _ => return None,
    };
    Some(Tally {
        passed,
        failed,
        ignored,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(passed: u64, failed: u64, ignored: u64) -> Option<Tally> {
        Some(Tally {
            passed,
            failed,
            ignored,
        })
    }

    #[test]
    fn the_last_lines_of_playwright_are_counted() {
        for (line, expected) in [
            ("  23 passed (1.2m)", counted(23, 0, 0)),
            ("  1 failed", counted(0, 1, 0)),
            ("  2 skipped", counted(0, 0, 2)),
            ("  3 did not run", counted(0, 0, 3)),
            ("  1 flaky", counted(0, 0, 1)),
            ("  ✓  1 tests/flow.spec.ts:4:1 › a test (2.1s)", None),
            ("Running 23 tests using 1 worker", None),
            ("", None),
        ] {
            assert_eq!(playwright(line), expected, "{line:?}");
        }
    }

    #[test]
    fn the_last_line_of_pytest_is_counted() {
        let mixed = "==== 3 failed, 117 passed, 1 skipped, 1 xfailed, 2 errors, 4 warnings in 20.31s ====";
        assert_eq!(pytest(mixed), counted(117, 5, 2));
        assert_eq!(pytest("===== 1 passed in 0.01s ====="), counted(1, 0, 0));
        assert_eq!(
            pytest("===== 200 passed in 83.20s (0:01:23) ====="),
            counted(200, 0, 0)
        );
        for line in [
            "",
            "=====",
            "===== test session starts =====",
            "== 3 files in a row ==",
            "1 passed in 0.01s",
        ] {
            assert_eq!(pytest(line), None, "{line:?}");
        }
    }

    #[test]
    fn the_last_line_of_a_maven_project_is_counted_and_those_of_its_classes_are_not() {
        let failed = "[ERROR] Tests run: 12, Failures: 2, Errors: 1, Skipped: 4";
        assert_eq!(surefire(failed), counted(5, 3, 4));
        let passed = "[INFO] Tests run: 6, Failures: 0, Errors: 0, Skipped: 0";
        assert_eq!(surefire(passed), counted(6, 0, 0));
        for line in [
            "",
            "[INFO] Tests run: 6, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.1 s -- in io.phasegate.EngineTest",
            "[INFO] Tests run:",
            "Tests run: 6, Failures: 0, Errors: 0, Skipped: 0",
            "[INFO] Tests run: 1, Failures: 2, Errors: 0, Skipped: 0",
        ] {
            assert_eq!(surefire(line), None, "{line:?}");
        }
    }

    #[test]
    fn the_result_lines_of_the_test_harness_are_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.70s";
        assert_eq!(
            libtest(line),
            Some(Tally {
                passed: 12,
                failed: 3,
                ignored: 1
            })
        );
        let line =
            "test result: ok. 6 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.26s";
        assert_eq!(
            libtest(line),
            Some(Tally {
                passed: 6,
                failed: 0,
                ignored: 0
            })
        );
    }

    #[test]
    fn other_lines_are_not_counted() {
        for line in [
            "",
            "test result: ",
            "test result: ok. many passed",
            "running 6 tests",
            " test result: ok. 1 passed",
        ] {
            assert_eq!(libtest(line), None, "{line:?}");
        }
    }

    #[test]
    fn an_ignored_test_is_a_failed_one_in_the_last_line() {
        let mut tally = Tally {
            passed: 4,
            failed: 1,
            ignored: 0,
        };
        tally += Tally {
            passed: 1,
            failed: 0,
            ignored: 2,
        };
        assert_eq!(tally.to_string(), "5 passed, 3 failed");
    }
}
