//! `phasegate prune`

use phasegate::core::Command;
use phasegate::{EngineError, PhaseName};

use crate::args::PruneArgs;
use crate::carried_out::carry_out;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::with_campaign;
use crate::output::print_line;

/// Hides older runs.
pub async fn prune(args: PruneArgs) -> Result<Exit, CliError> {
    with_campaign(&args.campaign, Some(&args.write.ask), async |target, id| {
        let phase = args.phase.as_deref().map(PhaseName::new).transpose();
        let command = Command::Prune {
            keep_runs: args.keep,
            phase: phase.map_err(EngineError::from)?,
        };
        carry_out(target, id, command, &args.write, async |changed| {
            print_line(match changed {
                true => "the older runs are gone",
                false => "there are no older runs",
            })
        })
        .await
    })
    .await
}
