//! `phasegate stop` and `phasegate pause`

use phasegate::core::Command;

use crate::args::CampaignArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print_line;
use crate::render::summary;
use crate::target::with_campaign;

/// Stops a phase that is paused, was interrupted or runs at a server, so that its config can be changed.
pub async fn stop(args: CampaignArgs) -> Result<Exit, CliError> {
    bring_to_rest(&args, Command::Stop {}).await
}

/// Pauses a phase that runs at a server or was interrupted.
pub async fn pause(args: CampaignArgs) -> Result<Exit, CliError> {
    bring_to_rest(&args, Command::Pause {}).await
}

async fn bring_to_rest(args: &CampaignArgs, command: Command) -> Result<Exit, CliError> {
    with_campaign(args, async |target, id| {
        target.command(id, command).await?;
        print_line(summary::sentence(&target.view(id).await?, target.location()))?;
        Ok(Exit::Done)
    })
    .await
}
