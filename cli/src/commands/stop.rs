//! `phasegate stop` and `phasegate pause`

use phasegate::core::Command;

use crate::args::RestArgs;
use crate::carried_out::carry_out;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::with_campaign;
use crate::output::print_line;
use crate::render::summary;

/// Stops a phase that is paused, was interrupted or runs at a server, so that its config can be changed.
pub async fn stop(args: RestArgs) -> Result<Exit, CliError> {
    bring_to_rest(&args, Command::Stop {}).await
}

/// Pauses a phase that runs at a server or was interrupted.
pub async fn pause(args: RestArgs) -> Result<Exit, CliError> {
    bring_to_rest(&args, Command::Pause {}).await
}

async fn bring_to_rest(args: &RestArgs, command: Command) -> Result<Exit, CliError> {
    with_campaign(&args.campaign, Some(&args.write.ask), async |target, id| {
        carry_out(target, id, command, &args.write, async |_| {
            let view = target.campaign(id).await?.view;
            print_line(summary::sentence(&view, target.location()))
        })
        .await
    })
    .await
}
