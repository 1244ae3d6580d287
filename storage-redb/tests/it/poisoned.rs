//! A store in which a write failed: it acknowledges nothing, and nobody waits for ever.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use phasegate_core::storage::{
    ChangeScope, Cursor, EventScope, IdempotencyEntry, IdempotencyKey, Storage, StorageError,
};
use phasegate_core::{Digest, EventKind, Mode, OwnerId, Revision, Run, Timestamp, Version};
use phasegate_storage_redb::RedbStorage;
use phasegate_storage_redb::testing::CrashBackend;
use phasegate_testkit::storage::conformance::{Story, phase};
use serde_json::json;

use crate::sample;

fn mode_change() -> Vec<EventKind> {
    vec![EventKind::ModeChanged {
        mode: Mode::FullSequence,
    }]
}

/// A disk and a store on it that rests, with one campaign whose first phase is running.
async fn a_store() -> (CrashBackend, RedbStorage, Story) {
    let disk = CrashBackend::new();
    let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
    let story = Story::running(&storage, 1).await;
    (disk, storage, story)
}

fn remembered(key: &str) -> IdempotencyEntry {
    IdempotencyEntry {
        key: IdempotencyKey::new(key).unwrap(),
        campaign: None,
        command: Digest::of(&json!(key)),
        outcome: json!(key),
        expires_at: Timestamp::from_unix_ms(i64::MAX),
    }
}

fn is_unknown<T>(result: &Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::OutcomeUnknown { .. }))
}

/// Whether the answer says that a write failed, and to open the store anew.
fn is_unavailable<T>(result: &Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::Unavailable { reason }) if reason.contains("open the store anew"))
}

/// Waits for an event of the store, for as long as it takes.
async fn changed(storage: &RedbStorage, after: Option<Cursor>) -> Result<bool, StorageError> {
    storage.changed(ChangeScope::Store, after, Duration::MAX).await
}

fn is_pending(future: std::pin::Pin<&mut impl Future>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    matches!(future.poll(&mut context), Poll::Pending)
}

#[tokio::test]
async fn who_waits_for_changes_is_told_of_the_failed_write() {
    let (disk, storage, story) = a_store().await;
    let seen = storage.latest().await.unwrap();
    let mut waiting = pin!(changed(&storage, seen.clone()));
    assert!(is_pending(waiting.as_mut()));
    let elsewhere = storage.clone();
    let other = tokio::spawn(async move { changed(&elsewhere, seen).await });
    disk.fail_after(1);
    let failed = storage.commit(story.transition(mode_change())).await;
    assert!(is_unknown(&failed), "{failed:?}");
    let (waited, other) = (waiting.await, other.await.unwrap());
    assert!(is_unavailable(&waited), "{waited:?}");
    assert!(is_unavailable(&other), "{other:?}");
}

#[tokio::test]
async fn who_waits_for_changes_is_told_when_work_that_nobody_waits_for_fails() {
    for n in 1..200 {
        let (disk, storage, story) = a_store().await;
        // The space of a deleted campaign is reclaimed in commits of their own, after the deletion's.
        storage.append(story.output(1, vec!["1".into()])).await.unwrap();
        disk.fail_after(n);
        let deletion = story.transition(vec![EventKind::CampaignDeleted {}]);
        let Ok(committed) = storage.commit(deletion).await else {
            continue;
        };
        let seen = committed.cursor;
        let waited = changed(&storage, seen).await;
        assert!(is_unavailable(&waited), "{waited:?}");
        return;
    }
    panic!("no failure met the reclaiming");
}

