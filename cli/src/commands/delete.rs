//! `phasegate delete`

use std::io::{self, IsTerminal, Write};

use phasegate::core::Command;

use crate::args::DeleteArgs;
use crate::carried_out::carry_out;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::with_campaign;
use crate::output::print_line;
use crate::target;

/// Deletes a campaign, after asking.
pub async fn delete(args: DeleteArgs) -> Result<Exit, CliError> {
    with_campaign(&args.campaign, Some(&args.write.ask), async |target, id| {
        let named = target::named(target, &args.campaign.campaign).await?;
        if named.len() > 1 {
            let line = |view: &phasegate::CampaignView| format!("\n  {}  {}", view.id, view.status.spoken());
            return Err(CliError::Usage(format!(
                "{} campaigns have that name, so give the id of the one to delete:{}",
                named.len(),
                named.iter().map(line).collect::<String>()
            )));
        }
        let view = target.campaign(id).await?.view;
        if !args.yes && !args.write.dry_run && !agreed(&view.name)? {
            let said = "nothing was deleted: say --yes to delete without being asked";
            return Err(CliError::Usage(said.to_owned()));
        }
        carry_out(target, id, Command::Delete {}, &args.write, async |_| {
            print_line(format_args!("{} ({}) is deleted", view.name, view.id))
        })
        .await
    })
    .await
}

/// Asks for agreement. Without a person at a terminal there is none.
fn agreed(name: &str) -> Result<bool, CliError> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut answer = String::new();
    write!(io::stderr(), "Delete {name} with all its records? [y/N] ")
        .and_then(|()| io::stderr().flush())
        .and_then(|()| io::stdin().read_line(&mut answer))
        .map_err(CliError::io("no answer can be read"))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
