//! Chains of four phases that do nothing, and small appends of one phase, in a redb store in a file.
//!
//! `cargo xtask bench-before REV` builds this crate twice, once in a checkout of REV, and runs the two programs in turn. So only
//! `host.rs` uses Phasegate, and as little of it as it can: REV may have another API. It keeps its own `host.rs` if it has one.
//!
//! The program takes the name of a [`MEASUREMENTS`] entry and an empty folder for the store, and prints one [`Measured`] as a line
//! of JSON. Without arguments it prints the names. It ends when its input does, so that it never outlives whoever started it.

mod host;
mod measurement;
mod process;
mod records;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

pub use measurement::{MEASUREMENTS, Measured, Measurement, Number};

/// The program.
///
/// # Errors
///
/// When there is no measurement of that name, the folder is missing or not empty, or the measured work fails.
pub fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    match arguments {
        [] => {
            for measurement in MEASUREMENTS {
                println!("{}", measurement.name);
            }
        }
        [name, folder] => {
            let names = || MEASUREMENTS.iter().map(|one| one.name).collect::<Vec<_>>();
            let measurement = MEASUREMENTS
                .iter()
                .find(|one| one.name == name)
                .with_context(|| format!("there is no measurement `{name}`, only: {}", names().join("; ")))?;
            process::end_with_input();
            let measured = measurement.measure(Path::new(folder))?;
            println!("{}", serde_json::to_string(&measured)?);
        }
        _ => anyhow::bail!("the arguments are the name of a measurement and an empty folder, or none"),
    }
    Ok(ExitCode::SUCCESS)
}
