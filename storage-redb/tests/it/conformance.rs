//! The redb store passes the suite.

use phasegate_storage_redb::RedbStorage;
use phasegate_testkit::storage::conformance::Fixture;

async fn an_empty_store() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let storage = RedbStorage::open(folder.path().join("store.redb")).await.unwrap();
    Fixture::new(storage).keeping(folder)
}

phasegate_testkit::storage_conformance!(an_empty_store);
