//! The in-memory store passes the suite.

use phasegate_testkit::storage::{MemoryStorage, conformance::Fixture};

async fn an_empty_store() -> Fixture {
    Fixture::new(MemoryStorage::new())
}

phasegate_testkit::storage_conformance!(an_empty_store);