#[tokio::test]
async fn every_call_is_refused_until_the_store_is_opened_anew() {
    let (disk, storage, story) = a_store().await;
    let before = story.campaign.clone();
    let transition = story.transition(mode_change());
    let (write, after) = (transition.write_ref(), transition.snapshot.clone());
    disk.fail_after(1);
    let failed = storage.commit(transition).await;
    assert!(is_unknown(&failed), "{failed:?}");

    let (id, first) = (story.id, phase("first"));
    let resource = sample::resource(sample::RESOURCES[0]);
    let (owner, ttl) = (OwnerId::from_u128(1), Duration::from_secs(1));
    let tickets = [story.ticket()];
    for _ in 0..3 {
        let commit = storage.commit(story.transition(mode_change())).await;
        assert!(is_unavailable(&commit), "{commit:?}");
        assert!(is_unavailable(
            &storage.append(story.output(1, vec!["1".into()])).await
        ));
        let write = sample::resource_write(resource.clone(), None);
        assert!(is_unavailable(&storage.write_resource(write).await));
        assert!(is_unavailable(&storage.remember(remembered("key")).await));
        let cursor = Cursor::from_text("r0000000000000001");
        assert!(is_unavailable(&storage.set_cursor("name", cursor).await));
        assert!(is_unavailable(&storage.release(owner, &tickets).await));
    }
    let key = IdempotencyKey::new("key").unwrap();
    let unknown = story.transition(mode_change()).write_ref();
    assert!(is_unavailable(&storage.outcome(&unknown).await));
    assert!(is_unavailable(&storage.cursor("name").await));
    assert!(is_unavailable(&storage.idempotency(None, &key).await));
    assert!(is_unavailable(&storage.campaign(id).await));
    assert!(is_unavailable(&storage.campaigns(Default::default()).await));
    assert!(is_unavailable(&storage.config(id, &first, Revision(1)).await));
    assert!(is_unavailable(&storage.events(EventScope::Store, None, 1).await));
    assert!(is_unavailable(&storage.event(id, Version(1)).await));
    assert!(is_unavailable(&storage.runs(id, &first, Run(0), 1).await));
    assert!(is_unavailable(&storage.run_output(id, &first, Run(1)).await));
    assert!(is_unavailable(&storage.records(id, &first, Run(1), 0, 1).await));
    assert!(is_unavailable(&storage.resource(&resource).await));
    assert!(is_unavailable(&storage.resources(&resource.kind, None, 1).await));
    assert!(is_unavailable(&storage.due(owner, &[], ttl, 1).await));
    assert!(is_unavailable(&storage.renew(owner, ttl, &tickets).await));
    assert!(is_unavailable(&storage.token_secret().await));
    let due = ChangeScope::Due { mark: 0 };
    for scope in [ChangeScope::Store, ChangeScope::Campaign(id), due] {
        assert!(is_unavailable(&storage.changed(scope, None, ttl).await));
    }
    assert!(is_unavailable(&storage.latest().await));
    assert!(is_unavailable(&storage.verify(|_| ()).await));
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.redb");
    assert!(is_unavailable(&storage.backup(&copy, |_| ()).await));
    assert!(!copy.exists());

    // Closing ends, whatever it can still do; after it the store is closed as any other.
    let _ = storage.close().await;
    assert_eq!(storage.campaign(id).await, Err(StorageError::Closed));

    let storage = RedbStorage::with_backend(disk.crash(1)).await.unwrap();
    let is_there = storage.outcome(&write).await.unwrap();
    let expected = if is_there { after } else { before };
    assert_eq!(storage.campaign(id).await.unwrap().campaign, expected);
    let again = storage.commit(story.transition(mode_change())).await;
    assert_eq!(again.is_ok(), !is_there, "{again:?}");
    assert!(storage.verify(|_| ()).await.unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_call_that_is_under_way_when_a_write_fails_comes_to_an_end() {
    for n in [1, 2, 3, 5, 8, 13, 21] {
        let (disk, storage, _story) = a_store().await;
        let seen = storage.latest().await.unwrap();
        let mut calls = Vec::new();
        disk.fail_after(n);
        for id in 10..30 {
            let (storage, seen) = (storage.clone(), seen.clone());
            calls.push(tokio::spawn(async move {
                for m in 0.. {
                    let written = storage.remember(remembered(&format!("{id}-{m}"))).await;
                    assert_ne!(written, Err(StorageError::Closed));
                    // Each answer is an error once the disk has failed; the first of them ends the caller.
                    if storage.latest().await.is_err() {
                        break;
                    }
                }
                while storage.campaigns(Default::default()).await.is_ok() {}
                assert!(changed(&storage, seen).await.is_err());
            }));
        }
        for call in calls {
            call.await.unwrap();
        }
    }
}

#[tokio::test]
async fn reads_and_refusals_write_nothing_that_could_fail() {
    let (disk, storage, story) = a_store().await;
    storage.remember(remembered("used")).await.unwrap();
    let operations = disk.operations();
    storage.campaign(story.id).await.unwrap();
    storage.verify(|_| ()).await.unwrap();
    let conflict = storage
        .commit(Story::new(1).transition(vec![Story::creation("again", Mode::StepByStep)]))
        .await;
    assert!(
        matches!(conflict, Err(StorageError::Conflict { .. })),
        "{conflict:?}"
    );
    let used = storage.remember(remembered("used")).await;
    assert!(matches!(used, Err(StorageError::KeyUsed { .. })), "{used:?}");
    assert_eq!(disk.operations(), operations, "neither reads nor refusals write");
}
