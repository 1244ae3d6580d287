//! Closing, and what outlives a close.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use phasegate_core::storage::{ChangeScope, EventScope, Expected, StorageError};
use phasegate_core::{EventKind, Mode, Revision, Run, Version};
use serde_json::{Value, json};

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
    assert_eq!(storage.give_back(owner, &[]).await.err(), closed);
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

pub async fn what_was_written_is_there_after_a_close(storage: Subject) {
    let mut storage = storage;
    let mut story = Story::running(&*storage, 1).await;
    let mut config = story.configuration("second", json!({"a": 1}));
    config.idempotency = Some(entry("key", Some(story.id)));
    let commit = config.write_ref();
    story.commit(&*storage, config).await;
    let mut output = story.output(1, vec!["1".into()]);
    output.checkpoint = Some(json!("here"));
    let append = output.write_ref();
    storage.append(output).await.unwrap();
    let proxy = resource("proxy", "one");
    let put = resources::write(&proxy, Expected::Any, Some(json!({"b": 2})));
    let write = put.write_ref();
    storage.write_resource(put).await.unwrap();
    storage.remember(entry("whole", None)).await.unwrap();
    let cursor = storage.latest().await.unwrap().unwrap();
    storage.set_cursor("hook", cursor.clone()).await.unwrap();
    let mut gone = Story::created(&*storage, 2).await;
    gone.tell(&*storage, vec![EventKind::CampaignDeleted {}]).await;
    let events = storage.events(EventScope::Store, None, 100).await.unwrap();
    let run = storage
        .run_output(story.id, &phase("first"), Run(1))
        .await
        .unwrap();
    let secret = storage.token_secret().await.unwrap();

    storage.reopen().await;

    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);
    assert_eq!(storage.campaign(gone.id).await.unwrap().campaign, None);
    assert_eq!(storage.events(EventScope::Store, None, 100).await, Ok(events));
    assert_eq!(
        storage.run_output(story.id, &phase("first"), Run(1)).await,
        Ok(run)
    );
    let page = storage.runs(story.id, &phase("first"), Run(0), 10).await.unwrap();
    assert_eq!(
        page.items.iter().map(|info| info.launched).collect::<Vec<_>>(),
        [Version(2)]
    );
    let page = storage
        .records(story.id, &phase("first"), Run(1), 0, 10)
        .await
        .unwrap();
    assert_eq!(page.records.len(), 1);
    let config = storage.config(story.id, &phase("second"), Revision(3)).await;
    assert_eq!(config, Ok(Some(json!({"a": 1}))));
    let kept = storage.resource(&proxy).await.unwrap();
    assert_eq!(kept.map(|kept| kept.document), Some(json!({"b": 2})));
    for kept in [entry("key", Some(story.id)), entry("whole", None)] {
        let found = storage.idempotency(kept.campaign, &kept.key).await;
        assert_eq!(found, Ok(Some(kept)));
    }
    assert_eq!(storage.cursor("hook").await, Ok(Some(cursor)));
    for write in [commit, append, write] {
        assert_eq!(storage.outcome(&write).await, Ok(true), "{write}");
    }
    assert_eq!(storage.token_secret().await, Ok(secret));
    let again = Story::new(2).transition(vec![Story::creation("again", Mode::StepByStep)]);
    assert!(matches!(
        storage.commit(again).await,
        Err(StorageError::Conflict { .. })
    ));
    let again = resources::write(&proxy, Expected::Any, Some(json!(3)));
    assert_eq!(storage.write_resource(again).await, Ok(Some(Revision(2))));
}

pub async fn the_token_secret_is_drawn_once(storage: Subject) {
    let secret = storage.token_secret().await.unwrap();
    assert_ne!(secret.0, [0; 32]);
    Story::created(&*storage, 1).await;
    assert_eq!(storage.token_secret().await, Ok(secret));
}
