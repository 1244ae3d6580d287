//! Work that is done once for its idempotency key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::storage::{IdempotencyEntry, IdempotencyKey, Storage, StorageError};
use phasegate::core::{Digest, Timestamp};
use phasegate::{Engine, EngineError, NewCampaign};
use phasegate_testkit::{ManualClock, MemoryStorage, Stage};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::support::interposed::{Between, seen};
use crate::support::pipeline;

const GRACE: Duration = Duration::from_secs(7);

fn engine(storage: Arc<dyn Storage>) -> Engine {
    Engine::builder()
        .shared_storage(storage)
        .pipeline(pipeline(&Stage::default(), None))
        .idempotency_ttl(Duration::from_secs(10))
        .cancellation_grace(GRACE)
        .build()
        .expect("an engine")
}

fn key() -> IdempotencyKey {
    IdempotencyKey::new("key").expect("a valid key")
}

/// Work that counts how often it is done, and gives the number.
fn counting(done: &Arc<AtomicU64>) -> impl Future<Output = Result<Value, EngineError>> + Send + 'static {
    let done = Arc::clone(done);
    async move { Ok(json!(done.fetch_add(1, Ordering::SeqCst) + 1)) }
}

#[tokio::test]
async fn the_outcome_is_given_again_also_by_the_next_engine_until_the_key_expires() {
    let clock = ManualClock::at(Timestamp::from_unix_ms(0));
    let storage = Arc::new(MemoryStorage::with_clock(clock.clone()));
    let done = Arc::new(AtomicU64::new(0));
    let request = json!({"probe": "a"});
    for _ in 0..2 {
        let engine = engine(Arc::clone(&storage) as _);
        for _ in 0..2 {
            let outcome = engine.once(key(), &request, counting(&done)).await;
            assert_eq!(outcome, Ok(json!(1)));
        }
        engine.shutdown().await.expect("it shuts down in order");
        storage.reopen();
    }
    let engine = engine(storage);
    clock.advance(Duration::from_secs(10));
    let outcome = engine.once(key(), &request, counting(&done)).await;
    assert_eq!(outcome, Ok(json!(2)));
}

