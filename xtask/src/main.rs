//! The project's own tasks: `cargo xtask COMMAND`.

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
    run: fn() -> anyhow::Result<ExitCode>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        about: "run every suite; the last line is \"N passed, N failed\"",
        run: test::test,
    },
    Command {
        name: "build",
        about: "build everything that the suites run, once",
        run: built::record,
    },
    Command {
        name: "rust-tests",
        about: "run every Rust test but the doc tests and real-servers, several programs at a time",
        run: rust_tests::run,
    },
    Command {
        name: "real-servers",
        about: "test the phases against servers and proxies of Debian's packages",
        run: rust_tests::run_real_servers,
    },
    Command {
        name: "schemas",
        about: "write schemas/ and server/openapi.json from the Rust types and routes",
        run: schemas::write,
    },
    Command {
        name: "structure",
        about: "count lines and circles of files, and compare them with xtask/structure.txt",
        run: structure::check,
    },
    Command {
        name: "contract",
        about: "check a running server against its OpenAPI document",
        run: contract::check,
    },
    Command {
        name: "console",
        about: "build the console into server/console, which the server embeds",
        run: console::build,
    },
    Command {
        name: "console-check",
        about: "check the console's sources, and that its committed files are built from them",
        run: console::check,
    },
    Command {
        name: "console-test",
        about: "test the console in a browser",
        run: console::test,
    },
    Command {
        name: "python",
        about: "build the Python wheel, into target/python/wheels",
        run: python::wheel,
    },
    Command {
        name: "python-tools",
        about: "make the environment of the Python package's tests",
        run: python::tools,
    },
    Command {
        name: "python-wheel",
        about: "pack a wheel for the tests, into the environment target/python/venv",
        run: python::install,
    },
    Command {
        name: "kotlin",
        about: "build the jar for Kotlin and Java, into target/kotlin/package",
        run: kotlin::jar,
    },
    Command {
        name: "kotlin-test",
        about: "build a jar for the tests, and run them and the examples",
        run: kotlin::test,
    },
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = arguments.join(" ");
    if let Some(command) = COMMANDS.iter().find(|command| command.name == given) {
        return (command.run)();
    }
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
    for Command { name, about, .. } in COMMANDS {
        text += &format!("  {name:<13}{about}\n");
    }
    text
}
