//! Commands that are carried out, or only tried.

use phasegate::CampaignId;
use phasegate::core::Command;

use crate::asking::WriteArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::dry_run;
use crate::target::Target;

/// Sends a command and says what came of it; a dry run says what would come of it.
pub async fn carry_out(
    target: &dyn Target,
    id: CampaignId,
    command: Command,
    how: &WriteArgs,
    say: impl AsyncFnOnce(bool) -> Result<(), CliError>,
) -> Result<Exit, CliError> {
    if how.dry_run {
        return dry_run::told(&target.try_out(id, command).await?, false);
    }
    say(target.send(id, command).await?).await?;
    Ok(Exit::Done)
}
