//! What `cargo xtask test` runs. A new suite is one entry in [`suites`].

use std::path::Path;

use crate::python::PYTHON;
use crate::tally::{Tally, libtest, playwright, pytest, surefire};

/// One command of the whole test, with its name and the way to judge its outcome.
#[derive(Clone, Debug)]
pub struct Suite {
    pub name: &'static str,
    /// The program, `cargo` for the one that runs this task, and its arguments. A program of the checkout is named by its
    /// path below the root.
    pub command: Vec<&'static str>,
    /// The folder that it runs in, below the root of the repository.
    pub folder: &'static str,
    pub environment: Vec<(&'static str, &'static str)>,
    pub verdict: Verdict,
}

/// How to judge a suite.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// By the exit code alone: one failure, or nothing to count.
    ExitCode,
    /// By the lines that report test results, which the function reads; and by the exit code.
    Results(fn(line: &str) -> Option<Tally>),
}

/// Returns all suites in the order in which they run: what fails fastest first.
pub fn suites() -> Vec<Suite> {
    vec![
        cargo("fmt", "fmt --all --check"),
        cargo("structure", "run --quiet --package xtask -- structure"),
        cargo("clippy", "clippy --workspace --all-targets -- -D warnings"),
        // Named target by target, because that leaves out the doc tests, which have a suite of their own.
        tests(cargo(
            "tests",
            "test --workspace --no-fail-fast --lib --bins --tests --examples",
        )),
        tests(cargo("doc tests", "test --workspace --no-fail-fast --doc")),
        Suite {
            environment: vec![("RUSTDOCFLAGS", "-D warnings")],
            ..cargo("docs", "doc --workspace --no-deps")
        },
        // The fuzz targets have a workspace of their own; their tests replay the corpora.
        cargo("fuzz fmt", "fmt --manifest-path fuzz/Cargo.toml --check"),
        cargo(
            "fuzz clippy",
            "clippy --manifest-path fuzz/Cargo.toml --all-targets -- -D warnings",
        ),
        tests(cargo(
            "fuzz tests",
            "test --manifest-path fuzz/Cargo.toml --no-fail-fast",
        )),
        cargo("contract", "run --quiet --package xtask -- contract"),
        Suite {
            verdict: Verdict::Results(playwright),
            ..cargo("console", "run --quiet --package xtask -- console-test")
        },
        Suite {
            verdict: Verdict::Results(surefire),
            ..cargo("kotlin", "run --quiet --package xtask -- kotlin-test")
        },
        cargo("python wheel", "run --quiet --package xtask -- python-venv"),
        python(
            "mypy",
            "-m mypy ../../target/python/unpacked/phasegate tests examples",
        ),
        python("pyright", "-m pyright --warnings"),
        Suite {
            verdict: Verdict::Results(pytest),
            ..python("python tests", "-m pytest")
        },
    ]
}

fn cargo(name: &'static str, arguments: &'static str) -> Suite {
    Suite {
        name,
        command: std::iter::once("cargo").chain(arguments.split(' ')).collect(),
        folder: "",
        environment: Vec::new(),
        verdict: Verdict::ExitCode,
    }
}

/// A program in the environment that `cargo xtask python-venv` makes, run in the folder of the Python package.
fn python(name: &'static str, arguments: &'static str) -> Suite {
    Suite {
        name,
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

fn tests(suite: Suite) -> Suite {
    Suite {
        verdict: Verdict::Results(libtest),
        ..suite
    }
}

/// Returns the root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the repository")
}
