//! Lists of campaigns.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use std::sync::Arc;
use std::time::Duration;

use phasegate_core::limits::{MAX_FAILURE_CODE_CHARS, MAX_FINAL_CODES, MAX_PAGE_BYTES};
use phasegate_core::storage::{ActivityKind, CampaignFilter, CampaignQuery, Order, Storage};
use phasegate_core::{Attributes, Campaign, CampaignId, EventKind, Mode, RetryPolicy};
use serde_json::Value;

use super::{Story, Subject, phase};

async fn all_pages(
    storage: &dyn Storage,
    filter: &CampaignFilter,
    order: Order,
    limit: usize,
) -> Vec<Campaign> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let filter = filter.clone();
        let query = CampaignQuery {
            filter,
            order,
            after,
            limit,
        };
        let page = storage.campaigns(query).await.unwrap();
        assert!(page.items.len() <= limit);
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

/// Campaigns in every activity, mode and position, two of each kind, their ids in no order.
async fn varied(storage: &dyn Storage) -> Vec<Campaign> {
    let mut campaigns = Vec::new();
    for n in 0..40_u128 {
        let mode = if n % 2 == 0 {
            Mode::StepByStep
        } else {
            Mode::FullSequence
        };
        let mut story = Story::new((n * 7919) % 1_009 + 1);
        let name = ["alpha", "alph", "alpha beta", "\u{0}alpha"][n as usize % 4];
        story.tell(storage, vec![Story::creation(name, mode)]).await;
        for done in ["first", "second", "third"].into_iter().take(n as usize / 2 % 4) {
            story
                .tell(
                    storage,
                    vec![story.start(done), story.completion(done, Value::Null)],
                )
                .await;
        }
        let current = story
            .campaign
            .as_ref()
            .and_then(|campaign| campaign.current())
            .cloned();
        if let Some(slot) = current {
            let name = slot.phase.as_str().to_owned();
            let start = story.start(&name);
            let ends = match n % 5 {
                0 => vec![],
                1 => vec![start],
                2 => vec![start, story.pause(&name)],
                3 => vec![start, story.failure(&name, None)],
                _ => vec![start, story.stop(&name)],
            };
            if !ends.is_empty() {
                story.tell(storage, ends).await;
            }
        }
        campaigns.extend(story.campaign.map(Arc::unwrap_or_clone));
    }
    campaigns.sort_by_key(|campaign| campaign.id);
    campaigns
}

pub async fn campaigns_are_listed_in_both_orders_page_by_page(storage: Subject) {
    let mut campaigns = varied(&*storage).await;
    let filter = CampaignFilter::default();
    for order in [Order::OldestFirst, Order::NewestFirst] {
        for limit in [1, 3, 40, 1_000] {
            assert_eq!(
                all_pages(&*storage, &filter, order, limit).await,
                campaigns,
                "{order:?} {limit}"
            );
        }
        campaigns.reverse();
    }
    for (id, order) in [(u128::MAX, Order::OldestFirst), (0, Order::NewestFirst)] {
        let after = Some(CampaignId::from_u128(id));
        for filter in [CampaignFilter::default(), idle()] {
            let query = CampaignQuery {
                filter,
                order,
                after,
                limit: 10,
            };
            assert!(storage.campaigns(query).await.unwrap().items.is_empty());
        }
    }
}

fn idle() -> CampaignFilter {
    CampaignFilter {
        activity: Some(ActivityKind::Idle),
        ..CampaignFilter::default()
    }
}

