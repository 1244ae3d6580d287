//! Opening a store.

use std::path::Path;

use phasegate::Engine;
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
