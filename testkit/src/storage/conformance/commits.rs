//! What a commit writes, and what it refuses.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use std::sync::Arc;

use phasegate_core::storage::{EventScope, StorageError};
use phasegate_core::{CampaignId, EventKind, Mode, Revision, Version};
use serde_json::json;

use super::{Story, Subject, phase};

pub async fn a_commit_writes_its_snapshot_its_events_and_its_configs(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let transition = story.configuration("first", json!({"b": [1, null], "a": "ü"}));
    let committed = story.commit(&*storage, transition).await;

    assert_eq!(committed.version, Version(2));
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);
    let config = storage
        .config(story.id, &phase("first"), Revision(2))
        .await
        .unwrap();
    assert_eq!(config, Some(json!({"b": [1, null], "a": "ü"})));
    let page = storage
        .events(EventScope::Campaign(story.id), None, 10)
        .await
        .unwrap();
    let events: Vec<_> = page.items.iter().map(|logged| logged.event.clone()).collect();
    assert_eq!(events, story.events);
    assert_eq!(
        page.items.last().map(|logged| logged.cursor.clone()),
        committed.cursor
    );
    assert_eq!(
        storage.campaign(CampaignId::from_u128(2)).await.unwrap().campaign,
        None
    );
}

pub async fn a_commit_that_follows_another_version_conflicts_and_writes_nothing(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let late = story.configuration("first", json!({"late": true}));
    story
        .tell(
            &*storage,
            vec![EventKind::ModeChanged {
                mode: Mode::FullSequence,
            }],
        )
        .await;

    let refused = storage.commit(late).await;

    let conflict = StorageError::Conflict {
        campaign: story.id,
        expected: Version(1),
        actual: Version(2),
    };
    assert_eq!(refused, Err(conflict));
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);
    let config = storage
        .config(story.id, &phase("first"), Revision(2))
        .await
        .unwrap();
    assert_eq!(config, None);
    let page = storage.events(EventScope::Store, None, 10).await.unwrap();
    assert_eq!(page.items.len(), 2);
}

pub async fn a_campaign_is_created_once(storage: Subject) {
    let story = Story::created(&*storage, 1).await;
    let again = Story::new(1).transition(vec![Story::creation("another", Mode::StepByStep)]);
    let refused = storage.commit(again).await;
    assert!(
        matches!(
            refused,
            Err(StorageError::Conflict {
                actual: Version(1),
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);

    let mut absent = Story::new(2);
    absent.version = Version(1);
    absent.campaign.clone_from(&story.campaign);
    let mut transition = absent.transition(vec![EventKind::ModeChanged {
        mode: Mode::FullSequence,
    }]);
    if let Some(snapshot) = &mut transition.snapshot {
        Arc::make_mut(snapshot).id = absent.id;
    }
    let refused = storage.commit(transition).await;
    assert!(
        matches!(
            refused,
            Err(StorageError::Conflict {
                actual: Version(0),
                ..
            })
        ),
        "{refused:?}"
    );
}

pub async fn a_transition_that_contradicts_itself_is_refused(storage: Subject) {
    let story = Story::created(&*storage, 1).await;
    let good = story.transition(vec![EventKind::ModeChanged {
        mode: Mode::FullSequence,
    }]);
    let mut of_another = good.clone();
    of_another.campaign = CampaignId::from_u128(9);
    let mut wrong_version = good.clone();
    wrong_version.events.push(good.events[0].clone());
    let mut without_snapshot = good.clone();
    without_snapshot.snapshot = None;
    for transition in [of_another, wrong_version, without_snapshot] {
        let refused = storage.commit(transition).await;
        assert!(
            matches!(refused, Err(StorageError::Contradiction { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);
}

pub async fn of_many_racing_commits_on_one_version_exactly_one_wins(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    for _ in 0..10 {
        let racing = (0..16).map(|_| {
            let storage = storage.handle();
            let transition = story.transition(vec![EventKind::ModeChanged {
                mode: Mode::FullSequence,
            }]);
            tokio::spawn(async move { storage.commit(transition.clone()).await.map(|_| transition) })
        });
        let mut won = Vec::new();
        for task in racing.collect::<Vec<_>>() {
            match task.await.expect("a commit doesn't panic") {
                Ok(transition) => won.push(transition),
                Err(StorageError::Conflict { actual, .. }) => assert_eq!(actual, story.version.next()),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won.len(), 1);
        assert_eq!(storage.outcome(&won[0].write_ref()).await, Ok(true));
        story.accept(&won[0]);
    }
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);
}

pub async fn of_commits_at_the_same_time_a_conflict_fails_alone(storage: Subject) {
    let stale = Story::created(&*storage, 1_000).await;
    let mut newer = stale.clone();
    newer
        .tell(
            &*storage,
            vec![EventKind::ModeChanged {
                mode: Mode::FullSequence,
            }],
        )
        .await;
    let tasks = (0..64).map(|n| {
        let storage = storage.handle();
        let story = if n % 2 == 0 {
            Story::new(n + 1)
        } else {
            stale.clone()
        };
        let kind = match story.campaign {
            None => Story::creation("campaign", Mode::StepByStep),
            Some(_) => EventKind::ModeChanged {
                mode: Mode::FullSequence,
            },
        };
        tokio::spawn(async move { storage.commit(story.transition(vec![kind])).await })
    });
    for (n, task) in tasks.collect::<Vec<_>>().into_iter().enumerate() {
        let result = task.await.expect("a commit doesn't panic");
        assert_eq!(result.is_ok(), n % 2 == 0, "{n}: {result:?}");
    }
    assert_eq!(storage.campaign(newer.id).await.unwrap().campaign, newer.campaign);
}

pub async fn every_revision_of_a_config_is_kept(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    for n in 0..5 {
        let transition = story.configuration("first", json!({"n": n}));
        story.commit(&*storage, transition).await;
    }
    story
        .tell(
            &*storage,
            vec![EventKind::PhaseConfigRemoved {
                phase: phase("first"),
            }],
        )
        .await;
    for n in 0..5 {
        let config = storage
            .config(story.id, &phase("first"), Revision(n + 2))
            .await
            .unwrap();
        assert_eq!(config, Some(json!({"n": n})));
    }
    assert_eq!(
        storage
            .config(story.id, &phase("first"), Revision(7))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        storage
            .config(story.id, &phase("second"), Revision(2))
            .await
            .unwrap(),
        None
    );
}

pub async fn numbers_come_back_exactly(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let numbers = json!([
        5e-324,
        1.797_693_134_862_315_7e308,
        0.1,
        122.416_294_033_786_58,
        u64::MAX,
        i64::MIN,
        -0.0,
        1.0
    ]);
    let transition = story.configuration("first", numbers.clone());
    story.commit(&*storage, transition).await;
    let config = storage
        .config(story.id, &phase("first"), Revision(2))
        .await
        .unwrap();
    assert_eq!(config.map(|config| config.to_string()), Some(numbers.to_string()));
}