pub async fn each_filter_narrows_the_list(storage: Subject) {
    use ActivityKind::{Failed, Idle, Paused, Running, Stopped};
    let campaigns = varied(&*storage).await;
    let activities = [
        None,
        Some(Idle),
        Some(Running),
        Some(Paused),
        Some(Failed),
        Some(Stopped),
    ];
    let modes = [None, Some(Mode::StepByStep), Some(Mode::FullSequence)];
    let positions = [None, Some(0), Some(2), Some(3), Some(usize::MAX)];
    let names = [None, Some("alph"), Some("\u{0}alpha"), Some("")];
    for activity in activities {
        for mode in modes {
            for position in positions {
                for name in names {
                    let filter = CampaignFilter {
                        activity,
                        mode,
                        position,
                        name: name.map(String::from),
                        attributes: Attributes::new(),
                    };
                    let mut expected: Vec<_> = campaigns
                        .iter()
                        .filter(|campaign| filter.matches(campaign))
                        .cloned()
                        .collect();
                    let oldest = all_pages(&*storage, &filter, Order::OldestFirst, 3).await;
                    assert_eq!(oldest, expected, "{filter:?}");
                    expected.reverse();
                    let newest = all_pages(&*storage, &filter, Order::NewestFirst, 1_000).await;
                    assert_eq!(newest, expected, "{filter:?}");
                }
            }
        }
    }
}

pub async fn a_changed_campaign_moves_in_the_lists(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let list = |activity, mode| {
        let storage = storage.handle();
        let filter = CampaignFilter {
            activity: Some(activity),
            mode: Some(mode),
            ..CampaignFilter::default()
        };
        async move { all_pages(&*storage, &filter, Order::OldestFirst, 10).await.len() }
    };
    assert_eq!(list(ActivityKind::Idle, Mode::StepByStep).await, 1);
    let mode = EventKind::ModeChanged {
        mode: Mode::FullSequence,
    };
    story.tell(&*storage, vec![mode, story.start("first")]).await;
    assert_eq!(list(ActivityKind::Idle, Mode::StepByStep).await, 0);
    assert_eq!(list(ActivityKind::Running, Mode::StepByStep).await, 0);
    assert_eq!(list(ActivityKind::Running, Mode::FullSequence).await, 1);
}

pub async fn a_limit_out_of_range_is_moved_to_its_nearest_end(storage: Subject) {
    for id in 1..=3 {
        Story::created(&*storage, id).await;
    }
    for (limit, expected) in [(0, 1), (usize::MAX, 3)] {
        let query = CampaignQuery {
            limit,
            ..CampaignQuery::default()
        };
        assert_eq!(storage.campaigns(query).await.unwrap().items.len(), expected);
        let scope = phasegate_core::storage::EventScope::Store;
        assert_eq!(
            storage.events(scope, None, limit).await.unwrap().items.len(),
            expected
        );
    }
}

pub async fn a_campaign_comes_with_the_time_by_the_store_s_clock(storage: Subject) {
    let story = Story::created(&*storage, 1).await;
    let before = storage.campaign(story.id).await.unwrap().now;
    storage.advance(Duration::from_secs(60)).await;
    for id in [story.id, CampaignId::from_u128(9)] {
        let after = storage.campaign(id).await.unwrap().now;
        assert!(
            after >= before.plus_ms(60_000),
            "{before} and a minute is not {after}"
        );
    }
}

pub async fn a_list_is_narrowed_by_every_attribute(storage: Subject) {
    let mut campaigns = Vec::new();
    for n in 0..24_u128 {
        let mut attributes = Attributes::new();
        if n % 2 == 0 {
            attributes.insert("team".into(), ["red", "re", "red "][n as usize % 3].into());
        }
        if n % 3 != 0 {
            attributes.insert("tenant".into(), (n % 4).to_string());
        }
        let mut story = Story::new((n * 7919) % 1_009 + 1);
        let creation = Story::creation_with("campaign", Mode::StepByStep, attributes);
        story.tell(&*storage, vec![creation]).await;
        campaigns.extend(story.campaign.map(Arc::unwrap_or_clone));
    }
    campaigns.sort_by_key(|campaign| campaign.id);
    for wanted in [
        vec![("team", "red")],
        vec![("tenant", "1")],
        vec![("team", "red"), ("tenant", "2")],
        vec![("team", "re"), ("tenant", "2")],
        vec![("team", "re"), ("tenant", "1")],
        vec![("tenant", "")],
        vec![("another", "red")],
        vec![("team", "red"), ("another", "red")],
    ] {
        let pairs = wanted
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()));
        for mode in [None, Some(Mode::StepByStep), Some(Mode::FullSequence)] {
            let filter = CampaignFilter {
                mode,
                attributes: pairs.clone().collect(),
                ..CampaignFilter::default()
            };
            let expected = campaigns.iter().filter(|campaign| filter.matches(campaign));
            let expected: Vec<_> = expected.cloned().collect();
            let oldest = all_pages(&*storage, &filter, Order::OldestFirst, 2).await;
            assert_eq!(oldest, expected, "{filter:?}");
        }
    }
}

