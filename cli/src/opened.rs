//! Opening the store that the arguments name.

use phasegate::CampaignId;

use crate::args::{CampaignArgs, TargetArgs};
use crate::asking::{self, AskArgs};
use crate::error::CliError;
use crate::in_file::InFile;
use crate::remote::Remote;
use crate::store::{self, MissingStore};
use crate::target::{Target, find};

/// Does `work` with the store that the arguments name; `ask` says who writes. It launches nothing.
pub async fn with_target<T>(
    args: &TargetArgs,
    ask: Option<&AskArgs>,
    work: impl AsyncFnOnce(&dyn Target) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let envelope = asking::envelope(ask)?;
    if let Some(url) = &args.url {
        return work(&Remote::new(url, args, envelope)?).await;
    }
    store::with_engine(&args.db, MissingStore::Refuse, async |engine| {
        work(&InFile::new(engine.clone(), envelope)).await
    })
    .await
}

/// Does `work` with the campaign that the arguments name; see [`with_target`].
pub async fn with_campaign<T>(
    args: &CampaignArgs,
    ask: Option<&AskArgs>,
    work: impl AsyncFnOnce(&dyn Target, CampaignId) -> Result<T, CliError>,
) -> Result<T, CliError> {
    with_target(&args.target, ask, async |target| {
        let id = find(target, &args.campaign).await?;
        work(target, id).await
    })
    .await
}
