//! `phasegate mode`

use phasegate::core::Command;

use crate::args::ModeArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print_line;
use crate::target::with_campaign;

/// Sets how a campaign advances.
pub async fn mode(args: ModeArgs) -> Result<Exit, CliError> {
    with_campaign(&args.campaign, async |target, id| {
        let mode = args.mode;
        let changed = target.command(id, Command::SetMode { mode }).await?;
        let since = if changed { "now" } else { "already" };
        print_line(format_args!(
            "{} is {since} in {mode}",
            target.view(id).await?.name
        ))?;
        Ok(Exit::Done)
    })
    .await
}
