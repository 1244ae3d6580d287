//! `phasegate show`

use crate::args::ShowArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::with_campaign;
use crate::output::Output;
use crate::render::summary;
use crate::render::tables::moment;

/// Shows the state of a campaign, and what can be done now.
pub async fn show(args: ShowArgs) -> Result<Exit, CliError> {
    with_campaign(&args.campaign, None, async |target, id| {
        let shown = target.campaign(id).await?;
        let view = &shown.view;
        let mut out = Output::new();
        if args.json {
            out.json(view)?;
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
        if let Some(attributes) = summary::attributes(view) {
            out.line(format_args!("attributes: {attributes}"))?;
        }
        out.line(summary::phases(&shown))?;
        for warning in summary::warnings(view) {
            out.line(warning)?;
        }
        if let Some(blockers) = summary::blockers(view) {
            out.line("What is missing:")?;
            out.line(blockers)?;
        }
        out.line(summary::sentence(view, target.location()))?;
        out.line("\nAllowed now:")?;
        for command in summary::allowed(view, target.location()) {
            out.line(format_args!("  {command}"))?;
        }
        out.flush().map(|()| Exit::Done)
    })
    .await
}
