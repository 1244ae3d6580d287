//! `phasegate list`

use phasegate::CampaignView;

use crate::args::ListArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::tables::{moment, table};
use crate::target::with_target;

/// Lists all campaigns, oldest first.
pub async fn list(args: ListArgs) -> Result<Exit, CliError> {
    with_target(&args.target, async |target| {
        let mut out = Output::new();
        if args.json {
            target.each(|view| out.json(&view)).await?;
        } else {
            let mut table = table(["Name", "Status", "Mode", "Phases", "Next phase", "Changed", "Id"]);
            target
                .each(|view| {
                    table.add_row(row(&view));
                    Ok(())
                })
                .await?;
            match table.is_empty() {
                true => out.line("no campaigns yet: 'phasegate run PLAN.json' creates one")?,
                false => out.line(table)?,
            }
        }
        out.flush().map(|()| Exit::Done)
    })
    .await
}

fn row(view: &CampaignView) -> [String; 7] {
    let next = view.current_phase.as_ref().map(ToString::to_string);
    [
        view.name.clone(),
        view.status.spoken(),
        view.mode.to_string(),
        format!("{} of {}", view.position, view.phases.len()),
        next.unwrap_or_default(),
        moment(view.changed_at),
        view.id.to_string(),
    ]
}
