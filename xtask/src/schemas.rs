//! `cargo xtask schemas`

use std::fs;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};

use crate::built::Built;
use crate::places::root;

/// The programs that each write a part of it.
const WRITERS: &[&str] = &["write_schemas", "write_openapi", "write_words"];

/// Writes `schemas/` and `server/openapi.json` from the Rust types and routes.
pub fn write() -> anyhow::Result<ExitCode> {
    let built = Built::now()?;
    for writer in WRITERS {
        output(Command::new(built.program(writer)?).stdout(Stdio::inherit()))?;
    }
    let plan = output(
        Command::new(built.program("phasegate")?)
            .args(["schema", "plan"])
            .stdout(Stdio::piped()),
    )?;
    let path = root().join("schemas/plan.schema.json");
    fs::write(&path, plan).with_context(|| format!("{} can't be written", path.display()))?;
    println!("schemas/plan.schema.json");
    Ok(ExitCode::SUCCESS)
}

/// Runs a command to its end, and returns what it wrote to a pipe.
fn output(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let running = command.current_dir(root()).stderr(Stdio::inherit()).spawn();
    let output = running
        .with_context(|| format!("{command:?} can't be started"))?
        .wait_with_output()?;
    ensure!(output.status.success(), "{command:?} failed");
    Ok(output.stdout)
}
