//! The log of a campaign and of the store.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use std::time::Duration;

use phasegate_core::limits::MAX_PAGE_BYTES;
use phasegate_core::storage::{
    ChangeScope, Cursor, EventScope, Expected, LoggedEvent, Storage, StorageError,
};
use phasegate_core::{CampaignId, Envelope, EventKind, Mode, Revision, Version};
use serde_json::json;

use super::resources::{resource, write};
use super::{Story, Subject};

fn mode_change() -> EventKind {
    EventKind::ModeChanged {
        mode: Mode::FullSequence,
    }
}

async fn pages(storage: &dyn Storage, scope: EventScope, limit: usize) -> Vec<LoggedEvent> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = storage.events(scope, after, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        all.extend(page.items);
        after = page.next_cursor;
        if after.is_none() {
            return all;
        }
    }
}

/// Three campaigns whose events are interleaved.
async fn interleaved(storage: &dyn Storage) -> Vec<Story> {
    let mut stories = Vec::new();
    for id in [30, 10, 20] {
        stories.push(Story::created(storage, id).await);
    }
    for round in 0..7 {
        for story in &mut stories {
            story.tell(storage, vec![mode_change(); 1 + round % 2]).await;
        }
    }
    stories
}

pub async fn events_are_numbered_without_gaps_from_1(storage: Subject) {
    for story in interleaved(&*storage).await {
        let logged = pages(&*storage, EventScope::Campaign(story.id), 1_000).await;
        let numbers: Vec<_> = logged
            .iter()
            .filter_map(|event| event.seq)
            .map(|seq| seq.0)
            .collect();
        assert_eq!(numbers, (1..=story.version.0).collect::<Vec<_>>());
        let events: Vec<_> = logged.into_iter().map(|logged| logged.event).collect();
        assert_eq!(events, story.events);
    }
}

pub async fn the_store_wide_log_keeps_the_order_of_commits(storage: Subject) {
    let stories = interleaved(&*storage).await;
    let logged = pages(&*storage, EventScope::Store, 1_000).await;
    let total: u64 = stories.iter().map(|story| story.version.0).sum();
    assert_eq!(logged.len() as u64, total);
    for story in &stories {
        let of_this = logged.iter().filter(|event| event.campaign_id == Some(story.id));
        let numbers: Vec<_> = of_this.filter_map(|event| event.seq).map(|seq| seq.0).collect();
        assert_eq!(numbers, (1..=story.version.0).collect::<Vec<_>>());
    }
    let first: Vec<_> = logged
        .iter()
        .take(3)
        .filter_map(|event| event.campaign_id)
        .collect();
    assert_eq!(first, stories.iter().map(|story| story.id).collect::<Vec<_>>());
}

pub async fn pages_of_events_follow_each_other_and_end(storage: Subject) {
    interleaved(&*storage).await;
    let all = pages(&*storage, EventScope::Store, 1_000).await;
    for limit in [1, 2, 7, all.len(), all.len() + 1] {
        assert_eq!(
            pages(&*storage, EventScope::Store, limit).await,
            all,
            "{limit} a page"
        );
    }
    let end = all.last().map(|event| event.cursor.clone());
    let page = storage.events(EventScope::Store, end, 10).await.unwrap();
    assert!(page.items.is_empty() && page.next_cursor.is_none());
}

pub async fn pages_of_one_campaign_s_events_follow_each_other_and_end(storage: Subject) {
    for story in interleaved(&*storage).await {
        let scope = EventScope::Campaign(story.id);
        let all = pages(&*storage, scope, 1_000).await;
        for limit in [1, 3, all.len()] {
            assert_eq!(pages(&*storage, scope, limit).await, all, "{limit} a page");
        }
    }
    let nobody = EventScope::Campaign(CampaignId::from_u128(1));
    assert!(pages(&*storage, nobody, 10).await.is_empty());
}

pub async fn a_cursor_of_another_campaign_s_event_serves_too(storage: Subject) {
    let stories = interleaved(&*storage).await;
    let all = pages(&*storage, EventScope::Store, 1_000).await;
    for (place, event) in all.iter().enumerate() {
        for story in &stories {
            let scope = EventScope::Campaign(story.id);
            let page = storage
                .events(scope, Some(event.cursor.clone()), 1_000)
                .await
                .unwrap();
            let rest = all[place + 1..]
                .iter()
                .filter(|event| event.campaign_id == Some(story.id));
            assert_eq!(page.items, rest.cloned().collect::<Vec<_>>());
        }
    }
}

pub async fn a_cursor_that_the_store_did_not_make_is_refused(storage: Subject) {
    let story = Story::created(&*storage, 1).await;
    let made = storage.latest().await.unwrap().expect("there is an event");
    let made = made.as_str();
    let wrong = [
        "",
        " ",
        "0",
        "x",
        "-1",
        "18446744073709551616",
        "ffffffffffffffffffffffff",
    ];
    let near = [
        format!("{made} "),
        format!("{made}0"),
        format!("+{made}"),
        made.to_uppercase(),
    ];
    let near = near.into_iter().filter(|text| text != made);
    for text in wrong.map(String::from).into_iter().chain(near) {
        let cursor = Some(Cursor::from_text(text.clone()));
        for scope in [EventScope::Store, EventScope::Campaign(story.id)] {
            let refused = storage.events(scope, cursor.clone(), 1).await;
            assert!(
                matches!(refused, Err(StorageError::InvalidCursor { .. })),
                "{text:?}: {refused:?}"
            );
        }
        for scope in [ChangeScope::Store, ChangeScope::Campaign(story.id)] {
            let refused = storage.changed(scope, cursor.clone(), Duration::ZERO).await;
            assert!(
                matches!(refused, Err(StorageError::InvalidCursor { .. })),
                "{text:?}: {refused:?}"
            );
        }
    }
}

