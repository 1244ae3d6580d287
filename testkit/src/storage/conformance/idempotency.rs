//! Idempotency keys.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use std::time::Duration;

use phasegate_core::limits::{MAX_JSON_DEPTH, MAX_OUTCOME_BYTES};
use phasegate_core::storage::{IdempotencyEntry, IdempotencyKey, StorageError};
use phasegate_core::{CampaignId, Digest, EventKind, Excess, Mode, Timestamp};
use serde_json::{Value, json};

use super::{Story, Subject};

/// An entry that does not expire within the lifetime of any test.
pub(super) fn entry(key: &str, campaign: Option<CampaignId>) -> IdempotencyEntry {
    IdempotencyEntry {
        key: IdempotencyKey::new(key).expect("a case names a key"),
        campaign,
        command: Digest::of(&json!(key)),
        outcome: json!({"outcome": key}),
        expires_at: Timestamp::from_unix_ms(i64::MAX),
    }
}

fn mode_change() -> Vec<EventKind> {
    vec![EventKind::ModeChanged {
        mode: Mode::FullSequence,
    }]
}

pub async fn a_key_is_stored_with_its_outcome_in_the_commit(storage: Subject) {
    let mut story = Story::new(1);
    let mut creation = story.transition(vec![Story::creation("campaign", Mode::StepByStep)]);
    creation.idempotency = Some(entry("create", None));
    story.commit(&*storage, creation).await;
    let mut change = story.transition(mode_change());
    change.idempotency = Some(entry("change", Some(story.id)));
    story.commit(&*storage, change).await;

    for (scope, key) in [(None, "create"), (Some(story.id), "change")] {
        let expected = entry(key, scope);
        assert_eq!(
            storage.idempotency(scope, &expected.key).await.unwrap(),
            Some(expected)
        );
    }
}

pub async fn a_used_key_refuses_the_commit(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let mut first = story.transition(mode_change());
    first.idempotency = Some(entry("key", Some(story.id)));
    story.commit(&*storage, first).await;
    let mut second = story.transition(mode_change());
    let mut reused = entry("key", Some(story.id));
    reused.outcome = json!("another");
    second.idempotency = Some(reused);

    let refused = storage.commit(second).await;

    assert_eq!(refused, Err(StorageError::KeyUsed { key: "key".into() }));
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);
    let kept = entry("key", Some(story.id));
    assert_eq!(
        storage.idempotency(Some(story.id), &kept.key).await.unwrap(),
        Some(kept)
    );
}

pub async fn a_refused_commit_stores_no_key(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let mut late = story.transition(mode_change());
    late.idempotency = Some(entry("key", Some(story.id)));
    story.tell(&*storage, mode_change()).await;
    assert!(storage.commit(late).await.is_err());
    let key = entry("key", None).key;
    assert_eq!(storage.idempotency(Some(story.id), &key).await.unwrap(), None);
}

pub async fn keys_are_scoped_to_their_campaign(storage: Subject) {
    for id in [1, 2] {
        let mut story = Story::created(&*storage, id).await;
        let mut transition = story.transition(mode_change());
        transition.idempotency = Some(entry("key", Some(story.id)));
        story.commit(&*storage, transition).await;
    }
    let key = entry("key", None).key;
    assert_eq!(storage.idempotency(None, &key).await.unwrap(), None);
    assert_eq!(
        storage
            .idempotency(Some(CampaignId::from_u128(3)), &key)
            .await
            .unwrap(),
        None
    );
}

pub async fn a_key_is_stored_without_events_too(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let mut transition = story.transition(vec![]);
    transition.idempotency = Some(entry("key", Some(story.id)));
    let committed = story.commit(&*storage, transition.clone()).await;
    assert_eq!((committed.version, committed.cursor), (story.version, None));
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);
    let expected = entry("key", Some(story.id));
    assert_eq!(
        storage.idempotency(Some(story.id), &expected.key).await.unwrap(),
        Some(expected)
    );
    let again = storage.commit(transition).await;
    assert_eq!(again, Err(StorageError::KeyUsed { key: "key".into() }));
}

pub async fn a_key_that_has_expired_refuses_nothing(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let mut expired = entry("key", Some(story.id));
    expired.expires_at = Timestamp::from_unix_ms(0);
    for kept in [expired.clone(), expired, entry("key", Some(story.id))] {
        let mut change = story.transition(mode_change());
        change.idempotency = Some(kept);
        story.commit(&*storage, change).await;
    }
    let kept = entry("key", Some(story.id));
    assert_eq!(
        storage.idempotency(Some(story.id), &kept.key).await.unwrap(),
        Some(kept)
    );
}

pub async fn a_key_without_a_commit_is_stored_with_its_outcome(storage: Subject) {
    let before = storage.latest().await.unwrap();
    let mut largest = entry("largest", None);
    largest.outcome = Value::String("x".repeat(MAX_OUTCOME_BYTES - 2));
    for kept in [entry("key", None), largest] {
        storage.remember(kept.clone()).await.unwrap();
        assert_eq!(storage.idempotency(None, &kept.key).await.unwrap(), Some(kept));
    }
    assert_eq!(storage.latest().await.unwrap(), before, "it is no event");
}

