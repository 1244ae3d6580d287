//! The redb store passes the suite.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate_core::storage::Storage;
use phasegate_storage_redb::RedbStorage;
use phasegate_testkit::ManualClock;
use phasegate_testkit::storage::conformance::Fixture;

/// A store in a folder of its own.
struct InFile {
    folder: tempfile::TempDir,
    clock: ManualClock,
}

impl InFile {
    fn path(&self) -> PathBuf {
        self.folder.path().join("store.redb")
    }
}

#[async_trait]
impl Fixture for InFile {
    async fn open(&self) -> Arc<dyn Storage> {
        let clock = self.clock.clone();
        let options = RedbStorage::options().clock(move || clock.now());
        Arc::new(options.open(self.path()).await.unwrap())
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

async fn an_empty_store() -> InFile {
    InFile {
        folder: tempfile::tempdir().unwrap(),
        clock: ManualClock::default(),
    }
}

phasegate_testkit::storage_conformance!(an_empty_store);
