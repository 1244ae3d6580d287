//! Opening a store, and finding campaigns in it.

use std::path::Path;

use phasegate::storage::{CampaignFilter, CampaignQuery, Order};
use phasegate::{CampaignHandle, CampaignId, CampaignStatus, CampaignView, Engine};
use phasegate_storage_redb::RedbStorage;

use crate::args::CampaignArgs;
use crate::error::CliError;

/// What to do where there is no store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Missing {
    /// Create one.
    Create,
    /// Say so.
    Refuse,
}

/// Does `work` with an engine over the store at `path`, and closes the store whatever came of it. Nothing is launched.
pub async fn with_engine<T>(
    path: &Path,
    missing: Missing,
    work: impl AsyncFnOnce(&Engine) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let engine = engine(open_file(path, missing).await?)?;
    let done = work(&engine).await;
    let closed = engine.shutdown().await;
    let done = done?;
    closed?;
    Ok(done)
}

/// As [`with_engine`], with the campaign that a person means.
pub async fn with_campaign<T>(
    args: &CampaignArgs,
    work: impl AsyncFnOnce(&Engine, &CampaignHandle) -> Result<T, CliError>,
) -> Result<T, CliError> {
    with_engine(&args.store.db, Missing::Refuse, async |engine| {
        let campaign = campaign(engine, &args.campaign).await?;
        work(engine, &campaign).await
    })
    .await
}

/// Opens the store at `path`.
pub async fn open_file(path: &Path, missing: Missing) -> Result<RedbStorage, CliError> {
    if missing == Missing::Refuse && !path.exists() {
        return Err(CliError::NoStore {
            path: path.to_owned(),
        });
    }
    Ok(RedbStorage::open(path)
        .await
        .map_err(phasegate::EngineError::from)?)
}

/// An engine over any store, with the pipeline that this command offers.
pub fn engine(storage: impl phasegate::storage::Storage) -> Result<Engine, CliError> {
    let pipeline = phasegate_phases::pipeline().expect("the pipeline is fixed, and tested");
    let engine = Engine::builder().storage(storage).pipeline(pipeline).build();
    Ok(engine.expect("a store, one pipeline and a runtime are all there"))
}

/// The campaigns of exactly this name, newest first.
pub async fn named(engine: &Engine, name: &str) -> Result<Vec<CampaignView>, CliError> {
    let mut query = CampaignQuery {
        filter: CampaignFilter {
            name: Some(name.to_owned()),
            ..CampaignFilter::default()
        },
        order: Order::NewestFirst,
        ..CampaignQuery::default()
    };
    let mut all = Vec::new();
    loop {
        let (page, next) = engine.campaigns(query.clone()).await?;
        all.extend(page);
        match next {
            Some(next) => query.after = Some(next),
            None => return Ok(all),
        }
    }
}

/// The campaign of this name that is not completed yet; the newest, if there are several.
pub async fn unfinished(engine: &Engine, name: &str) -> Result<Option<CampaignView>, CliError> {
    let all = named(engine, name).await?;
    Ok(all
        .into_iter()
        .find(|one| one.status != CampaignStatus::Completed))
}

/// The campaign that a person means: by its name, the unfinished one or else the newest; or by its id.
pub async fn campaign(engine: &Engine, name_or_id: &str) -> Result<CampaignHandle, CliError> {
    let mut all = named(engine, name_or_id).await?;
    let unfinished = all.iter().position(|one| one.status != CampaignStatus::Completed);
    if !all.is_empty() {
        let chosen = all.swap_remove(unfinished.unwrap_or(0));
        return Ok(engine.campaign(chosen.id).await?);
    }
    match name_or_id.parse::<CampaignId>() {
        Ok(id) => Ok(engine.campaign(id).await?),
        Err(_) => Err(CliError::Usage(format!(
            "there is no campaign named {name_or_id:?} in this store: 'phasegate list' shows which there are"
        ))),
    }
}
