//! What waits to be taken up, and when more will.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use phasegate_core::storage::{ChangeScope, Due, DueItem, Storage};
use phasegate_core::{EventKind, Mode, OwnerId, PipelineId, Ticket, Timestamp};

use super::leases::{attempt, due, expires, half, other};
use super::subject::WAIT;
use super::{Story, Subject};

/// An hour, which is longer than every lease.
const HOUR: Duration = Duration::from_secs(60 * 60);

async fn now(storage: &dyn Storage) -> Timestamp {
    storage.now().await.unwrap()
}

/// The moment that the store's clock shows an hour from now.
async fn in_an_hour(storage: &dyn Storage) -> Timestamp {
    now(storage).await.plus_ms(HOUR.as_millis() as u64)
}

/// A campaign whose first phase is tried again at a moment.
async fn retrying(storage: &dyn Storage, id: u128, at: Timestamp) -> Story {
    let mut story = Story::running(storage, id).await;
    story.tell(storage, vec![story.failure("first", Some(at))]).await;
    story
}

fn moment(story: &Story) -> DueItem {
    DueItem::Moment { campaign: story.id }
}

async fn asked(storage: &dyn Storage, owner: u128) -> Due {
    let owner = OwnerId::from_u128(owner);
    let due = storage.due(owner, &[Story::pipeline()], Story::TTL, 1_000).await;
    due.unwrap()
}

/// Running attempts whose leases are over and were not released.
async fn abandoned(storage: &mut Subject, ids: impl IntoIterator<Item = u128>) -> Vec<Ticket> {
    let mut tickets = Vec::new();
    for id in ids {
        tickets.push(Story::running(&**storage, id).await.ticket());
    }
    if expires(storage) {
        storage.advance(Story::TTL).await;
    } else {
        storage.reopen().await;
    }
    tickets
}

pub async fn a_campaign_s_moment_comes_by_the_store_s_clock(storage: Subject) {
    let at = in_an_hour(&*storage).await;
    let retrying = retrying(&*storage, 1, at).await;
    let mut waiting = Story::running(&*storage, 2).await;
    waiting
        .tell(&*storage, vec![waiting.deferral("first", Some(at))])
        .await;
    let mut paused = waiting.clone();
    assert!(due(&*storage, other()).await.is_empty());
    storage.advance(HOUR - Duration::from_secs(1)).await;
    let ahead = asked(&*storage, 2).await;
    assert!(ahead.items.is_empty());
    let next = ahead.next_in.expect("it knows of a moment");
    assert!(next <= Duration::from_secs(1), "{next:?} is too late");
    storage.advance(Duration::from_secs(1)).await;
    paused.tell(&*storage, vec![paused.pause("first")]).await;
    let items = due(&*storage, other()).await;
    assert_eq!(items.len(), 2, "a pause leaves the deadline as it is: {items:?}");
    assert!(items.contains(&moment(&retrying)) && items.contains(&moment(&paused)));
}

pub async fn a_moment_goes_with_the_commit_that_takes_it_up(storage: Subject) {
    let at = now(&*storage).await;
    let mut story = retrying(&*storage, 1, at).await;
    assert_eq!(due(&*storage, other()).await, [moment(&story)]);
    let launch = story.launch("first");
    story = story.of_owner(other());
    story.tell(&*storage, vec![EventKind::PhaseRetried(launch)]).await;
    assert!(due(&*storage, other()).await.is_empty());
    let at = now(&*storage).await;
    story
        .tell(&*storage, vec![story.failure("first", Some(at))])
        .await;
    let items = due(&*storage, OwnerId::from_u128(3)).await;
    assert_eq!(items, [moment(&story)], "the next moment was given to nobody yet");
}

pub async fn an_attempt_whose_lease_is_over_is_due(storage: Subject) {
    let mut storage = storage;
    let mut stopping = Story::running(&*storage, 2).await;
    stopping
        .tell(&*storage, vec![stopping.stop_request("first")])
        .await;
    let tickets = abandoned(&mut storage, [1]).await;
    let items = due(&*storage, other()).await;
    assert_eq!(items.len(), 2, "{items:?}");
    assert!(items.contains(&attempt(&tickets[0], false)));
    assert!(
        items.contains(&attempt(&stopping.ticket(), false)),
        "with any intent"
    );
}