pub async fn a_key_without_a_commit_is_used_once_in_the_store_s_scope(storage: Subject) {
    let used = |key: &str| StorageError::KeyUsed { key: key.into() };
    let first = entry("key", None);
    storage.remember(first.clone()).await.unwrap();
    let mut second = first.clone();
    second.outcome = json!("another");
    assert_eq!(storage.remember(second).await, Err(used("key")));
    assert_eq!(storage.idempotency(None, &first.key).await.unwrap(), Some(first));

    let mut story = Story::new(1);
    let mut creation = story.transition(vec![Story::creation("campaign", Mode::StepByStep)]);
    creation.idempotency = Some(entry("key", None));
    assert_eq!(storage.commit(creation.clone()).await, Err(used("key")));
    creation.idempotency = Some(entry("create", None));
    story.commit(&*storage, creation).await;
    assert_eq!(storage.remember(entry("create", None)).await, Err(used("create")));

    let mut change = story.transition(mode_change());
    change.idempotency = Some(entry("key", Some(story.id)));
    story.commit(&*storage, change).await;
}

pub async fn a_key_without_a_commit_takes_the_place_of_an_expired_one(storage: Subject) {
    let mut expired = entry("key", None);
    expired.expires_at = Timestamp::from_unix_ms(0);
    for kept in [expired.clone(), expired, entry("key", None)] {
        storage.remember(kept).await.unwrap();
    }
    let kept = entry("key", None);
    assert_eq!(storage.idempotency(None, &kept.key).await.unwrap(), Some(kept));
}

pub async fn a_key_of_a_campaign_is_not_stored_without_a_commit(storage: Subject) {
    let story = Story::created(&*storage, 1).await;
    let refused = storage.remember(entry("key", Some(story.id))).await;
    assert!(
        matches!(refused, Err(StorageError::Contradiction { campaign, .. }) if campaign == story.id),
        "{refused:?}"
    );
    let key = entry("key", None).key;
    for scope in [None, Some(story.id)] {
        assert_eq!(storage.idempotency(scope, &key).await.unwrap(), None);
    }
}

pub async fn an_outcome_beyond_its_limit_is_not_remembered(storage: Subject) {
    let mut large = entry("key", None);
    large.outcome = Value::String("x".repeat(MAX_OUTCOME_BYTES - 1));
    let refused = storage.remember(large).await;
    assert!(
        matches!(refused, Err(StorageError::Excess(Excess::TooLarge { .. }))),
        "{refused:?}"
    );
    let mut deep = entry("key", None);
    deep.outcome = (0..=MAX_JSON_DEPTH).fold(json!(1), |inner, _| json!([inner]));
    let refused = storage.remember(deep).await;
    assert!(
        matches!(refused, Err(StorageError::Excess(Excess::TooDeep { .. }))),
        "{refused:?}"
    );
    let key = entry("key", None).key;
    assert_eq!(storage.idempotency(None, &key).await.unwrap(), None);
}

pub async fn of_many_that_remember_one_key_at_once_exactly_one_does(storage: Subject) {
    let mut callers = Vec::new();
    for n in 0..32 {
        let storage = storage.handle();
        callers.push(tokio::spawn(async move {
            let mut entry = entry("key", None);
            entry.outcome = json!(n);
            (n, storage.remember(entry).await)
        }));
    }
    let mut winners = Vec::new();
    for caller in callers {
        match caller.await.unwrap() {
            (n, Ok(())) => winners.push(json!(n)),
            (_, refused) => assert_eq!(refused, Err(StorageError::KeyUsed { key: "key".into() })),
        }
    }
    let kept = storage.idempotency(None, &entry("key", None).key).await.unwrap();
    let outcomes: Vec<_> = kept.into_iter().map(|kept| kept.outcome).collect();
    assert_eq!(winners, outcomes);
}

pub async fn a_key_is_kept_until_it_expires_by_the_store_s_clock(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let now = storage.campaign(story.id).await.unwrap().now;
    let ending = |key, campaign| IdempotencyEntry {
        expires_at: now.plus_ms(60_000),
        ..entry(key, campaign)
    };
    let (own, whole) = (ending("own", Some(story.id)), ending("whole", None));
    let mut change = story.transition(mode_change());
    change.idempotency = Some(own.clone());
    story.commit(&*storage, change).await;
    storage.remember(whole.clone()).await.unwrap();
    storage.advance(Duration::from_secs(30)).await;
    for kept in [&own, &whole] {
        let found = storage.idempotency(kept.campaign, &kept.key).await;
        assert_eq!(found, Ok(Some(kept.clone())));
    }
    assert!(storage.remember(whole.clone()).await.is_err());
    storage.advance(Duration::from_secs(30)).await;
    for kept in [&own, &whole] {
        assert_eq!(storage.idempotency(kept.campaign, &kept.key).await, Ok(None));
    }
    let mut change = story.transition(mode_change());
    change.idempotency = Some(entry("own", Some(story.id)));
    story.commit(&*storage, change).await;
    storage.remember(entry("whole", None)).await.unwrap();
}
