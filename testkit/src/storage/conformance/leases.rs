//! Who may work on an attempt, and for how long.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use std::slice;
use std::time::Duration;

use phasegate_core::storage::{DueItem, LeaseKind, Renewal, Storage, StorageError};
use phasegate_core::{Attempt, EventKind, Intent, Mode, OwnerId, Ticket};

use super::output::numbered;
use super::{Story, Subject};

/// Another engine than the one that commits the stories.
pub(super) fn other() -> OwnerId {
    OwnerId::from_u128(2)
}

/// Whether a store's leases expire by its clock.
pub(super) fn expires(storage: &Subject) -> bool {
    storage.lease_kind() == LeaseKind::Expiring
}

/// Half of the time that a lease lasts.
pub(super) fn half() -> Duration {
    Story::TTL / 2
}

/// What is lost, of these tickets of an owner. The renewal renews.
async fn lost(storage: &dyn Storage, owner: OwnerId, tickets: &[Ticket]) -> Vec<Ticket> {
    let renewal = storage.renew(owner, Story::TTL, tickets).await.unwrap();
    renewal.lost
}

/// What `due` gives an owner.
pub(super) async fn due(storage: &dyn Storage, owner: OwnerId) -> Vec<DueItem> {
    let due = storage.due(owner, &[Story::pipeline()], Story::TTL, 1_000).await;
    due.unwrap().items
}

/// An attempt as `due` gives it.
pub(super) fn attempt(ticket: &Ticket, released: bool) -> DueItem {
    DueItem::Attempt {
        ticket: ticket.clone(),
        released,
    }
}

pub async fn a_commit_that_launches_an_attempt_gives_its_owner_the_lease(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let tickets = [story.ticket()];
    let expected = Renewal::default();
    assert_eq!(
        storage.renew(story.owner, Story::TTL, &tickets).await,
        Ok(expected)
    );
    assert_eq!(
        lost(&*storage, other(), &tickets).await,
        tickets,
        "somebody else's"
    );
    assert!(due(&*storage, other()).await.is_empty(), "it is not over");
    assert!(due(&*storage, story.owner).await.is_empty(), "it is not over");
}

pub async fn a_commit_that_launches_another_attempt_gives_its_own_owner_the_lease(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    let before = story.ticket();
    story = story.of_owner(other());
    story
        .tell(
            &*storage,
            vec![story.completion("first", 1.into()), story.auto_start("second")],
        )
        .await;
    let tickets = [story.ticket()];
    assert_eq!(
        lost(&*storage, OwnerId::from_u128(1), slice::from_ref(&before)).await,
        [before]
    );
    assert_eq!(lost(&*storage, OwnerId::from_u128(1), &tickets).await, tickets);
    assert!(lost(&*storage, other(), &tickets).await.is_empty());
}

pub async fn a_commit_that_keeps_the_attempt_leaves_its_lease_as_it_is(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    let (owner, tickets) = (story.owner, [story.ticket()]);
    storage.advance(half()).await;
    story = story.of_owner(other());
    story.tell(&*storage, vec![story.pause_request("first")]).await;
    assert_eq!(lost(&*storage, other(), &tickets).await, tickets);
    if expires(&storage) {
        story = story.of_owner(owner);
        let mode = EventKind::ModeChanged {
            mode: Mode::FullSequence,
        };
        story.tell(&*storage, vec![mode]).await;
        storage.advance(half()).await;
        assert_eq!(
            lost(&*storage, owner, &tickets).await,
            tickets,
            "it was not renewed"
        );
    } else {
        assert!(lost(&*storage, owner, &tickets).await.is_empty());
    }
}

pub async fn a_commit_that_ends_the_attempt_frees_its_lease(storage: Subject) {
    for (id, end) in (1..).zip([Story::pause, Story::stop]) {
        let mut story = Story::running(&*storage, id).await;
        let tickets = [story.ticket()];
        story.tell(&*storage, vec![end(&story, "first")]).await;
        assert_eq!(lost(&*storage, story.owner, &tickets).await, tickets);
        storage.advance(Story::TTL).await;
        assert!(
            due(&*storage, other()).await.is_empty(),
            "nobody is to take it up"
        );
    }
}

