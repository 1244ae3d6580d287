//! Idempotency keys and the time: each is kept until it expires, and no longer in anybody's way after that.

use phasegate_core::storage::{
    Committed, IdempotencyEntry, IdempotencyKey, Storage, StorageError, Transition,
};
use phasegate_core::{Digest, Timestamp};
use phasegate_storage_redb::RedbStorage;
use phasegate_storage_redb::testing::CrashBackend;
use phasegate_testkit::ManualClock;
use phasegate_testkit::storage::conformance::Story;
use serde_json::json;

const KEY: &str = "key";

/// Opens the store on a disk, with that clock.
async fn open(disk: CrashBackend, clock: &ManualClock) -> RedbStorage {
    let clock = clock.clone();
    let options = RedbStorage::options().clock(move || clock.now());
    options.open_backend(disk).await.unwrap()
}

/// A store, and its clock, which stands at the beginning of its time.
async fn a_store() -> (RedbStorage, ManualClock) {
    let clock = ManualClock::at(at(0));
    (open(CrashBackend::new(), &clock).await, clock)
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

/// A command that changes nothing and is remembered by the key.
fn keyed(story: &Story, outcome: u32, expires_at: i64) -> Transition {
    let mut transition = story.transition(vec![]);
    transition.idempotency = Some(IdempotencyEntry {
        key: IdempotencyKey::new(KEY).unwrap(),
        campaign: Some(story.id),
        command: Digest::of(&json!(outcome)),
        outcome: json!(outcome),
        expires_at: at(expires_at),
    });
    transition
}

async fn outcome(storage: &RedbStorage, story: &Story) -> Option<serde_json::Value> {
    let key = IdempotencyKey::new(KEY).unwrap();
    let entry = storage.idempotency(Some(story.id), &key).await.unwrap();
    entry.map(|entry| entry.outcome)
}

fn used() -> Result<Committed, StorageError> {
    Err(StorageError::KeyUsed { key: KEY.into() })
}

#[tokio::test]
async fn a_key_is_kept_until_it_expires_and_can_be_used_again_then() {
    let (storage, clock) = a_store().await;
    let story = Story::created(&storage, 1).await;
    storage.commit(keyed(&story, 1, 1_000)).await.unwrap();

    clock.set(at(999));
    assert_eq!(storage.commit(keyed(&story, 2, 5_000)).await, used());
    assert_eq!(outcome(&storage, &story).await, Some(json!(1)));

    clock.set(at(1_000));
    assert_eq!(outcome(&storage, &story).await, None);
    storage.commit(keyed(&story, 3, 2_000)).await.unwrap();
    assert_eq!(outcome(&storage, &story).await, Some(json!(3)));
    assert_eq!(storage.commit(keyed(&story, 4, 5_000)).await, used());

    let report = storage.verify(|_| ()).await.unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(report.idempotency_keys, 1);
}

#[tokio::test]
async fn a_key_without_a_commit_survives_a_power_failure_and_expires_like_any_other() {
    let entry = |outcome: u32, expires_at| IdempotencyEntry {
        key: IdempotencyKey::new(KEY).unwrap(),
        campaign: None,
        command: Digest::of(&json!(outcome)),
        outcome: json!(outcome),
        expires_at: at(expires_at),
    };
    let clock = ManualClock::at(at(0));
    let used = Err(StorageError::KeyUsed { key: KEY.into() });
    let disk = CrashBackend::new();
    let storage = open(disk.clone(), &clock).await;
    storage.remember(entry(1, 1_000)).await.unwrap();

    let storage = open(disk.crash(1), &clock).await;
    clock.set(at(999));
    assert_eq!(storage.remember(entry(2, 5_000)).await, used);
    let key = entry(1, 1_000).key;
    let kept = storage.idempotency(None, &key).await.unwrap();
    assert_eq!(kept, Some(entry(1, 1_000)));

    clock.set(at(1_000));
    assert_eq!(storage.idempotency(None, &key).await.unwrap(), None);
    storage.remember(entry(3, 2_000)).await.unwrap();
    let report = storage.verify(|_| ()).await.unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(report.idempotency_keys, 1);
}
