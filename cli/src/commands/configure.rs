//! `phasegate configure` and `phasegate unconfigure`

use phasegate::core::Command;
use phasegate::{EngineError, PhaseName};

use crate::args::{ConfigureArgs, PhaseArgs};
use crate::carried_out::carry_out;
use crate::error::CliError;
use crate::exit::Exit;
use crate::json_file::read_config;
use crate::opened::with_campaign;
use crate::output::print_line;

/// Stores the config of a phase.
pub async fn configure(args: ConfigureArgs) -> Result<Exit, CliError> {
    let config = read_config(&args.config)?;
    with_campaign(&args.campaign, Some(&args.write.ask), async |target, id| {
        let phase = PhaseName::new(&args.phase).map_err(EngineError::from)?;
        let configs = [(phase, config)].into();
        carry_out(
            target,
            id,
            Command::Configure { configs },
            &args.write,
            async |changed| {
                let said = if changed {
                    "is stored"
                } else {
                    "was stored already"
                };
                print_line(format_args!("the config of {} {said}", args.phase))
            },
        )
        .await
    })
    .await
}

/// Removes the config of a phase.
pub async fn unconfigure(args: PhaseArgs) -> Result<Exit, CliError> {
    with_campaign(&args.campaign, Some(&args.write.ask), async |target, id| {
        let phase = PhaseName::new(&args.phase).map_err(EngineError::from)?;
        carry_out(
            target,
            id,
            Command::Unconfigure { phase },
            &args.write,
            async |changed| {
                let said = if changed { "is taken away" } else { "was not there" };
                print_line(format_args!("the config of {} {said}", args.phase))
            },
        )
        .await
    })
    .await
}
