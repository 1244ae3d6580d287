//! Resources and their revisions.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use std::sync::atomic::{AtomicU64, Ordering};

use phasegate_core::storage::{Expected, ExpectedResource, ResourceWrite, StorageError};
use phasegate_core::{
    CommitId, Digest, Envelope, EventKind, Mode, ResourceId, ResourceKind, ResourceRef, Revision,
};
use serde_json::{Value, json};

use super::{Story, Subject};

pub(super) fn resource(kind: &str, id: &str) -> ResourceRef {
    ResourceRef {
        kind: ResourceKind::new(kind).expect("a case names a kind"),
        id: ResourceId::new(id).expect("a case names an id"),
    }
}

static WRITES: AtomicU64 = AtomicU64::new(1);

pub(super) fn write(resource: &ResourceRef, expected: Expected, document: Option<Value>) -> ResourceWrite {
    ResourceWrite {
        id: CommitId::from_u128(WRITES.fetch_add(1, Ordering::Relaxed).into()),
        resource: resource.clone(),
        expected,
        digest: Digest::of(&json!(["without what is only written", document])),
        document,
        envelope: Envelope::none(),
    }
}

pub async fn a_resource_is_written_read_and_deleted(storage: Subject) {
    let proxy = resource("proxy", "one");
    assert_eq!(storage.resource(&proxy).await.unwrap(), None);
    let put = write(&proxy, Expected::Absent, Some(json!({"enabled": false})));
    assert_eq!(storage.write_resource(put).await, Ok(Some(Revision(1))));
    let stored = storage.resource(&proxy).await.unwrap().expect("it is there");
    assert_eq!(
        (stored.revision, &stored.document),
        (Revision(1), &json!({"enabled": false}))
    );
    assert_eq!(stored.resource, proxy);
    let delete = write(&proxy, Expected::Revision(Revision(1)), None);
    assert_eq!(storage.write_resource(delete).await, Ok(None));
    assert_eq!(storage.resource(&proxy).await.unwrap(), None);
    let again = write(&proxy, Expected::Any, None);
    assert_eq!(
        storage.write_resource(again).await,
        Ok(None),
        "one that isn't there"
    );
}

pub async fn revisions_only_grow_also_over_a_deletion(storage: Subject) {
    let proxy = resource("proxy", "one");
    for revision in [1, 2] {
        let put = write(&proxy, Expected::Any, Some(json!(revision)));
        assert_eq!(storage.write_resource(put).await, Ok(Some(Revision(revision))));
    }
    storage
        .write_resource(write(&proxy, Expected::Any, None))
        .await
        .unwrap();
    let put = write(&proxy, Expected::Absent, Some(json!(3)));
    assert_eq!(storage.write_resource(put).await, Ok(Some(Revision(3))));
    let other = write(&resource("proxy", "two"), Expected::Any, Some(json!(1)));
    assert_eq!(storage.write_resource(other).await, Ok(Some(Revision(1))));
}

pub async fn a_resource_that_is_not_as_expected_is_left_alone(storage: Subject) {
    let proxy = resource("proxy", "one");
    let conflict = |actual| {
        let resource = proxy.clone();
        Err(StorageError::ResourceConflict { resource, actual })
    };
    let wrong = write(&proxy, Expected::Revision(Revision(1)), Some(json!(1)));
    assert_eq!(storage.write_resource(wrong).await, conflict(None));
    storage
        .write_resource(write(&proxy, Expected::Any, Some(json!(1))))
        .await
        .unwrap();
    for expected in [Expected::Absent, Expected::Revision(Revision(2))] {
        for document in [None, Some(json!(2))] {
            let refused = storage.write_resource(write(&proxy, expected, document)).await;
            assert_eq!(refused, conflict(Some(Revision(1))));
        }
    }
    assert_eq!(
        storage
            .resource(&proxy)
            .await
            .unwrap()
            .map(|stored| stored.document),
        Some(json!(1))
    );
}

pub async fn a_commit_expects_its_resources(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let (there, absent) = (resource("proxy", "one"), resource("proxy", "two"));
    storage
        .write_resource(write(&there, Expected::Any, Some(json!(1))))
        .await
        .unwrap();
    let expected = |one: Option<u64>, two: Option<u64>| {
        let pairs = [(&there, one), (&absent, two)];
        pairs.map(|(resource, revision)| ExpectedResource {
            resource: resource.clone(),
            revision: revision.map(Revision),
        })
    };
    let mut transition = story.transition(vec![EventKind::ModeChanged {
        mode: Mode::FullSequence,
    }]);
    for (wrong, which, actual) in [
        (expected(None, None), &there, Some(Revision(1))),
        (expected(Some(2), None), &there, Some(Revision(1))),
        (expected(Some(1), Some(1)), &absent, None),
    ] {
        transition.expected_resources = wrong.to_vec();
        let resource = which.clone();
        let refused = storage.commit(transition.clone()).await;
        assert_eq!(refused, Err(StorageError::ResourceConflict { resource, actual }));
    }
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);
    transition.expected_resources = expected(Some(1), None).to_vec();
    story.commit(&*storage, transition).await;
}

pub async fn resources_are_paged_by_kind_in_the_order_of_their_ids(storage: Subject) {
    let ids = ["a", "A", "a.b", "a-b", "b", "10", "9", "aa"];
    for kind in ["proxy", "prox", "proxy_2"] {
        for id in ids {
            let put = write(&resource(kind, id), Expected::Any, Some(json!([kind, id])));
            storage.write_resource(put).await.unwrap();
        }
    }
    let mut sorted = ids.map(|id| resource("proxy", id));
    sorted.sort();
    let kind = ResourceKind::new("proxy").expect("it is a kind");
    for limit in [0, 1, 3, 8, 1_000] {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = storage.resources(&kind, after.as_ref(), limit).await.unwrap();
            assert!(page.len() <= limit.max(1));
            let Some(last) = page.last() else { break };
            after = Some(last.resource.id.clone());
            for stored in page {
                assert_eq!(stored.document, json!(["proxy", stored.resource.id.as_str()]));
                all.push(stored.resource);
            }
        }
        assert_eq!(all, sorted);
    }
}
