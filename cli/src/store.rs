//! Opening a store, and finding campaigns in it.

use std::path::Path;

use phasegate::storage::{CampaignFilter, CampaignQuery, Order};
use phasegate::{CampaignId, CampaignStatus, CampaignView, Engine};
use phasegate_storage_redb::RedbStorage;

use crate::error::CliError;

/// What to do if the store is missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MissingStore {
    /// Create one.
    Create,
    /// Refuse.
    Refuse,
}

/// Does `work` with an engine over the store at `path`, and then closes the store, also after an error. It launches nothing.
pub async fn with_engine<T>(
    path: &Path,
    missing: MissingStore,
    work: impl AsyncFnOnce(&Engine) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let engine = engine(open_file(path, missing).await?)?;
    let done = work(&engine).await;
    let closed = engine.shutdown().await;
    let done = done?;
    closed?;
    Ok(done)
}

/// Opens the store at `path`.
pub async fn open_file(path: &Path, missing: MissingStore) -> Result<RedbStorage, CliError> {
    if missing == MissingStore::Refuse && !path.exists() {
        return Err(CliError::NoStore {
            path: path.to_owned(),
        });
    }
    Ok(RedbStorage::open(path)
        .await
        .map_err(phasegate::EngineError::from)?)
}

/// An engine over any store, with the pipeline of this command.
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

/// The unfinished campaign of this name; the newest, if there are several.
pub async fn unfinished(engine: &Engine, name: &str) -> Result<Option<CampaignView>, CliError> {
    let all = named(engine, name).await?;
    Ok(all
        .into_iter()
        .find(|one| one.status != CampaignStatus::Completed))
}

/// The campaign that a person means by a name or an id. `named` are the campaigns of that name, newest first.
pub fn chosen(mut named: Vec<CampaignView>, name_or_id: &str) -> Result<CampaignId, CliError> {
    let unfinished = named
        .iter()
        .position(|one| one.status != CampaignStatus::Completed);
    if !named.is_empty() {
        return Ok(named.swap_remove(unfinished.unwrap_or(0)).id);
    }
    name_or_id.parse::<CampaignId>().map_err(|_| {
        CliError::Usage(format!(
            "there is no campaign named {name_or_id:?} in this store: 'phasegate list' shows which there are"
        ))
    })
}
