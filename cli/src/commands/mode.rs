//! `phasegate mode`

use phasegate::core::Command;

use crate::args::ModeArgs;
use crate::carried_out::carry_out;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::with_campaign;
use crate::output::print_line;

/// Sets how a campaign advances.
pub async fn mode(args: ModeArgs) -> Result<Exit, CliError> {
    with_campaign(&args.campaign, Some(&args.write.ask), async |target, id| {
        let mode = args.mode;
        carry_out(
            target,
            id,
            Command::SetMode { mode },
            &args.write,
            async |changed| {
                let since = if changed { "now" } else { "already" };
                let name = target.campaign(id).await?.view.name;
                print_line(format_args!("{name} is {since} in {mode}"))
            },
        )
        .await
    })
    .await
}
