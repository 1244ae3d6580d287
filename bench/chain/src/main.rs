//! The program that measures in a process of its own: see the library's docs.

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    phasegate_bench_chain::run(&arguments)
}
