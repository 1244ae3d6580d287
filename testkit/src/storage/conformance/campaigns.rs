//! Lists of campaigns.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use phasegate_core::storage::{ActivityKind, CampaignFilter, CampaignQuery, Order, Storage};
use phasegate_core::{Attributes, Campaign, CampaignId, EventKind, Mode};
use serde_json::Value;

use super::{Story, Subject};

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
        campaigns.extend(story.campaign);
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