pub async fn only_what_is_of_the_named_pipelines_is_due(storage: Subject) {
    let mut storage = storage;
    let at = now(&*storage).await;
    let retrying = retrying(&*storage, 1, at).await;
    let tickets = abandoned(&mut storage, [2]).await;
    let owner = other();
    for named in [vec![], vec![PipelineId::new("another").unwrap()]] {
        let due = storage.due(owner, &named, Story::TTL, 1_000).await.unwrap();
        assert!(due.items.is_empty(), "{named:?}");
        assert_eq!(due.next_in, None, "{named:?}");
    }
    let named = [PipelineId::new("another").unwrap(), Story::pipeline()];
    let due = storage.due(owner, &named, Story::TTL, 1_000).await.unwrap();
    assert_eq!(due.items.len(), 2);
    assert!(due.items.contains(&moment(&retrying)) && due.items.contains(&attempt(&tickets[0], false)));
}

pub async fn what_is_given_to_one_owner_is_hidden_from_the_others(storage: Subject) {
    let mut storage = storage;
    let at = now(&*storage).await;
    let retrying = retrying(&*storage, 1, at).await;
    let tickets = abandoned(&mut storage, [2]).await;
    assert_eq!(asked(&*storage, 2).await.items.len(), 2);
    let hidden = asked(&*storage, 3).await;
    assert!(hidden.items.is_empty(), "{:?}", hidden.items);
    assert_eq!(asked(&*storage, 2).await.items.len(), 2, "not from its own owner");
    if expires(&storage) {
        storage.advance(half()).await;
        let hidden = asked(&*storage, 3).await;
        assert!(hidden.items.is_empty());
        let next = hidden.next_in.expect("it knows when they come back");
        assert!(next <= Story::TTL, "{next:?} is too late");
        storage.advance(Story::TTL).await;
    } else {
        storage.advance(1_000 * Story::TTL).await;
        assert!(asked(&*storage, 3).await.items.is_empty());
        storage.reopen().await;
    }
    let items = asked(&*storage, 3).await.items;
    assert_eq!(items.len(), 2);
    assert!(items.contains(&moment(&retrying)) && items.contains(&attempt(&tickets[0], false)));
}

pub async fn what_is_given_and_released_is_shown_to_the_others_and_was_not_released_in_order(
    storage: Subject,
) {
    let mut storage = storage;
    let tickets = abandoned(&mut storage, [1]).await;
    assert_eq!(due(&*storage, other()).await, [attempt(&tickets[0], false)]);
    let mark = asked(&*storage, 3).await.mark;
    storage.release(other(), &tickets).await.unwrap();
    let scope = ChangeScope::Due { mark };
    assert_eq!(storage.changed(scope, None, WAIT).await, Ok(true));
    assert_eq!(asked(&*storage, 3).await.items, [attempt(&tickets[0], false)]);
}

pub async fn what_is_given_back_is_shown_to_the_others_and_was_not_released_in_order(storage: Subject) {
    let mut storage = storage;
    let at = now(&*storage).await;
    let retrying = retrying(&*storage, 1, at).await;
    let tickets = abandoned(&mut storage, [2]).await;
    let given = asked(&*storage, 2).await.items;
    assert_eq!(given.len(), 2, "{given:?}");
    let mark = asked(&*storage, 3).await.mark;
    let campaigns: Vec<_> = given.iter().map(DueItem::campaign).collect();
    storage.give_back(other(), &campaigns).await.unwrap();
    let scope = ChangeScope::Due { mark };
    assert_eq!(storage.changed(scope, None, WAIT).await, Ok(true));
    let items = asked(&*storage, 3).await.items;
    assert_eq!(items.len(), 2, "{items:?}");
    assert!(items.contains(&moment(&retrying)) && items.contains(&attempt(&tickets[0], false)));
    assert!(
        asked(&*storage, 2).await.items.is_empty(),
        "they are another's now"
    );
}

pub async fn what_another_owner_was_given_is_not_given_back(storage: Subject) {
    let at = now(&*storage).await;
    let retrying = retrying(&*storage, 1, at).await;
    let running = Story::running(&*storage, 2).await;
    assert_eq!(asked(&*storage, 3).await.items, [moment(&retrying)]);
    let mark = asked(&*storage, 2).await.mark;
    for owner in [other(), running.owner] {
        storage
            .give_back(owner, &[retrying.id, running.id])
            .await
            .unwrap();
    }
    let seen = asked(&*storage, 2).await;
    assert!(seen.items.is_empty(), "{:?}", seen.items);
    assert_eq!(seen.mark, mark, "and nobody is woken");
    assert_eq!(asked(&*storage, 3).await.items, [moment(&retrying)]);
}

