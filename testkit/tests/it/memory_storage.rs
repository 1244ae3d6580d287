//! The in-memory store passes the suite.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate_core::storage::Storage;
use phasegate_testkit::storage::{MemoryStorage, conformance::Fixture};

struct InMemory(MemoryStorage);

#[async_trait]
impl Fixture for InMemory {
    async fn open(&self) -> Arc<dyn Storage> {
        Arc::new(self.0.connect())
    }

    async fn advance(&self, by: Duration) {
        self.0.clock().advance(by);
    }
}

async fn an_empty_store() -> InMemory {
    InMemory(MemoryStorage::new())
}

phasegate_testkit::storage_conformance!(an_empty_store);
