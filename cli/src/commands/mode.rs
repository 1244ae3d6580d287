//! `phasegate mode`

use phasegate::Mode;

use crate::args::ModeArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print_line;
use crate::store;

/// Sets how a campaign advances.
pub async fn mode(args: ModeArgs) -> Result<Exit, CliError> {
    store::with_campaign(&args.campaign, async |_, campaign| {
        let mode = Mode::from(args.mode);
        let receipt = campaign.set_mode(mode).await?;
        let since = if receipt.changed { "now" } else { "already" };
        print_line(format_args!(
            "{} is {since} in {mode}",
            campaign.view().await?.name
        ))?;
        Ok(Exit::Done)
    })
    .await
}
