//! The standard output.

use std::io::{self, BufWriter, Stdout, Write};

use serde::Serialize;

use crate::error::CliError;

/// The standard output, buffered. A reader that leaves early, such as `head`, ends the command in order.
pub struct Output {
    out: BufWriter<Stdout>,
}

impl Output {
    /// The standard output.
    pub fn new() -> Self {
        Self {
            out: BufWriter::new(io::stdout()),
        }
    }

    /// Writes a line.
    pub fn line(&mut self, line: impl std::fmt::Display) -> Result<(), CliError> {
        writeln!(self.out, "{line}").map_err(CliError::output)
    }

    /// Writes one JSON value as a line, at once.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let json = serde_json::to_string(value).map_err(|error| CliError::output(error.into()))?;
        self.line(json)?;
        self.flush()
    }

    /// Writes everything out.
    pub fn flush(&mut self) -> Result<(), CliError> {
        self.out.flush().map_err(CliError::output)
    }

    /// What it is written to.
    pub fn writer(&mut self) -> &mut BufWriter<Stdout> {
        &mut self.out
    }
}

/// Writes one line to the standard output.
pub fn print_line(line: impl std::fmt::Display) -> Result<(), CliError> {
    let mut out = Output::new();
    out.line(line)?;
    out.flush()
}
