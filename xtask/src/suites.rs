//! What `cargo xtask test` runs. A new suite is one entry in [`suites`].

use crate::built::ENVIRONMENT;
use crate::python::PYTHON;
use crate::runner::Runner;

/// One command of the whole test, with its name and the way to judge its outcome.
#[derive(Clone, Debug)]
pub struct Suite {
    pub name: &'static str,
    pub lane: Lane,
    /// The suite without whose success this one can't run.
    pub needs: Option<&'static str>,
    /// The program and its arguments: `cargo` for the one that runs this task, `xtask` for this program, or a program of the
    /// checkout by its path below the root.
    pub command: Vec<&'static str>,
    /// The folder that it runs in, below the root of the repository.
    pub folder: &'static str,
    pub environment: Vec<(&'static str, &'static str)>,
    pub verdict: Verdict,
}

/// Suites of one lane run one after the other, those of different lanes at the same time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lane {
    /// Keeps the processors busy, and holds cargo's lock. It gives way to the other lanes.
    Compile,
    /// The Rust tests, which wait much: for signals, processes, clocks. It never asks cargo to build.
    System,
    /// The server and the console, which wait for browsers. It never asks cargo to build.
    Server,
    /// The packages for other languages. It never asks cargo to build.
    Hosts,
}

impl Lane {
    pub const ALL: [Self; 4] = [Self::Compile, Self::System, Self::Server, Self::Hosts];
}

/// How to judge a suite.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// By the exit code alone: one failure, or nothing to count.
    ExitCode,
    /// By the lines in which the program that runs the tests reports results; and by the exit code.
    Results(Runner),
}

/// The suite that builds what the others run.
pub const BUILD: &str = "build";

/// Returns all suites, those of a lane in the order in which they run: what fails fastest first.
pub fn suites() -> Vec<Suite> {
    vec![
        cargo("fmt", "fmt --all --check"),
        xtask("structure", Lane::Compile, "structure"),
        xtask(BUILD, Lane::Compile, "build"),
        built(xtask("clippy", Lane::Compile, "clippy")),
        Suite {
            environment: vec![("RUSTDOCFLAGS", "-D warnings")],
            // The generator has no page, and checking what it is made of takes as long as all the others.
            ..cargo(
                "docs",
                "doc --workspace --exclude phasegate-bindgen --no-deps --locked",
            )
        },
        Suite {
            environment: ENVIRONMENT.to_vec(),
            verdict: Verdict::Results(Runner::Libtest),
            ..cargo("doc tests", "test --workspace --no-fail-fast --locked --doc")
        },
        // While the build runs, everything that it isn't needed for.
        xtask("console check", Lane::Server, "console-check"),
        xtask("python tools", Lane::Hosts, "python-tools"),
        Suite {
            verdict: Verdict::Results(Runner::Libtest),
            ..built(xtask("rust tests", Lane::System, "rust-tests"))
        },
        Suite {
            // Its tests wait for timeouts more than they work.
            environment: vec![("RUST_TEST_THREADS", "6")],
            verdict: Verdict::Results(Runner::Libtest),
            ..built(xtask("real servers", Lane::System, "real-servers"))
        },
        built(xtask("contract", Lane::Server, "contract")),
        Suite {
            verdict: Verdict::Results(Runner::Playwright),
            ..built(xtask("console", Lane::Server, "console-test"))
        },
        Suite {
            verdict: Verdict::Results(Runner::Surefire),
            ..built(xtask("kotlin", Lane::Hosts, "kotlin-test"))
        },
        built(xtask("python wheel", Lane::Hosts, "python-wheel")),
        python(
            "mypy",
            "-m mypy ../../target/python/unpacked/phasegate tests examples",
        ),
        python("pyright", "-m pyright --warnings"),
        Suite {
            verdict: Verdict::Results(Runner::Pytest),
            ..python("python tests", "-m pytest -ra")
        },
    ]
}

fn cargo(name: &'static str, arguments: &'static str) -> Suite {
    Suite {
        name,
        lane: Lane::Compile,
        needs: None,
        command: std::iter::once("cargo").chain(arguments.split(' ')).collect(),
        folder: "",
        environment: Vec::new(),
        verdict: Verdict::ExitCode,
    }
}

/// A command of this program.
fn xtask(name: &'static str, lane: Lane, command: &'static str) -> Suite {
    Suite {
        lane,
        command: vec!["xtask", command],
        ..cargo(name, "")
    }
}

/// A suite that runs what the build made.
fn built(suite: Suite) -> Suite {
    Suite {
        needs: Some(BUILD),
        ..suite
    }
}

/// A program in the environment that has the wheel, run in the folder of the Python package.
fn python(name: &'static str, arguments: &'static str) -> Suite {
    Suite {
        name,
        lane: Lane::Hosts,
        needs: Some("python wheel"),
        command: std::iter::once(PYTHON).chain(arguments.split(' ')).collect(),
        folder: "bindings/python",
        // Nothing is cached outside the checkout.
        environment: vec![
            ("PYRIGHT_PYTHON_CACHE_DIR", "../../target/python/pyright"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
        ],
        verdict: Verdict::ExitCode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_suite_needs_runs_before_it_or_in_the_other_lane() {
        let suites = suites();
        for (place, suite) in suites.iter().enumerate() {
            let Some(need) = suite.needs else { continue };
            let needed = suites.iter().position(|other| other.name == need);
            let needed = needed.unwrap_or_else(|| panic!("{} needs {need}, which is no suite", suite.name));
            let other_lane = suites[needed].lane != suite.lane && suites[needed].needs.is_none();
            assert!(
                needed < place || other_lane,
                "{} waits for {need} for ever",
                suite.name
            );
        }
    }

    #[test]
    fn every_call_of_cargo_that_resolves_packages_is_locked() {
        for suite in suites().iter().filter(|suite| suite.command[0] == "cargo") {
            let locked = suite.command.contains(&"--locked");
            assert!(locked || suite.command[1] == "fmt", "{}", suite.name);
        }
    }
}
