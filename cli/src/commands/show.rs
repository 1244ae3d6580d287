//! `phasegate show`

use crate::args::ShowArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::summary;
use crate::render::tables::moment;
use crate::store;

/// Shows how a campaign stands, and what can be done now.
pub async fn show(args: ShowArgs) -> Result<Exit, CliError> {
    store::with_campaign(&args.campaign, async |engine, campaign| {
        let view = campaign.view().await?;
        let mut out = Output::new();
        if args.json {
            out.json(&view)?;
            return Ok(Exit::Done);
        }
        out.line(format_args!("{}  {}", view.name, view.id))?;
        out.line(format_args!(
            "{}, {}, created {}, changed {}",
            view.status,
            view.mode,
            moment(view.created_at),
            moment(view.changed_at)
        ))?;
        out.line(summary::phases(engine, &view).await?)?;
        if let Some(blockers) = summary::blockers(&view) {
            out.line("What is missing:")?;
            out.line(blockers)?;
        }
        out.line(summary::sentence(&view))?;
        out.line("\nAllowed now:")?;
        for command in summary::allowed(&view) {
            out.line(format_args!("  {command}"))?;
        }
        out.flush().map(|()| Exit::Done)
    })
    .await
}
