//! Waiting, closing, claiming.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use phasegate_core::storage::{Claim, EventScope, Storage, StorageError};
use phasegate_core::{EventKind, Mode, OwnerId, Run, Version};

use super::idempotency::entry;
use super::{Story, phase};

fn mode_change() -> Vec<EventKind> {
    vec![EventKind::ModeChanged {
        mode: Mode::FullSequence,
    }]
}

pub async fn changes_resolves_at_once_when_there_is_something_newer(storage: Arc<dyn Storage>) {
    let mut story = Story::created(&*storage, 1).await;
    storage.changes(None).await.unwrap();
    let seen = storage.latest().await.unwrap();
    story.tell(&*storage, mode_change()).await;
    storage.changes(seen).await.unwrap();
}

pub async fn changes_waits_for_the_next_event(storage: Arc<dyn Storage>) {
    let mut story = Story::new(1);
    for kinds in [vec![Story::creation("campaign", Mode::StepByStep)], mode_change()] {
        let seen = storage.latest().await.unwrap();
        let mut waiting = pin!(storage.changes(seen));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Pending));
        story.tell(&*storage, kinds).await;
        waiting.await.unwrap();
    }
}

pub async fn changes_ends_when_the_store_is_closed(storage: Arc<dyn Storage>) {
    Story::created(&*storage, 1).await;
    let seen = storage.latest().await.unwrap();
    let mut waiting = pin!(storage.changes(seen));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Pending));
    storage.close().await.unwrap();
    assert_eq!(waiting.await, Err(StorageError::Closed));
}

pub async fn a_closed_store_refuses_everything(storage: Arc<dyn Storage>) {
    let story = Story::running(&*storage, 1).await;
    let seen = storage.latest().await.unwrap();
    storage.close().await.unwrap();

    let (id, first) = (story.id, phase("first"));
    let transition = story.transition(mode_change());
    let commit_id = transition.commit_id;
    let ticket = story.output(1, vec![]).ticket;
    let owner = OwnerId::from_u128(1);
    let closed = Some(StorageError::Closed);
    assert_eq!(storage.commit(transition).await.err(), closed);
    assert_eq!(storage.append(story.output(1, vec![])).await.err(), closed);
    assert_eq!(storage.remember(entry("key", None)).await.err(), closed);
    assert_eq!(storage.committed(id, Version(0), commit_id).await.err(), closed);
    assert_eq!(storage.campaign(id).await.err(), closed);
    assert_eq!(storage.campaigns(Default::default()).await.err(), closed);
    assert_eq!(storage.events(EventScope::Store, None, 1).await.err(), closed);
    assert_eq!(storage.run_output(id, &first, Run(1)).await.err(), closed);
    assert_eq!(storage.records(id, &first, Run(1), 0, 1).await.err(), closed);
    assert_eq!(storage.changes(seen).await.err(), closed);
    assert_eq!(storage.changes(None).await.err(), closed);
    assert_eq!(storage.latest().await.err(), closed);
    assert_eq!(storage.claim(&ticket, owner).await.err(), closed);
    assert_eq!(storage.heartbeat(owner).await.err(), closed);
    assert_eq!(storage.close().await, Ok(()), "closing again is harmless");
}

pub async fn an_attempt_can_be_claimed(storage: Arc<dyn Storage>) {
    let story = Story::running(&*storage, 1).await;
    let ticket = story.output(1, vec![]).ticket;
    let owner = OwnerId::from_u128(1);
    assert_eq!(storage.claim(&ticket, owner).await, Ok(Claim::Granted));
    assert_eq!(storage.heartbeat(owner).await, Ok(()));
    assert_eq!(
        storage.claim(&ticket, owner).await,
        Ok(Claim::Granted),
        "its own again"
    );
}

pub async fn a_dropped_write_is_there_or_not_and_the_store_goes_on(storage: Arc<dyn Storage>) {
    let mut story = Story::created(&*storage, 1).await;
    for _ in 0..20 {
        let transition = story.transition(mode_change());
        {
            let mut write = pin!(storage.commit(transition.clone()));
            let mut context = Context::from_waker(Waker::noop());
            let _ = write.as_mut().poll(&mut context);
        }
        // Either this commit or the dropped one is there. Both have the same events.
        match storage.commit(story.transition(mode_change())).await {
            Ok(_) => {}
            Err(StorageError::Conflict { .. }) => {
                assert!(
                    storage
                        .committed(story.id, story.version, transition.commit_id)
                        .await
                        .unwrap()
                );
            }
            Err(other) => panic!("{other}"),
        }
        story.accept(&transition);
        let stored = storage.campaign(story.id).await.unwrap();
        assert_eq!(stored, story.campaign);
    }
}