pub async fn the_latest_cursor_is_that_of_the_last_event(storage: Subject) {
    assert_eq!(storage.latest().await.unwrap(), None);
    let mut story = Story::created(&*storage, 1).await;
    let committed = story.tell(&*storage, vec![mode_change(), mode_change()]).await;
    assert!(committed.cursor.is_some());
    assert_eq!(storage.latest().await.unwrap(), committed.cursor);
}

pub async fn one_event_is_read_by_its_number(storage: Subject) {
    for story in interleaved(&*storage).await {
        let logged = pages(&*storage, EventScope::Campaign(story.id), 1_000).await;
        for (seq, expected) in (1..).zip(logged) {
            assert_eq!(storage.event(story.id, Version(seq)).await, Ok(Some(expected)));
        }
        for seq in [Version(0), story.version.next(), Version(u64::MAX)] {
            assert_eq!(storage.event(story.id, seq).await, Ok(None));
        }
    }
    let nobody = CampaignId::from_u128(1);
    assert_eq!(storage.event(nobody, Version(1)).await, Ok(None));
}

pub async fn the_store_wide_log_tells_of_resources(storage: Subject) {
    let story = Story::created(&*storage, 1).await;
    let proxy = resource("proxy", "one");
    let envelope = Envelope::none().by("anna").unwrap().because("spring").unwrap();
    storage.advance(Duration::from_secs(60)).await;
    let before = storage.campaign(story.id).await.unwrap().now;
    let mut put = write(&proxy, Expected::Any, Some(json!({"password": "secret"})));
    put.envelope = envelope.clone();
    let digest = put.digest;
    storage.write_resource(put).await.unwrap();
    let latest = storage.latest().await.unwrap();
    let refused = write(&proxy, Expected::Absent, Some(json!(2)));
    storage.write_resource(refused).await.unwrap_err();
    assert_eq!(
        storage.latest().await.unwrap(),
        latest,
        "a refused write makes no event"
    );
    storage
        .write_resource(write(&proxy, Expected::Any, None))
        .await
        .unwrap();
    let latest = storage.latest().await.unwrap();
    storage
        .write_resource(write(&proxy, Expected::Any, None))
        .await
        .unwrap();
    assert_eq!(
        storage.latest().await.unwrap(),
        latest,
        "there was nothing to delete"
    );
    let after = storage.campaign(story.id).await.unwrap().now;

    let (kind, id, revision) = (proxy.kind, proxy.id, Revision(1));
    let expected = [
        EventKind::ResourceStored {
            kind: kind.clone(),
            id: id.clone(),
            revision,
            digest,
        },
        EventKind::ResourceRemoved { kind, id, revision },
    ];
    let logged = pages(&*storage, EventScope::Store, 1).await;
    let told: Vec<_> = logged.iter().skip(1).collect();
    assert_eq!(
        told.iter().map(|logged| &logged.event.kind).collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );
    for logged in &told {
        assert_eq!((logged.seq, logged.campaign_id), (None, None));
        assert!(
            (before..=after).contains(&logged.event.timestamp),
            "it is the store's time"
        );
    }
    assert_eq!(told[0].event.envelope, envelope);
    assert_eq!(Some(&told[1].cursor), latest.as_ref());
    let own = pages(&*storage, EventScope::Campaign(story.id), 10).await;
    assert_eq!(own.len(), 1, "they are of no campaign");
    let page = storage
        .events(EventScope::Store, Some(told[0].cursor.clone()), 10)
        .await
        .unwrap();
    assert_eq!(page.items, [told[1].clone()]);
}

pub async fn a_cursor_serves_on_when_a_deletion_has_removed_its_event(storage: Subject) {
    let mut stories = interleaved(&*storage).await;
    let before = pages(&*storage, EventScope::Store, 1_000).await;
    let deleted = stories.remove(1);
    let mut story = deleted.clone();
    story.tell(&*storage, vec![EventKind::CampaignDeleted {}]).await;
    let after = pages(&*storage, EventScope::Store, 1_000).await;
    assert_eq!(
        after
            .iter()
            .filter(|logged| logged.campaign_id == Some(deleted.id))
            .count(),
        1
    );
    for (place, logged) in before.iter().enumerate() {
        let page = storage
            .events(EventScope::Store, Some(logged.cursor.clone()), 1_000)
            .await
            .unwrap();
        let rest = before[place + 1..]
            .iter()
            .filter(|event| event.campaign_id != Some(deleted.id));
        let rest: Vec<_> = rest.chain(after.last()).cloned().collect();
        assert_eq!(page.items, rest);
    }
}

pub async fn a_page_of_events_ends_before_16_mib(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let name = "x".repeat(60_000);
    let described = EventKind::CampaignDescribed {
        name: Some(name.clone()),
        attributes: Default::default(),
    };
    for _ in 0..4 {
        story.tell(&*storage, vec![described.clone(); 100]).await;
    }
    for scope in [EventScope::Store, EventScope::Campaign(story.id)] {
        let (mut numbers, mut after) = (Vec::new(), None);
        loop {
            let page = storage.events(scope, after, 1_000).await.unwrap();
            assert!(
                page.items.len() * name.len() <= MAX_PAGE_BYTES,
                "{} events",
                page.items.len()
            );
            numbers.extend(page.items.iter().filter_map(|logged| logged.seq).map(|seq| seq.0));
            after = page.next_cursor;
            if after.is_none() {
                break;
            }
        }
        assert!(numbers.into_iter().eq(1..=401));
    }
}
