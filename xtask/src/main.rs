//! The project's own tasks: `cargo xtask COMMAND`.

mod bench_before;
mod built;
mod console;
mod contract;
mod kotlin;
mod notices;
mod pinned;
mod places;
mod python;
mod run;
mod runner;
mod rust_tests;
mod schemas;
mod structure;
mod suites;
mod tally;
mod test;

use std::process::ExitCode;

/// One command of `cargo xtask`. A new command is one entry in [`COMMANDS`].
struct Command {
    name: &'static str,
    about: &'static str,
    run: Run,
}

/// How a command is run.
enum Run {
    /// It takes no arguments.
    Alone(fn() -> anyhow::Result<ExitCode>),
    /// It takes arguments, as the text names them.
    With(&'static str, fn(&[String]) -> anyhow::Result<ExitCode>),
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        about: "run every suite; the last line is \"N passed, N failed\"",
        run: Run::Alone(test::test),
    },
    Command {
        name: "build",
        about: "build everything that the suites run, once",
        run: Run::Alone(built::record),
    },
    Command {
        name: "clippy",
        about: "tell what the compiler and clippy warned of while that was built",
        run: Run::Alone(built::clippy),
    },
    Command {
        name: "rust-tests",
        about: "run every Rust test but the doc tests and real-servers, several programs at a time",
        run: Run::Alone(rust_tests::run),
    },
    Command {
        name: "real-servers",
        about: "test the phases against servers and proxies of Debian's packages",
        run: Run::Alone(rust_tests::run_real_servers),
    },
    Command {
        name: "schemas",
        about: "write schemas/ and server/openapi.json from the Rust types and routes",
        run: Run::Alone(schemas::write),
    },
    Command {
        name: "structure",
        about: "count lines and circles of files, and compare them with xtask/structure.txt",
        run: Run::Alone(structure::check),
    },
    Command {
        name: "contract",
        about: "check a running server against its OpenAPI document",
        run: Run::Alone(contract::check),
    },
    Command {
        name: "console",
        about: "build the console into server/console, which the server embeds",
        run: Run::Alone(console::build),
    },
    Command {
        name: "console-check",
        about: "check the console's sources, and that its committed files are built from them",
        run: Run::Alone(console::check),
    },
    Command {
        name: "console-test",
        about: "test the console in a browser",
        run: Run::Alone(console::test),
    },
    Command {
        name: "python",
        about: "build the Python wheel, into target/python/wheels",
        run: Run::Alone(python::wheel),
    },
    Command {
        name: "python-tools",
        about: "make the environment of the Python package's tests",
        run: Run::Alone(python::tools),
    },
    Command {
        name: "python-wheel",
        about: "pack a wheel for the tests, into the environment target/python/venv",
        run: Run::Alone(python::install),
    },
    Command {
        name: "kotlin",
        about: "build the jar for Kotlin and Java, into target/kotlin/package",
        run: Run::Alone(kotlin::jar),
    },
    Command {
        name: "kotlin-test",
        about: "build a jar for the tests, and run them and the examples",
        run: Run::Alone(kotlin::test),
    },
    Command {
        name: "bench-before",
        about: "measure the working tree beside an earlier revision, in 5 rounds unless given, and print both with their ratios",
        run: Run::With("REV [ROUNDS]", bench_before::compare),
    },
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((name, rest)) = arguments.split_first()
        && let Some(command) = COMMANDS.iter().find(|command| command.name == name)
    {
        match command.run {
            Run::Alone(run) if rest.is_empty() => return run(),
            Run::With(_, run) => return run(rest),
            Run::Alone(_) => {}
        }
    }
    let given = arguments.join(" ");
    if matches!(given.as_str(), "help" | "--help" | "-h") {
        print!("{}", usage());
        return Ok(ExitCode::SUCCESS);
    }
    let complaint = if given.is_empty() {
        String::new()
    } else {
        format!("error: there is no command `{given}`\n\n")
    };
    eprint!("{complaint}{}", usage());
    Ok(ExitCode::from(2))
}

fn usage() -> String {
    let mut text = "Usage: cargo xtask COMMAND\n\nCommands:\n".to_owned();
    for Command { name, about, run } in COMMANDS {
        text += &match run {
            Run::Alone(_) => format!("  {name:<15}{about}\n"),
            Run::With(arguments, _) => format!("  {name} {arguments}\n  {:<15}{about}\n", ""),
        };
    }
    text
}
