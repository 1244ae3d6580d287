//! The command `phasegate`: runs, shows and manages campaigns of the lead-generation pipeline in one file.
//!
//! The library serves the command itself, and programs that read [plans](Plan).

mod access;
mod args;
mod asking;
mod carried_out;
mod commands;
mod difference;
mod error;
mod exit;
mod follow;
mod in_file;
mod json_file;
mod opened;
mod output;
mod plan;
mod planned;
mod refusal;
mod remote;
mod render;
mod sandbox;
mod screen;
mod signals;
mod store;
mod target;

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use error::CliError;
use exit::Exit;
use output::Output;

pub use plan::{MAX_PLAN_BYTES, Plan, PlanError};

/// Carries out the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    screen::log();
    let json = wants_json(&cli.command);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            screen::say(format_args!("error: no threads to run on: {error}"));
            return ExitCode::from(Exit::Unexpected.code());
        }
    };
    let exit = match runtime.block_on(commands::execute(cli)) {
        Ok(exit) => exit,
        // The reader has enough: `head`, for example.
        Err(CliError::Io { reason, .. }) if reason.kind() == ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            tell(&error, json);
            error.exit()
        }
    };
    ExitCode::from(exit.code())
}

/// Whether the standard output is for programs.
fn wants_json(command: &Command) -> bool {
    match command {
        Command::Run(args) => args.follow.json,
        Command::Start(args) => args.follow.json,
        Command::Resume(args) => args.follow.json,
        Command::Restart(args) => args.follow.json,
        Command::List(args) => args.json,
        Command::Show(args) => args.json,
        Command::Events(args) => args.json,
        Command::Check(args) => args.json,
        _ => false,
    }
}

fn tell(error: &CliError, json: bool) {
    if json {
        // If the standard output is gone too, the exit code still tells.
        let _ = Output::new().json(&error.to_json());
    }
    if let Some(table) = error.table() {
        screen::say(table);
    }
    screen::say(format_args!("error: {}", error));
}
