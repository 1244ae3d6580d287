//! `phasegate events`

use phasegate::storage::{Cursor, EventScope};

use crate::args::EventsArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::events::line;
use crate::store::{self, Missing};

/// Prints the log of a campaign, or of the whole store.
pub async fn events(args: EventsArgs) -> Result<Exit, CliError> {
    store::with_engine(&args.store.db, Missing::Refuse, async |engine| {
        let scope = match &args.campaign {
            Some(campaign) => EventScope::Campaign(store::campaign(engine, campaign).await?.id()),
            None => EventScope::Store,
        };
        let mut events = engine.events(scope, args.after.map(Cursor::from_text));
        let mut out = Output::new();
        while let Some(event) = events.next_if_any().await? {
            if args.json {
                out.json(&event)?;
            } else if args.campaign.is_some() {
                out.line(line(&event))?;
            } else {
                out.line(format_args!("{}  {}", event.campaign_id, line(&event)))?;
            }
        }
        out.flush().map(|()| Exit::Done)
    })
    .await
}
