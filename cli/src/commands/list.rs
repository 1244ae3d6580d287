//! `phasegate list`

use phasegate::CampaignView;
use phasegate::storage::Order;

use crate::args::ListArgs;
use crate::asking;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::with_target;
use crate::output::Output;
use crate::render::summary;
use crate::render::tables::{moment, table};
use crate::target::{Wanted, each};

/// Lists campaigns, oldest first.
pub async fn list(args: ListArgs) -> Result<Exit, CliError> {
    let wanted = Wanted {
        name: None,
        attributes: asking::attributes(&args.attribute)?,
        order: Order::OldestFirst,
    };
    with_target(&args.target, None, async |target| {
        let mut out = Output::new();
        if args.json {
            each(target, &wanted, |view| out.json(&view)).await?;
        } else {
            let mut table = table([
                "Name",
                "Status",
                "Mode",
                "Phases",
                "Next phase",
                "Attributes",
                "Changed",
                "Id",
            ]);
            each(target, &wanted, |view| {
                table.add_row(row(&view));
                Ok(())
            })
            .await?;
            match table.is_empty() {
                true if !wanted.attributes.is_empty() => out.line("no campaign has these attributes")?,
                true => out.line("no campaigns yet: 'phasegate run PLAN.json' creates one")?,
                false => out.line(table)?,
            }
        }
        out.flush().map(|()| Exit::Done)
    })
    .await
}

fn row(view: &CampaignView) -> [String; 8] {
    let next = view.current_phase.as_ref().map(ToString::to_string);
    [
        view.name.clone(),
        view.status.spoken(),
        view.mode.to_string(),
        format!("{} of {}", view.position, view.phases.len()),
        next.unwrap_or_default(),
        summary::attributes(view).unwrap_or_default(),
        moment(view.changed_at),
        view.id.to_string(),
    ]
}
