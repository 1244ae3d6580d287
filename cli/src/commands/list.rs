//! `phasegate list`

use phasegate::storage::CampaignQuery;
use phasegate::{CampaignView, Engine};

use crate::args::ListArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::tables::{moment, table};
use crate::store::{self, Missing};

/// Lists all campaigns, oldest first.
pub async fn list(args: ListArgs) -> Result<Exit, CliError> {
    store::with_engine(&args.store.db, Missing::Refuse, async |engine| {
        let mut out = Output::new();
        if args.json {
            each(engine, |view| out.json(&view)).await?;
        } else {
            let mut table = table(["Name", "Status", "Mode", "Phases", "Next phase", "Changed", "Id"]);
            each(engine, |view| {
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

async fn each(
    engine: &Engine,
    mut use_it: impl FnMut(CampaignView) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut query = CampaignQuery::default();
    loop {
        let (page, next) = engine.campaigns(query.clone()).await?;
        page.into_iter().try_for_each(&mut use_it)?;
        match next {
            Some(next) => query.after = Some(next),
            None => return Ok(()),
        }
    }
}

fn row(view: &CampaignView) -> [String; 7] {
    let next = view.current_phase.as_ref().map(ToString::to_string);
    [
        view.name.clone(),
        view.status.to_string(),
        view.mode.to_string(),
        format!("{} of {}", view.position, view.phases.len()),
        next.unwrap_or_default(),
        moment(view.changed_at),
        view.id.to_string(),
    ]
}
