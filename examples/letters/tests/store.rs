//! The tests of `docs/stores.md`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use phasegate::storage::{Storage, StorageError};
use phasegate_testkit::storage::conformance::Fixture;
use phasegate_testkit::storage::{Interposed, Interposer, MemoryStorage};

/// A store that counts its calls.
struct Counted {
    store: MemoryStorage,
    calls: Arc<AtomicU64>,
}

#[async_trait]
impl Interposer for Counted {
    fn inner(&self) -> &dyn Storage {
        &self.store
    }

    async fn before(&self, _: &'static str) -> Result<(), StorageError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// How the suite opens the store, and moves its clock.
struct Opened {
    store: MemoryStorage,
    calls: Arc<AtomicU64>,
}

#[async_trait]
impl Fixture for Opened {
    async fn open(&self) -> Arc<dyn Storage> {
        Arc::new(Interposed(Counted {
            store: self.store.connect(),
            calls: Arc::clone(&self.calls),
        }))
    }

    async fn advance(&self, by: Duration) {
        self.store.clock().advance(by);
    }
}

async fn an_empty_store() -> Opened {
    Opened {
        store: MemoryStorage::new(),
        calls: Arc::default(),
    }
}

phasegate_testkit::storage_conformance!(an_empty_store);
