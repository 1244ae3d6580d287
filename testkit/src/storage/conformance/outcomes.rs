//! Looking up whether a write was done.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use phasegate_core::storage::{Expected, WriteRef};
use phasegate_core::{Attempt, CampaignId, CommitId, Digest, EventKind, Mode, Version};
use serde_json::json;

use super::idempotency::entry;
use super::output::numbered;
use super::resources::{resource, write};
use super::{Story, Subject};

pub async fn a_commit_is_found_by_its_id_and_the_version_it_followed(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let started = story.start("first");
    let mode = EventKind::ModeChanged {
        mode: Mode::FullSequence,
    };
    let transition = story.transition(vec![mode, started]);
    let (write, commit) = (transition.write_ref(), transition.commit_id);
    assert_eq!(storage.outcome(&write).await, Ok(false), "not yet");
    story.commit(&*storage, transition).await;

    assert_eq!(storage.outcome(&write).await, Ok(true));
    let unknown = CommitId::from_u128(u128::MAX);
    for (campaign, expected_version, id) in [
        (story.id, Version(0), commit),
        (story.id, Version(u64::MAX), commit),
        (story.id, Version(1), unknown),
        (CampaignId::from_u128(2), Version(1), commit),
    ] {
        let other = WriteRef::Commit {
            campaign,
            expected_version,
            id,
        };
        assert_eq!(storage.outcome(&other).await, Ok(false), "{other:?}");
    }
    story.tell(&*storage, vec![story.stop("first")]).await;
    assert_eq!(
        storage.outcome(&write).await,
        Ok(true),
        "also when it is not the latest"
    );
}

pub async fn a_commit_without_events_counts_as_not_done(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let mut transition = story.transition(vec![]);
    transition.idempotency = Some(entry("key", Some(story.id)));
    let write = transition.write_ref();
    story.commit(&*storage, transition).await;
    assert_eq!(storage.outcome(&write).await, Ok(false));
    assert_eq!(storage.outcome(&WriteRef::Leases {}).await, Ok(false));
}

pub async fn a_deletion_is_found_by_its_commit_id(storage: Subject) {
    let mode = EventKind::ModeChanged {
        mode: Mode::FullSequence,
    };
    let alone = vec![EventKind::CampaignDeleted {}];
    let after_another = vec![mode, EventKind::CampaignDeleted {}];
    for (id, kinds) in (1..).zip([alone, after_another]) {
        let mut story = Story::running(&*storage, id).await;
        let deletion = story.transition(kinds);
        let (write, expected_version) = (deletion.write_ref(), story.version);
        assert_eq!(storage.outcome(&write).await, Ok(false), "not yet");
        story.commit(&*storage, deletion).await;
        assert_eq!(storage.outcome(&write).await, Ok(true));
        let unknown = WriteRef::Commit {
            campaign: story.id,
            expected_version,
            id: CommitId::from_u128(u128::MAX),
        };
        assert_eq!(storage.outcome(&unknown).await, Ok(false));
    }
}

pub async fn the_latest_batch_is_found_by_its_attempt_and_its_digest(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    let first = story.output(1, numbered(0, 1));
    assert_eq!(storage.outcome(&first.write_ref()).await, Ok(false));
    storage.append(first.clone()).await.unwrap();
    assert_eq!(storage.outcome(&first.write_ref()).await, Ok(true));
    let mut different = [
        story.output(1, numbered(0, 2)),
        story.output(2, numbered(0, 1)),
        first.clone(),
    ];
    different[2].ticket.attempt = Attempt(2);
    for other in different {
        assert_eq!(storage.outcome(&other.write_ref()).await, Ok(false), "{other:?}");
    }
    let second = story.output(2, numbered(1, 1));
    storage.append(second.clone()).await.unwrap();
    assert_eq!(storage.outcome(&second.write_ref()).await, Ok(true));
    assert_eq!(
        storage.outcome(&first.write_ref()).await,
        Ok(false),
        "it is not the latest"
    );
    story.tell(&*storage, vec![story.stop("first")]).await;
    assert_eq!(
        storage.outcome(&second.write_ref()).await,
        Ok(true),
        "also when nothing runs"
    );
}

pub async fn the_latest_write_of_a_resource_is_found_by_its_id(storage: Subject) {
    let proxy = resource("proxy", "one");
    let put = write(&proxy, Expected::Any, Some(json!(1)));
    assert_eq!(storage.outcome(&put.write_ref()).await, Ok(false));
    storage.write_resource(put.clone()).await.unwrap();
    assert_eq!(storage.outcome(&put.write_ref()).await, Ok(true));
    let refused = write(&proxy, Expected::Absent, Some(json!(2)));
    storage.write_resource(refused.clone()).await.unwrap_err();
    assert_eq!(storage.outcome(&refused.write_ref()).await, Ok(false));
    let delete = write(&proxy, Expected::Any, None);
    storage.write_resource(delete.clone()).await.unwrap();
    assert_eq!(storage.outcome(&delete.write_ref()).await, Ok(true));
    assert_eq!(
        storage.outcome(&put.write_ref()).await,
        Ok(false),
        "it is not the latest"
    );
    let mut elsewhere = delete;
    elsewhere.resource = resource("proxy", "two");
    assert_eq!(storage.outcome(&elsewhere.write_ref()).await, Ok(false));
}

pub async fn a_remembered_key_and_a_kept_cursor_are_found(storage: Subject) {
    let kept = entry("key", None);
    let key = WriteRef::Key {
        key: kept.key.clone(),
        command: kept.command,
    };
    assert_eq!(storage.outcome(&key).await, Ok(false));
    storage.remember(kept.clone()).await.unwrap();
    assert_eq!(storage.outcome(&key).await, Ok(true));
    let another = WriteRef::Key {
        key: kept.key,
        command: Digest::of(&json!("another")),
    };
    assert_eq!(storage.outcome(&another).await, Ok(false));

    let mut story = Story::created(&*storage, 1).await;
    let cursor = storage.latest().await.unwrap().unwrap();
    let name = String::from("hook");
    let kept = WriteRef::Cursor { name, cursor };
    assert_eq!(storage.outcome(&kept).await, Ok(false));
    let WriteRef::Cursor { name, cursor } = &kept else {
        return;
    };
    storage.set_cursor(name, cursor.clone()).await.unwrap();
    assert_eq!(storage.outcome(&kept).await, Ok(true));
    story.tell(&*storage, vec![story.start("first")]).await;
    let newer = storage.latest().await.unwrap().unwrap();
    storage.set_cursor(name, newer).await.unwrap();
    assert_eq!(storage.outcome(&kept).await, Ok(false), "another is kept now");
}
