//! The in-memory store passes the suite, and its handles are what it says of them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate_core::storage::{Storage, StorageError, TokenSecret};
use phasegate_testkit::ManualClock;
use phasegate_testkit::storage::MemoryStorage;
use phasegate_testkit::storage::conformance::{Fixture, Story};

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

#[tokio::test]
async fn a_handle_is_closed_with_its_clones_and_leaves_the_other_handles_open() {
    let storage = MemoryStorage::new();
    let (clone, other) = (storage.clone(), storage.connect());
    Story::created(&storage, 1).await;

    storage.close().await.expect("it can be closed");

    assert_eq!(clone.latest().await, Err(StorageError::Closed));
    let seen = other.latest().await.expect("it is open");
    assert!(seen.is_some(), "it is the same store");
    clone.reopen();
    assert_eq!(storage.latest().await, Ok(seen));
}

#[tokio::test]
async fn two_stores_have_two_token_secrets_unless_they_are_given_one() {
    let drawn = |storage: MemoryStorage| async move { storage.token_secret().await.expect("it is open") };
    let given = || MemoryStorage::with_clock_and_secret(ManualClock::default(), TokenSecret([7; 32]));
    assert_ne!(
        drawn(MemoryStorage::new()).await,
        drawn(MemoryStorage::new()).await
    );
    assert_eq!(drawn(given()).await, TokenSecret([7; 32]));
}