pub async fn an_attempt_that_waits_for_a_report_has_no_lease(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    let tickets = [story.ticket()];
    story.tell(&*storage, vec![story.deferral("first", None)]).await;
    assert_eq!(lost(&*storage, story.owner, &tickets).await, tickets);
    storage.advance(Story::TTL).await;
    assert!(due(&*storage, other()).await.is_empty());
    storage.release(story.owner, &tickets).await.unwrap();
    story
        .tell(&*storage, vec![story.completion("first", 1.into())])
        .await;
}

pub async fn a_renewal_holds_every_lease_of_its_owner_however_few_it_names(storage: Subject) {
    let mut tickets = Vec::new();
    for id in 1..=3 {
        tickets.push(Story::running(&*storage, id).await.ticket());
    }
    let owner = OwnerId::from_u128(1);
    for _ in 0..4 {
        storage.advance(half()).await;
        assert!(lost(&*storage, owner, &tickets[..1]).await.is_empty());
    }
    assert!(lost(&*storage, owner, &tickets).await.is_empty());
    assert!(due(&*storage, other()).await.is_empty());
}

pub async fn a_renewal_names_what_is_lost_and_what_was_asked(storage: Subject) {
    let mut tickets = Vec::new();
    for id in 1..=4 {
        let mut story = Story::running(&*storage, id).await;
        tickets.push(story.ticket());
        match id {
            1 => story.tell(&*storage, vec![story.pause_request("first")]).await,
            2 => story.tell(&*storage, vec![story.stop_request("first")]).await,
            3 => story.tell(&*storage, vec![story.stop("first")]).await,
            _ => continue,
        };
    }
    let mut newer = tickets[3].clone();
    newer.attempt = Attempt(2);
    tickets.push(newer);
    tickets.push(Story::running(&*storage, 9).await.ticket());
    tickets[5].campaign = phasegate_core::CampaignId::from_u128(10);
    let mut renewal = storage
        .renew(OwnerId::from_u128(1), Story::TTL, &tickets)
        .await
        .unwrap();
    renewal.lost.sort();
    renewal.asked.sort_by(|one, another| one.0.cmp(&another.0));
    let mut expected = vec![tickets[2].clone(), tickets[4].clone(), tickets[5].clone()];
    expected.sort();
    assert_eq!(renewal.lost, expected);
    let asked = [
        (tickets[0].clone(), Intent::Pause),
        (tickets[1].clone(), Intent::Stop),
    ];
    assert_eq!(renewal.asked, asked);
}

pub async fn an_expiring_lease_that_is_over_is_lost_and_not_renewed(storage: Subject) {
    if !expires(&storage) {
        return;
    }
    let story = Story::running(&*storage, 1).await;
    let tickets = [story.ticket()];
    storage.advance(Story::TTL - Duration::from_millis(1)).await;
    assert!(
        lost(&*storage, story.owner, &tickets).await.is_empty(),
        "it has a moment left"
    );
    storage.advance(Story::TTL).await;
    for _ in 0..2 {
        assert_eq!(lost(&*storage, story.owner, &tickets).await, tickets);
    }
    assert_eq!(due(&*storage, other()).await, [attempt(&tickets[0], false)]);
}

pub async fn a_lease_of_a_held_store_lasts_while_it_is_held(storage: Subject) {
    if expires(&storage) {
        return;
    }
    let mut storage = storage;
    let story = Story::running(&*storage, 1).await;
    let tickets = [story.ticket()];
    storage.advance(1_000 * Story::TTL).await;
    assert!(due(&*storage, other()).await.is_empty());
    assert!(lost(&*storage, story.owner, &tickets).await.is_empty());
    storage.reopen().await;
    assert_eq!(lost(&*storage, story.owner, &tickets).await, tickets);
    assert_eq!(due(&*storage, other()).await, [attempt(&tickets[0], false)]);
}

