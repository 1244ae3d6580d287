//! Waiting for what happens next.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use phasegate_core::storage::{ChangeScope, Cursor, Expected, Storage, StorageError};
use phasegate_core::{CampaignId, EventKind, Mode, Timestamp};
use serde_json::json;

use super::resources::{resource, write};
use super::subject::WAIT;
use super::{Story, Subject};

fn mode_change() -> Vec<EventKind> {
    vec![EventKind::ModeChanged {
        mode: Mode::FullSequence,
    }]
}

/// Whether there is an event of `scope` after a cursor now.
async fn is_there(storage: &dyn Storage, scope: ChangeScope, after: Option<Cursor>) -> bool {
    storage.changed(scope, after, Duration::ZERO).await.unwrap()
}

pub async fn a_wait_ends_at_once_when_there_is_something_newer(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    for scope in [ChangeScope::Store, ChangeScope::Campaign(story.id)] {
        assert!(is_there(&*storage, scope, None).await);
        let seen = storage.latest().await.unwrap();
        assert!(!is_there(&*storage, scope, seen.clone()).await);
        story.tell(&*storage, mode_change()).await;
        assert_eq!(storage.changed(scope, seen, WAIT).await, Ok(true));
    }
}

pub async fn a_wait_ends_with_the_next_event(storage: Subject) {
    let mut story = Story::new(1);
    for kinds in [vec![Story::creation("campaign", Mode::StepByStep)], mode_change()] {
        let seen = storage.latest().await.unwrap();
        let mut whole = pin!(storage.changed(ChangeScope::Store, seen.clone(), WAIT));
        let mut own = pin!(storage.changed(ChangeScope::Campaign(story.id), seen, WAIT));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(whole.as_mut().poll(&mut context), Poll::Pending));
        assert!(matches!(own.as_mut().poll(&mut context), Poll::Pending));
        story.tell(&*storage, kinds).await;
        assert_eq!(whole.await, Ok(true));
        assert_eq!(own.await, Ok(true));
    }
}

pub async fn a_wait_for_one_campaign_heeds_no_other_event(storage: Subject) {
    let story = Story::created(&*storage, 1).await;
    let scope = ChangeScope::Campaign(story.id);
    let seen = storage.latest().await.unwrap();
    let mut other = Story::created(&*storage, 2).await;
    let put = write(&resource("proxy", "one"), Expected::Any, Some(json!(1)));
    storage.write_resource(put).await.unwrap();
    assert!(!is_there(&*storage, scope, seen.clone()).await);
    assert!(!is_there(&*storage, ChangeScope::Campaign(CampaignId::from_u128(9)), None).await);
    let at_most = Duration::from_millis(50);
    let begun = Instant::now();
    let mut waiting = pin!(storage.changed(scope, seen, at_most));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Pending));
    other.tell(&*storage, mode_change()).await;
    assert_eq!(waiting.await, Ok(false));
    assert!(begun.elapsed() >= at_most, "it ended before its time");
}

pub async fn a_wait_for_rest_ends_when_nothing_of_the_campaign_is_under_way(storage: Subject) {
    let storage = &*storage;
    let nobody = ChangeScope::Rest(CampaignId::from_u128(9));
    assert!(is_there(storage, nobody, storage.latest().await.unwrap()).await);
    let mut story = Story::created(storage, 1).await;
    let rest = ChangeScope::Rest(story.id);
    assert!(is_there(storage, rest, storage.latest().await.unwrap()).await);
    let later = Timestamp::from_unix_ms(i64::from(u32::MAX) * 1_000);
    for last in [story.failure("first", None), EventKind::CampaignDeleted {}] {
        let start = story.start("first");
        story.tell(storage, vec![start]).await;
        let mut waiting = pin!(storage.changed(rest, None, WAIT));
        let mut context = Context::from_waker(Waker::noop());
        let mut goes_on = || matches!(waiting.as_mut().poll(&mut context), Poll::Pending);
        assert!(goes_on());
        for kind in [
            story.pause_request("first"),
            story.deferral("first", None),
            story.failure("first", Some(later)),
        ] {
            let name = kind.name();
            story.tell(storage, vec![kind]).await;
            assert!(!is_there(storage, rest, None).await, "{name}");
            assert!(goes_on(), "{name}");
        }
        story.tell(storage, vec![last]).await;
        assert_eq!(waiting.await, Ok(true));
        assert!(is_there(storage, rest, None).await);
    }
}

pub async fn a_wait_for_the_store_ends_with_an_event_of_a_resource(storage: Subject) {
    Story::created(&*storage, 1).await;
    let seen = storage.latest().await.unwrap();
    let mut waiting = pin!(storage.changed(ChangeScope::Store, seen, WAIT));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Pending));
    let put = write(&resource("proxy", "one"), Expected::Any, Some(json!(1)));
    storage.write_resource(put).await.unwrap();
    assert_eq!(waiting.await, Ok(true));
}

pub async fn a_wait_is_by_a_monotonic_clock(storage: Subject) {
    Story::created(&*storage, 1).await;
    let seen = storage.latest().await.unwrap();
    let mut waiting = pin!(storage.changed(ChangeScope::Store, seen, Duration::from_millis(50)));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Pending));
    storage.advance(Duration::from_secs(60 * 60)).await;
    assert!(
        matches!(waiting.as_mut().poll(&mut context), Poll::Pending),
        "the store's clock is another"
    );
    assert_eq!(waiting.await, Ok(false));
}

pub async fn a_wait_may_be_as_long_as_there_is_time(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let seen = storage.latest().await.unwrap();
    let mut waiting = pin!(storage.changed(ChangeScope::Store, seen, Duration::MAX));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Pending));
    story.tell(&*storage, mode_change()).await;
    assert_eq!(
        tokio::time::timeout(WAIT, waiting).await.expect("it ends"),
        Ok(true)
    );
}

pub async fn a_wait_ends_when_the_store_is_closed(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let seen = storage.latest().await.unwrap();
    let mark = storage.due(story.owner, &[], Story::TTL, 1).await.unwrap().mark;
    let mut waits = [
        Box::pin(storage.changed(ChangeScope::Store, seen.clone(), WAIT)),
        Box::pin(storage.changed(ChangeScope::Campaign(story.id), seen, WAIT)),
        Box::pin(storage.changed(ChangeScope::Rest(story.id), None, WAIT)),
        Box::pin(storage.changed(ChangeScope::Due { mark }, None, WAIT)),
    ];
    let mut context = Context::from_waker(Waker::noop());
    for wait in &mut waits {
        assert!(matches!(wait.as_mut().poll(&mut context), Poll::Pending));
    }
    storage.close().await.unwrap();
    for wait in waits {
        assert_eq!(wait.await, Err(StorageError::Closed));
    }
}
