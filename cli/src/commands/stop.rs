//! `phasegate stop`

use crate::args::CampaignArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print_line;
use crate::render::summary;
use crate::store;

/// Stops a paused or interrupted phase, so that its config can be changed.
pub async fn stop(args: CampaignArgs) -> Result<Exit, CliError> {
    store::with_campaign(&args, async |_, campaign| {
        campaign.stop().await?;
        print_line(summary::sentence(&campaign.view().await?))?;
        Ok(Exit::Done)
    })
    .await
}
