//! `cargo xtask schemas`

use std::fs;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};

/// Writes `schemas/` and `server/openapi.json` from the Rust types and routes.
pub fn write() -> anyhow::Result<ExitCode> {
    cargo(
        &[
            "run",
            "--quiet",
            "--locked",
            "--package",
            "phasegate-phases",
            "--example",
            "write_schemas",
        ],
        Stdio::inherit(),
    )?;
    cargo(
        &[
            "run",
            "--quiet",
            "--locked",
            "--package",
            "phasegate-server",
            "--example",
            "write_openapi",
        ],
        Stdio::inherit(),
    )?;
    cargo(
        &[
            "run",
            "--quiet",
            "--package",
            "phasegate-bindings",
            "--example",
            "write_words",
        ],
        Stdio::inherit(),
    )?;
    let plan = cargo(
        &[
            "run",
            "--quiet",
            "--locked",
            "--package",
            "phasegate-cli",
            "--",
            "schema",
            "plan",
        ],
        Stdio::piped(),
    )?;
    let path = crate::places::root().join("schemas/plan.schema.json");
    fs::write(&path, plan).with_context(|| format!("{} can't be written", path.display()))?;
    println!("schemas/plan.schema.json");
    Ok(ExitCode::SUCCESS)
}

fn cargo(arguments: &[&str], stdout: Stdio) -> anyhow::Result<Vec<u8>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(crate::places::root())
        .stdout(stdout)
        .stderr(Stdio::inherit())
        .output()
        .context("cargo can't be run")?;
    ensure!(output.status.success(), "cargo {} failed", arguments.join(" "));
    Ok(output.stdout)
}
