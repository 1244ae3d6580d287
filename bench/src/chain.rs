//! Chains of four phases, and small appends, each measured in a process of its own.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use phasegate_bench_chain::{MEASUREMENTS, Measured};

/// The argument by which the program is a process that measures.
pub const CHILD: &str = "measure-chain";

pub fn bench() -> anyhow::Result<()> {
    let program = std::env::current_exe()?;
    // Beside the program, since the folder for temporary files may be in memory.
    let beside = program.parent().context("a program is in a folder")?;
    for measurement in MEASUREMENTS {
        let folder = tempfile::tempdir_in(beside)?;
        let mut child = Command::new(&program)
            .args([CHILD, measurement.name])
            .arg(folder.path())
            // Held open until it has ended: it ends with this process.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let _input = child.stdin.take();
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "the process that measures ended early");
        let measured: Measured = serde_json::from_slice(&output.stdout)?;
        println!("  {}", measured.measurement);
        for number in measured.numbers {
            println!("    {:<42}{:>12.1}", number.what, number.value);
        }
    }
    Ok(())
}
