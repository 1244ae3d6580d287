//! Writes the golden file of the format of this release: `cargo run -p phasegate-storage-redb --example write_golden`.
//!
//! A golden file has a short journal, so that it is no larger than it need be. It is written once, by the release that brings the format, and never again.

#[allow(clippy::unwrap_used, reason = "the tests that it is made for may panic")]
#[path = "../tests/it/sample/mod.rs"]
mod sample;

use std::path::PathBuf;

use phasegate_core::storage::{Storage, StorageError};
use phasegate_storage_redb::{FORMAT, RedbStorage};

#[tokio::main]
async fn main() -> Result<(), StorageError> {
    let path = std::env::args_os().nth(1).map_or_else(
        || {
            PathBuf::from(format!(
                "{}/tests/golden/format-{FORMAT}.redb",
                env!("CARGO_MANIFEST_DIR")
            ))
        },
        PathBuf::from,
    );
    if path.exists() {
        let reason = format!("{} exists: a golden file is never written anew", path.display());
        return Err(StorageError::Unavailable { reason });
    }
    let storage = RedbStorage::options()
        .journal_bytes(64 * 1024)
        .open(&path)
        .await?;
    sample::write(&storage).await;
    storage.close().await?;
    println!("{}", path.display());
    Ok(())
}