#[tokio::test]
async fn a_key_of_another_request_or_of_a_creation_is_refused_and_nothing_is_done() {
    let engine = engine(Arc::new(MemoryStorage::new()));
    let done = Arc::new(AtomicU64::new(0));
    engine
        .once(key(), &json!(1), counting(&done))
        .await
        .expect("it is done");
    let created = IdempotencyKey::new("created").expect("a valid key");
    let new = NewCampaign::new("spring").idempotency_key("created");
    engine.create(new).await.expect("it is created");
    for (key, request) in [(key(), json!(2)), (created, json!(1))] {
        let refused = engine.once(key, &request, counting(&done)).await;
        assert_eq!(refused.expect_err("it is used").code(), "idempotency_key_reused");
    }
    let new = NewCampaign::new("spring").idempotency_key("key");
    let refused = engine.create(new).await.map(|campaign| campaign.id());
    assert_eq!(refused.expect_err("it is used").code(), "idempotency_key_reused");
    assert_eq!(done.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn work_that_fails_is_done_again() {
    let engine = engine(Arc::new(MemoryStorage::new()));
    let failed = engine
        .once(key(), &json!(1), async { Err(EngineError::ShutDown) })
        .await;
    assert_eq!(failed, Err(EngineError::ShutDown));
    let outcome = engine.once(key(), &json!(1), async { Ok(json!("done")) }).await;
    assert_eq!(outcome, Ok(json!("done")));
}

#[tokio::test]
async fn duplicates_wait_for_the_first_and_other_keys_do_not() {
    let engine = engine(Arc::new(MemoryStorage::new()));
    let (begun, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let done = Arc::new(AtomicU64::new(0));
    let all: Vec<_> = (0..50)
        .map(|_| {
            let (engine, count) = (engine.clone(), counting(&done));
            let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
            tokio::spawn(async move {
                let work = async move {
                    begun.add_permits(1);
                    go.acquire().await.expect("it is never closed").forget();
                    count.await
                };
                engine.once(key(), &json!(1), work).await
            })
        })
        .collect();
    begun.acquire().await.expect("it is never closed").forget();
    let other = IdempotencyKey::new("other").expect("a valid key");
    let outcome = engine.once(other, &json!(1), async { Ok(json!("other")) }).await;
    assert_eq!(outcome, Ok(json!("other")));
    // As many as could be at work.
    go.add_permits(50);
    for one in all {
        assert_eq!(one.await.expect("no panic"), Ok(json!(1)));
    }
    assert_eq!(done.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn work_goes_on_and_is_remembered_when_its_caller_goes_away() {
    let engine = engine(Arc::new(MemoryStorage::new()));
    let (begun, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let work = {
        let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
        async move {
            begun.add_permits(1);
            go.acquire().await.expect("it is never closed").forget();
            Ok(json!("first"))
        }
    };
    let request = json!(1);
    tokio::select! {
        ended = engine.once(key(), &request, work) => panic!("{ended:?}"),
        begun = begun.acquire() => begun.expect("it is never closed").forget(),
    }
    go.add_permits(1);
    let outcome = engine.once(key(), &json!(1), async { Ok(json!("second")) }).await;
    assert_eq!(outcome, Ok(json!("first")));
}

#[tokio::test]
async fn what_can_t_be_remembered_is_an_error_and_stores_nothing() {
    let engine = engine(Arc::new(MemoryStorage::new()));
    let large = async { Ok(Value::String("x".repeat(64 * 1024))) };
    let refused = engine.once(key(), &json!(1), large).await;
    assert_eq!(refused.expect_err("it is too large").code(), "too_large");
    let deep = (0..=100).fold(json!(1), |inner, _| json!([inner]));
    let refused = engine.once(key(), &deep, async { Ok(json!(1)) }).await;
    assert_eq!(refused.expect_err("it is too deep").code(), "too_deep");
    assert_eq!(engine.storage().idempotency(None, &key()).await, Ok(None));
}

/// Another process that was quicker: it remembers `first` just before this one does.
struct Twin {
    storage: Arc<MemoryStorage>,
    request: Value,
}

#[async_trait]
impl Between for Twin {
    async fn before(&self, call: &'static str) -> Result<(), StorageError> {
        match call {
            "remember" => {
                let entry = IdempotencyEntry {
                    key: key(),
                    campaign: None,
                    command: Digest::of(&json!({"once": self.request})),
                    outcome: json!("first"),
                    expires_at: Timestamp::from_unix_ms(i64::MAX),
                };
                self.storage.remember(entry).await
            }
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn where_a_twin_was_quicker_its_outcome_counts() {
    for (request, expected) in [
        (json!(1), Ok(json!("first"))),
        (json!(2), Err("idempotency_key_reused")),
    ] {
        let inner = Arc::new(MemoryStorage::new());
        let between = Twin {
            storage: Arc::clone(&inner),
            request,
        };
        let engine = engine(Arc::new(seen(&inner, between)));
        let outcome = engine.once(key(), &json!(1), async { Ok(json!("second")) }).await;
        assert_eq!(outcome.map_err(|error| error.code()), expected);
    }
}

#[tokio::test]
async fn after_a_shutdown_no_work_is_done() {
    let engine = engine(Arc::new(MemoryStorage::new()));
    engine.shutdown().await.expect("it shuts down in order");
    let done = Arc::new(AtomicU64::new(0));
    let refused = engine.once(key(), &json!(1), counting(&done)).await;
    assert_eq!(refused, Err(EngineError::ShutDown));
    assert_eq!(done.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_work_as_long_as_for_a_runner_and_then_drops_it() {
    for (needs, expected) in [
        (GRACE - Duration::from_millis(1), Ok(json!("done"))),
        (GRACE + Duration::from_millis(1), Err(EngineError::ShutDown)),
    ] {
        let storage = Arc::new(MemoryStorage::new());
        let engine = engine(Arc::clone(&storage) as _);
        let begun = Arc::new(Semaphore::new(0));
        let dropped = Arc::new(());
        let work = {
            let (begun, held) = (Arc::clone(&begun), Arc::clone(&dropped));
            async move {
                begun.add_permits(1);
                tokio::time::sleep(needs).await;
                drop(held);
                Ok(json!("done"))
            }
        };
        let working = tokio::spawn({
            let engine = engine.clone();
            async move { engine.once(key(), &json!(1), work).await }
        });
        begun.acquire().await.expect("it is never closed").forget();
        let asked = Instant::now();
        let down = tokio::time::timeout(Duration::from_secs(3_600), engine.shutdown()).await;
        down.expect("it doesn't hang").expect("it shuts down in order");
        assert_eq!(asked.elapsed(), GRACE.min(needs));
        assert_eq!(working.await.expect("no panic"), expected);
        assert_eq!(Arc::strong_count(&dropped), 1, "it goes on no more");
        storage.reopen();
        let kept = storage.idempotency(None, &key()).await.expect("the store works");
        assert_eq!(kept.map(|entry| entry.outcome), expected.ok());
    }
}
