//! `phasegate events`

use phasegate::storage::Cursor;

use crate::args::EventsArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::with_target;
use crate::output::Output;
use crate::render::events::line;
use crate::target::find;

/// Prints the log of a campaign, or of the whole store.
pub async fn events(args: EventsArgs) -> Result<Exit, CliError> {
    with_target(&args.target, None, async |target| {
        let of = match &args.campaign {
            Some(campaign) => Some(find(target, campaign).await?),
            None => None,
        };
        let mut after = args.after.map(Cursor::from_text);
        let mut out = Output::new();
        loop {
            let page = target.events(of, after).await?;
            for event in &page.items {
                if args.json {
                    out.json(event)?;
                } else if of.is_some() {
                    out.line(line(event))?;
                } else {
                    let campaign = event.campaign_id.map(|id| id.to_string()).unwrap_or_default();
                    out.line(format_args!("{campaign:<36}  {}", line(event)))?;
                }
            }
            match page.next_cursor {
                Some(next) => after = Some(next),
                None => return out.flush().map(|()| Exit::Done),
            }
        }
    })
    .await
}
