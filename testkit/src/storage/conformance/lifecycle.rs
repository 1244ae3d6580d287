//! Closing, and what outlives a close.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use phasegate_core::storage::{ChangeScope, EventScope, Expected, StorageError};
use phasegate_core::{EventKind, Mode, Revision, Run, Version};
use serde_json::Value;

use super::idempotency::entry;
use super::resources::{self, resource};
use super::subject::WAIT;
use super::{Story, Subject, phase};

fn mode_change() -> Vec<EventKind> {
    vec![EventKind::ModeChanged {
        mode: Mode::FullSequence,
    }]
}

pub async fn a_closed_store_refuses_everything(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let seen = storage.latest().await.unwrap();
    storage.close().await.unwrap();

    let (id, first) = (story.id, phase("first"));
    let transition = story.transition(mode_change());
    let write = transition.write_ref();
    let tickets = [story.ticket()];
    let (owner, ttl) = (story.owner, Story::TTL);
    let proxy = resource("proxy", "one");
    let key = entry("key", None).key;
    let scope = ChangeScope::Store;
    let closed = Some(StorageError::Closed);
    assert_eq!(storage.commit(transition).await.err(), closed);
    assert_eq!(storage.append(story.output(1, vec![])).await.err(), closed);
    let put = resources::write(&proxy, Expected::Any, Some(Value::Null));
    assert_eq!(storage.write_resource(put).await.err(), closed);
    assert_eq!(storage.remember(entry("key", None)).await.err(), closed);
    assert_eq!(
        storage.set_cursor("hook", seen.clone().unwrap()).await.err(),
        closed
    );
    assert_eq!(storage.cursor("hook").await.err(), closed);
    assert_eq!(storage.outcome(&write).await.err(), closed);
    assert_eq!(storage.idempotency(None, &key).await.err(), closed);
    assert_eq!(storage.campaign(id).await.err(), closed);
    assert_eq!(storage.campaigns(Default::default()).await.err(), closed);
    assert_eq!(storage.config(id, &first, Revision(1)).await.err(), closed);
    assert_eq!(storage.events(EventScope::Store, None, 1).await.err(), closed);
    assert_eq!(storage.event(id, Version(1)).await.err(), closed);
    assert_eq!(storage.runs(id, &first, Run(0), 1).await.err(), closed);
    assert_eq!(storage.run_output(id, &first, Run(1)).await.err(), closed);
    assert_eq!(storage.records(id, &first, Run(1), 0, 1).await.err(), closed);
    assert_eq!(storage.resource(&proxy).await.err(), closed);
    assert_eq!(storage.resources(&proxy.kind, None, 1).await.err(), closed);
    assert_eq!(
        storage.due(owner, &[Story::pipeline()], ttl, 1).await.err(),
        closed
    );
    assert_eq!(storage.renew(owner, ttl, &tickets).await.err(), closed);
    assert_eq!(storage.release(owner, &tickets).await.err(), closed);
    assert_eq!(storage.token_secret().await.err(), closed);
    assert_eq!(storage.changed(scope, seen, WAIT).await.err(), closed);
    assert_eq!(storage.changed(scope, None, WAIT).await.err(), closed);
    assert_eq!(storage.latest().await.err(), closed);
    assert_eq!(storage.close().await, Ok(()), "closing again is harmless");
}

pub async fn a_dropped_write_is_there_or_not_and_the_store_goes_on(storage: Subject) {
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
                assert_eq!(storage.outcome(&transition.write_ref()).await, Ok(true));
            }
            Err(other) => panic!("{other}"),
        }
        story.accept(&transition);
        let stored = storage.campaign(story.id).await.unwrap().campaign;
        assert_eq!(stored, story.campaign);
    }
}
