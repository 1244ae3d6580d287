//! The command `phasegate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    phasegate_cli::main()
}