pub async fn of_many_that_ask_at_once_each_attempt_goes_to_one(storage: Subject) {
    let mut storage = storage;
    let mut tickets = abandoned(&mut storage, 1..=20).await;
    let asking = (2..10).map(|owner| {
        let storage = storage.handle();
        tokio::spawn(async move { asked(&*storage, owner).await.items })
    });
    let mut given = Vec::new();
    for task in asking.collect::<Vec<_>>() {
        for item in task.await.expect("due doesn't panic") {
            match item {
                DueItem::Attempt { ticket, .. } => given.push(ticket),
                DueItem::Moment { .. } => panic!("there is no moment"),
            }
        }
    }
    given.sort();
    tickets.sort();
    assert_eq!(given, tickets);
}

pub async fn no_more_is_due_at_once_than_the_limit(storage: Subject) {
    let mut storage = storage;
    abandoned(&mut storage, 1..=5).await;
    for (owner, limit, expected) in [(2, 0, 1), (3, 1, 1), (4, 2, 2), (5, usize::MAX, 1)] {
        let owner = OwnerId::from_u128(owner);
        let due = storage
            .due(owner, &[Story::pipeline()], Story::TTL, limit)
            .await
            .unwrap();
        assert_eq!(due.items.len(), expected, "{limit}");
    }
}

pub async fn the_next_moment_is_told_and_not_too_late(storage: Subject) {
    assert_eq!(asked(&*storage, 2).await.next_in, None);
    let at = in_an_hour(&*storage).await;
    retrying(&*storage, 1, at).await;
    let next = asked(&*storage, 2).await.next_in.expect("a moment comes");
    assert!(next <= HOUR, "{next:?}");
    assert!(next > HOUR / 2, "{next:?} is asked for in vain");
    storage.advance(HOUR / 2).await;
    Story::running(&*storage, 2).await;
    let next = asked(&*storage, 2).await.next_in.expect("a moment comes");
    assert!(next <= HOUR / 2, "{next:?}");
    if expires(&storage) {
        assert!(next <= Story::TTL, "a lease ends: {next:?}");
        storage.advance(half()).await;
        let next = asked(&*storage, 2).await.next_in.expect("a lease ends");
        assert!(next <= half(), "{next:?}");
    }
}

/// Whether a wait for something new in `due` ends, that `change` brings about.
async fn wakes(storage: &Subject, mark: u64, change: impl Future<Output = ()>) {
    let scope = ChangeScope::Due { mark };
    let mut waiting = pin!(storage.changed(scope, None, WAIT));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Pending));
    change.await;
    assert_eq!(waiting.await, Ok(true));
}

pub async fn a_commit_that_brings_an_earlier_moment_wakes_the_sleeper(storage: Subject) {
    let at = in_an_hour(&*storage).await;
    let mark = asked(&*storage, 2).await.mark;
    let mut story = Story::running(&*storage, 1).await;
    // A launch may wake it, too: a lease ends that it knew nothing of.
    let mark = asked(&*storage, 2).await.mark.max(mark);
    wakes(&storage, mark, async {
        story
            .tell(&*storage, vec![story.failure("first", Some(at))])
            .await;
    })
    .await;
    let mark = asked(&*storage, 2).await.mark;
    let sooner = now(&*storage).await.plus_ms(1);
    wakes(&storage, mark, async {
        retrying(&*storage, 2, sooner).await;
    })
    .await;
    let scope = ChangeScope::Due { mark };
    assert_eq!(
        storage.changed(scope, None, Duration::ZERO).await,
        Ok(true),
        "it stays so"
    );
}

pub async fn a_release_wakes_the_sleeper(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let mark = asked(&*storage, 2).await.mark;
    wakes(&storage, mark, async {
        storage.release(story.owner, &[story.ticket()]).await.unwrap();
    })
    .await;
}

pub async fn what_brings_no_moment_wakes_nobody_who_waits_for_one(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let mark = asked(&*storage, 2).await.mark;
    let mode = EventKind::ModeChanged {
        mode: Mode::FullSequence,
    };
    story.tell(&*storage, vec![mode]).await;
    let scope = ChangeScope::Due { mark };
    assert_eq!(storage.changed(scope, None, Duration::ZERO).await, Ok(false));
}

pub async fn a_deleted_campaign_is_never_due(storage: Subject) {
    let mut storage = storage;
    let at = now(&*storage).await;
    let retrying = retrying(&*storage, 1, at).await;
    let running = Story::running(&*storage, 2).await;
    for mut story in [retrying, running] {
        story.tell(&*storage, vec![EventKind::CampaignDeleted {}]).await;
    }
    for _ in 0..2 {
        let due = asked(&*storage, 2).await;
        assert!(due.items.is_empty(), "{:?}", due.items);
        assert_eq!(due.next_in, None);
        storage.advance(Story::TTL).await;
        storage.reopen().await;
    }
}
