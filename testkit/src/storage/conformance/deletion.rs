//! What a deletion removes, and what remains.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use phasegate_core::storage::{CampaignFilter, CampaignQuery, EventScope, Storage, StorageError};
use phasegate_core::{EventKind, Mode, Revision, Run, Version};
use serde_json::json;

use super::idempotency::entry;
use super::{Story, Subject, phase};

/// A running campaign with a config and records, and the transition that deletes it.
async fn doomed(storage: &dyn Storage) -> (Story, phasegate_core::storage::Transition) {
    let mut story = Story::running(storage, 1).await;
    let mut transition = story.configuration("second", json!({"secret": true}));
    transition.idempotency = Some(entry("before", Some(story.id)));
    story.commit(storage, transition).await;
    storage
        .append(story.output(1, vec!["1".into(), "2".into()]))
        .await
        .unwrap();
    let mut deletion = story.transition(vec![EventKind::CampaignDeleted {}]);
    deletion.idempotency = Some(entry("deletion", Some(story.id)));
    (story, deletion)
}

pub async fn of_a_deleted_campaign_only_the_deletion_remains(storage: Subject) {
    let (mut story, deletion) = doomed(&*storage).await;
    let committed = story.commit(&*storage, deletion).await;
    assert_eq!(committed.version, Version(4));

    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, None);
    for filter in [
        CampaignFilter::default(),
        CampaignFilter {
            name: Some("campaign".into()),
            ..CampaignFilter::default()
        },
        CampaignFilter {
            mode: Some(Mode::StepByStep),
            ..CampaignFilter::default()
        },
    ] {
        let query = CampaignQuery {
            filter,
            ..CampaignQuery::default()
        };
        assert!(storage.campaigns(query).await.unwrap().items.is_empty());
    }
    assert_eq!(
        storage
            .config(story.id, &phase("second"), Revision(3))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        storage
            .run_output(story.id, &phase("first"), Run(1))
            .await
            .unwrap(),
        None
    );
    let records = storage
        .records(story.id, &phase("first"), Run(1), 0, 10)
        .await
        .unwrap();
    assert!(records.records.is_empty() && records.next.is_none());
    for scope in [EventScope::Store, EventScope::Campaign(story.id)] {
        let page = storage.events(scope, None, 10).await.unwrap();
        assert_eq!(page.items.len(), 1, "{scope:?}");
        assert_eq!(page.items[0].event.kind, EventKind::CampaignDeleted {});
        assert_eq!(page.items[0].seq, Some(Version(4)));
        assert_eq!(Some(page.items[0].cursor.clone()), committed.cursor);
        let after = storage.events(scope, committed.cursor.clone(), 10).await.unwrap();
        assert!(after.items.is_empty());
    }
    assert_eq!(storage.latest().await.unwrap(), committed.cursor);
}

pub async fn a_deleted_id_is_never_used_again(storage: Subject) {
    let (mut story, deletion) = doomed(&*storage).await;
    story.commit(&*storage, deletion).await;
    let again = Story::new(1).transition(vec![Story::creation("again", Mode::StepByStep)]);
    let conflict = |expected| StorageError::Conflict {
        campaign: story.id,
        expected,
        actual: Version(4),
    };
    assert_eq!(storage.commit(again).await, Err(conflict(Version(0))));
    story.campaign = None;
    let mut nothing = story.transition(vec![]);
    assert_eq!(storage.commit(nothing.clone()).await, Err(conflict(Version(4))));
    nothing.expected_version = Version(0);
    assert_eq!(storage.commit(nothing).await, Err(conflict(Version(0))));
}

pub async fn a_deletion_leaves_other_campaigns_alone(storage: Subject) {
    let before = Story::running(&*storage, 0).await;
    storage.append(before.output(1, vec!["7".into()])).await.unwrap();
    let (mut story, deletion) = doomed(&*storage).await;
    let mut after = Story::running(&*storage, 2).await;
    storage.append(after.output(1, vec!["8".into()])).await.unwrap();
    story.commit(&*storage, deletion).await;
    after
        .tell(
            &*storage,
            vec![EventKind::ModeChanged {
                mode: Mode::FullSequence,
            }],
        )
        .await;

    for (other, record) in [(&before, "7"), (&after, "8")] {
        assert_eq!(storage.campaign(other.id).await.unwrap().campaign, other.campaign);
        let page = storage
            .events(EventScope::Campaign(other.id), None, 10)
            .await
            .unwrap();
        let events: Vec<_> = page.items.into_iter().map(|logged| logged.event).collect();
        assert_eq!(events, other.events);
        let page = storage
            .records(other.id, &phase("first"), Run(1), 0, 10)
            .await
            .unwrap();
        assert_eq!(
            page.records.iter().map(|record| record.get()).collect::<Vec<_>>(),
            [record]
        );
    }
    let all = storage.events(EventScope::Store, None, 100).await.unwrap();
    assert_eq!(all.items.len(), 2 + 3 + 1);
}

pub async fn a_deleted_campaign_takes_no_output(storage: Subject) {
    let (mut story, deletion) = doomed(&*storage).await;
    let late = story.output(2, vec!["3".into()]);
    story.commit(&*storage, deletion).await;
    let ticket = late.ticket.clone();
    assert_eq!(
        storage.append(late).await,
        Err(StorageError::StaleTicket { ticket })
    );
}

pub async fn a_deletion_keeps_its_own_idempotency_key_and_no_other(storage: Subject) {
    let (mut story, deletion) = doomed(&*storage).await;
    let (own, other) = (entry("deletion", Some(story.id)), entry("before", Some(story.id)));
    let stored = storage.idempotency(Some(story.id), &other.key).await.unwrap();
    assert_eq!(stored, Some(other.clone()));
    story.commit(&*storage, deletion).await;
    assert_eq!(
        storage.idempotency(Some(story.id), &own.key).await.unwrap(),
        Some(own)
    );
    assert_eq!(
        storage.idempotency(Some(story.id), &other.key).await.unwrap(),
        None
    );
}
