//! `phasegate completions`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;

/// Prints the script that completes commands in a shell.
pub fn completions(shell: Shell) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "phasegate", &mut script);
    let mut out = Output::new();
    out.line(String::from_utf8_lossy(&script).trim_end())?;
    out.flush().map(|()| Exit::Done)
}