pub async fn a_described_campaign_moves_in_the_lists(storage: Subject) {
    let mut story = Story::new(1);
    let attributes = Attributes::from([("team".into(), "red".into()), ("tenant".into(), "1".into())]);
    let creation = Story::creation_with("before", Mode::StepByStep, attributes);
    story.tell(&*storage, vec![creation]).await;
    let described = EventKind::CampaignDescribed {
        name: Some("after".into()),
        attributes: [("team".into(), Some("blue".into())), ("tenant".into(), None)].into(),
    };
    story.tell(&*storage, vec![described]).await;
    let (named, with) = (
        |name: &str| CampaignFilter {
            name: Some(name.into()),
            ..CampaignFilter::default()
        },
        |key: &str, value: &str| CampaignFilter {
            attributes: Attributes::from([(key.into(), value.into())]),
            ..CampaignFilter::default()
        },
    );
    for (filter, expected) in [
        (named("before"), 0),
        (named("after"), 1),
        (with("team", "red"), 0),
        (with("team", "blue"), 1),
        (with("tenant", "1"), 0),
    ] {
        let found = all_pages(&*storage, &filter, Order::OldestFirst, 10).await;
        assert_eq!(found.len(), expected, "{filter:?}");
    }
}

pub async fn a_page_of_campaigns_ends_before_16_mib(storage: Subject) {
    // Three policies with all the codes that they may have, in characters of four bytes each: the largest that is easily made.
    let codes: Vec<_> = (0..MAX_FINAL_CODES)
        .map(|n| format!("{n:0>3}{}", "\u{1F5C4}".repeat(MAX_FAILURE_CODE_CHARS - 3)))
        .collect();
    let bytes = 3 * codes.iter().map(String::len).sum::<usize>();
    let policy = |phase| EventKind::PhaseRetrySet {
        phase,
        policy: Some(RetryPolicy {
            max_tries: 3,
            initial_delay_ms: 1,
            factor: 1.0,
            max_delay_ms: 1,
            jitter: 0.0,
            final_codes: codes.clone(),
        }),
    };
    let count = MAX_PAGE_BYTES / bytes + 20;
    let mut commits = Vec::new();
    for id in 1..=count {
        let mut kinds = vec![Story::creation("campaign", Mode::StepByStep)];
        kinds.extend(["first", "second", "third"].map(|name| policy(phase(name))));
        let transition = Story::new(id as u128).transition(kinds);
        let storage = storage.handle();
        commits.push(tokio::spawn(async move { storage.commit(transition).await }));
    }
    for commit in commits {
        commit.await.expect("a commit doesn't panic").unwrap();
    }
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let query = CampaignQuery {
            after,
            limit: 1_000,
            ..CampaignQuery::default()
        };
        let page = storage.campaigns(query).await.unwrap();
        assert!(
            page.items.len() * bytes <= MAX_PAGE_BYTES,
            "{} campaigns",
            page.items.len()
        );
        ids.extend(page.items.iter().map(|campaign| campaign.id.as_u128()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(ids.into_iter().eq(1..=count as u128));
}
