//! `phasegate configure` and `phasegate unconfigure`

use crate::args::{ConfigureArgs, UnconfigureArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::json_file::read_config;
use crate::output::print_line;
use crate::store;

/// Stores the config of a phase.
pub async fn configure(args: ConfigureArgs) -> Result<Exit, CliError> {
    let config = read_config(&args.config)?;
    store::with_campaign(&args.campaign, async |_, campaign| {
        let receipt = campaign.configure(&args.phase, config).await?;
        let said = if receipt.changed {
            "is stored"
        } else {
            "was stored already"
        };
        print_line(format_args!("the config of {} {said}", args.phase))?;
        Ok(Exit::Done)
    })
    .await
}

/// Takes the config of a phase away.
pub async fn unconfigure(args: UnconfigureArgs) -> Result<Exit, CliError> {
    store::with_campaign(&args.campaign, async |_, campaign| {
        let receipt = campaign.unconfigure(&args.phase).await?;
        let said = if receipt.changed {
            "is taken away"
        } else {
            "was not there"
        };
        print_line(format_args!("the config of {} {said}", args.phase))?;
        Ok(Exit::Done)
    })
    .await
}