pub async fn a_lease_that_is_over_fences_nobody_by_itself(storage: Subject) {
    let mut storage = storage;
    let mut story = Story::running(&*storage, 1).await;
    if expires(&storage) {
        storage.advance(Story::TTL).await;
    } else {
        storage.reopen().await;
    }
    due(&*storage, other()).await;
    storage.append(story.output(1, numbered(0, 1))).await.unwrap();
    story
        .tell(&*storage, vec![story.completion_with("first", 1, 1.into())])
        .await;
}

pub async fn a_takeover_needs_a_lease_that_is_over(storage: Subject) {
    let mut storage = storage;
    let mut story = Story::running(&*storage, 1).await;
    let (owner, before) = (story.owner, story.ticket());
    let snapshot = story.campaign.clone();
    for by in [owner, other()] {
        let refused = storage.commit(story.clone().of_owner(by).takeover("first")).await;
        let ticket = before.clone();
        assert_eq!(refused, Err(StorageError::LeaseHeld { ticket }));
    }
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, snapshot);
    if expires(&storage) {
        storage.advance(Story::TTL).await;
    } else {
        storage.reopen().await;
    }
    story = story.of_owner(other());
    story.commit(&*storage, story.takeover("first")).await;
    let tickets = [story.ticket()];
    assert_eq!(tickets[0].attempt, Attempt(2));
    assert!(lost(&*storage, other(), &tickets).await.is_empty());
    assert_eq!(lost(&*storage, owner, &tickets).await, tickets);
    assert_eq!(lost(&*storage, owner, slice::from_ref(&before)).await, [before]);
}

pub async fn a_released_lease_is_over_and_was_released_in_order(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    let kept = Story::running(&*storage, 2).await.ticket();
    let tickets = [story.ticket()];
    storage.release(story.owner, &tickets).await.unwrap();
    assert_eq!(
        lost(&*storage, story.owner, &[tickets[0].clone(), kept]).await,
        tickets
    );
    assert_eq!(due(&*storage, other()).await, [attempt(&tickets[0], true)]);
    story = story.of_owner(other());
    story.commit(&*storage, story.takeover("first")).await;
    assert!(lost(&*storage, other(), &[story.ticket()]).await.is_empty());
}

pub async fn that_a_lease_was_released_is_kept_over_a_close_until_it_is_taken_up(storage: Subject) {
    let mut storage = storage;
    let mut story = Story::running(&*storage, 1).await;
    let first = story.ticket();
    storage
        .release(story.owner, slice::from_ref(&first))
        .await
        .unwrap();
    for _ in 0..2 {
        storage.reopen().await;
        storage.advance(Story::TTL).await;
        assert_eq!(due(&*storage, other()).await, [attempt(&first, true)]);
    }
    story = story.of_owner(other());
    story.commit(&*storage, story.takeover("first")).await;
    storage.reopen().await;
    storage.advance(Story::TTL).await;
    assert_eq!(
        due(&*storage, other()).await,
        [attempt(&story.ticket(), false)],
        "the next attempt's lease was not"
    );
}

pub async fn a_release_leaves_what_its_owner_does_not_hold_alone(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let tickets = [story.ticket()];
    let mut older = tickets[0].clone();
    older.attempt = Attempt(0);
    storage.release(other(), &tickets).await.unwrap();
    storage.release(story.owner, &[older]).await.unwrap();
    assert!(lost(&*storage, story.owner, &tickets).await.is_empty());
    assert!(due(&*storage, other()).await.is_empty());
    if expires(&storage) {
        storage.advance(Story::TTL).await;
        storage.release(story.owner, &tickets).await.unwrap();
        assert_eq!(
            due(&*storage, other()).await,
            [attempt(&tickets[0], false)],
            "it was over before"
        );
    }
}
