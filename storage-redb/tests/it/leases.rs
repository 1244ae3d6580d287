//! Leases that last while the file is held, and what waits to be taken up.

use std::time::Duration;

use phasegate_core::storage::{ChangeScope, Due, DueItem, LeaseKind, Renewal, Storage, StorageError};
use phasegate_core::{CampaignId, EventKind, Intent, Mode, OwnerId, PipelineId, Ticket, Timestamp};
use phasegate_storage_redb::RedbStorage;
use phasegate_storage_redb::testing::CrashBackend;
use phasegate_testkit::ManualClock;
use phasegate_testkit::storage::conformance::Story;

const TTL: Duration = Duration::from_secs(30);

const ONE: OwnerId = OwnerId::from_u128(1);
const OTHER: OwnerId = OwnerId::from_u128(2);

/// A store on a disk, with a clock.
struct Place {
    disk: CrashBackend,
    clock: ManualClock,
}

impl Place {
    fn new() -> Self {
        Self {
            disk: CrashBackend::new(),
            clock: ManualClock::at(at(0)),
        }
    }

    async fn open(&self) -> RedbStorage {
        let clock = self.clock.clone();
        let options = RedbStorage::options().clock(move || clock.now());
        options.open_backend(self.disk.clone()).await.unwrap()
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

async fn due(storage: &RedbStorage, owner: OwnerId) -> Due {
    storage.due(owner, &[Story::pipeline()], TTL, 100).await.unwrap()
}

fn attempt(ticket: Ticket, released: bool) -> DueItem {
    DueItem::Attempt { ticket, released }
}

fn moment(id: u128) -> DueItem {
    let campaign = CampaignId::from_u128(id);
    DueItem::Moment { campaign }
}

/// A campaign whose first phase failed, and is tried again at a moment.
async fn retrying(storage: &RedbStorage, id: u128, retry_at: Timestamp) -> Story {
    let mut story = Story::running(storage, id).await;
    let failure = story.failure("first", Some(retry_at));
    story.tell(storage, vec![failure]).await;
    story
}

#[tokio::test]
async fn who_launches_an_attempt_holds_it_until_the_store_is_opened_again() {
    let place = Place::new();
    let storage = place.open().await;
    assert_eq!(storage.lease_kind(), LeaseKind::WhileHeld);
    let mut story = Story::running(&storage, 1).await.of_owner(OTHER);
    assert_eq!(due(&storage, OTHER).await.items, []);
    let ticket = story.ticket();
    let held = storage.commit(story.takeover("first")).await;
    assert_eq!(
        held,
        Err(StorageError::LeaseHeld {
            ticket: ticket.clone()
        })
    );
    let renewal = storage.renew(ONE, TTL, std::slice::from_ref(&ticket)).await;
    assert_eq!(renewal, Ok(Renewal::default()));

    storage.close().await.unwrap();
    let storage = place.open().await;
    let lost = vec![ticket.clone()];
    let renewal = storage.renew(ONE, TTL, &lost).await.unwrap();
    assert_eq!((renewal.lost, renewal.asked), (lost, vec![]));
    let given = due(&storage, OTHER).await.items;
    assert_eq!(given, [attempt(ticket, false)]);
    assert_eq!(due(&storage, ONE).await.items, [], "it is hidden from all others");
    assert_eq!(due(&storage, OTHER).await.items, given);
    story.commit(&storage, story.takeover("first")).await;
    assert_eq!(due(&storage, OTHER).await.items, []);
    let renewal = storage.renew(OTHER, TTL, &[story.ticket()]).await;
    assert_eq!(renewal, Ok(Renewal::default()));
    assert!(storage.verify(|_| ()).await.unwrap().is_clean());
}

#[tokio::test]
async fn that_a_lease_was_released_in_order_is_kept_over_a_close() {
    let place = Place::new();
    let storage = place.open().await;
    let mut story = Story::running(&storage, 1).await;
    let held = Story::running(&storage, 2).await;
    storage.release(OTHER, &[story.ticket()]).await.unwrap();
    assert_eq!(due(&storage, OTHER).await.items, [], "it was not its to release");
    storage.release(ONE, &[story.ticket()]).await.unwrap();
    // What keeps the attempt keeps the lease as it is.
    let request = story.pause_request("first");
    story.tell(&storage, vec![request]).await;
    storage.close().await.unwrap();

    let storage = place.open().await;
    let given = due(&storage, OTHER).await.items;
    assert_eq!(
        given,
        [attempt(story.ticket(), true), attempt(held.ticket(), false)]
    );
    let mut held = held.of_owner(OTHER);
    held.commit(&storage, held.takeover("first")).await;
    storage.close().await.unwrap();
    let storage = place.open().await;
    let given = due(&storage, OTHER).await.items;
    let fresh = attempt(held.ticket(), false);
    assert_eq!(given, [attempt(story.ticket(), true), fresh]);
}

#[tokio::test]
async fn what_was_given_out_is_seen_by_others_once_it_is_released() {
    let place = Place::new();
    let storage = place.open().await;
    let story = Story::running(&storage, 1).await;
    storage.close().await.unwrap();
    let storage = place.open().await;
    assert_eq!(due(&storage, ONE).await.items.len(), 1);
    let seen = due(&storage, OTHER).await;
    assert_eq!(seen.items, []);
    storage.release(ONE, &[story.ticket()]).await.unwrap();
    let scope = ChangeScope::Due { mark: seen.mark };
    assert_eq!(storage.changed(scope, None, TTL).await, Ok(true));
    let given = due(&storage, OTHER).await.items;
    assert_eq!(
        given,
        [attempt(story.ticket(), false)],
        "it had no lease to release"
    );
}

#[tokio::test]
async fn who_renews_learns_what_was_asked_and_what_is_lost() {
    let storage = Place::new().open().await;
    let mut pausing = Story::running(&storage, 1).await;
    let request = pausing.pause_request("first");
    pausing.tell(&storage, vec![request]).await;
    let mut stopping = Story::running(&storage, 2).await;
    let request = stopping.stop_request("first");
    stopping.tell(&storage, vec![request]).await;
    let mut over = Story::running(&storage, 3).await;
    let lost = over.ticket();
    let end = over.failure("first", None);
    over.tell(&storage, vec![end]).await;
    let working = Story::running(&storage, 4).await;
    let others = Story::new(5).of_owner(OTHER);
    let mut others = others;
    let creation = vec![
        Story::creation("campaign", Mode::StepByStep),
        others.start("first"),
    ];
    others.tell(&storage, creation).await;

    let tickets = [
        pausing.ticket(),
        stopping.ticket(),
        lost.clone(),
        working.ticket(),
        others.ticket(),
    ];
    let renewal = storage.renew(ONE, TTL, &tickets).await.unwrap();
    assert_eq!(renewal.lost, [lost, others.ticket()]);
    let asked = [
        (pausing.ticket(), Intent::Pause),
        (stopping.ticket(), Intent::Stop),
    ];
    assert_eq!(renewal.asked, asked);
}

#[tokio::test]
async fn a_campaign_is_due_when_its_moment_has_come_and_not_before() {
    let place = Place::new();
    let storage = place.open().await;
    retrying(&storage, 1, at(5_000)).await;
    let mut waiting = Story::running(&storage, 2).await;
    let deferral = waiting.deferral("first", Some(at(3_000)));
    waiting.tell(&storage, vec![deferral]).await;
    assert_eq!(storage.append(waiting.output(1, [])).await, {
        let ticket = waiting.ticket();
        Err(StorageError::StaleTicket { ticket })
    });

    let before = due(&storage, ONE).await;
    assert_eq!(
        (before.items, before.next_in),
        (vec![], Some(Duration::from_secs(3)))
    );
    place.clock.set(at(2_999));
    assert_eq!(due(&storage, ONE).await.next_in, Some(Duration::from_millis(1)));
    place.clock.set(at(3_000));
    let then = due(&storage, ONE).await;
    assert_eq!(then.items, [moment(2)]);
    assert_eq!(then.next_in, Some(Duration::from_secs(2)));
    let elsewhere = [PipelineId::new("another").unwrap()];
    place.clock.set(at(10_000));
    let other = storage.due(ONE, &elsewhere, TTL, 100).await.unwrap();
    assert_eq!((other.items, other.next_in), (vec![], None));
    let after = due(&storage, OTHER).await;
    assert_eq!(
        (after.items, after.next_in),
        (vec![moment(1)], None),
        "the other is hidden"
    );
    // Hidden until the store is opened again.
    storage.close().await.unwrap();
    let storage = place.open().await;
    assert_eq!(due(&storage, OTHER).await.items, [moment(2), moment(1)]);
    // Or until there is a commit.
    let event = waiting.failure("first", None);
    waiting.tell(&storage, vec![event]).await;
    assert_eq!(due(&storage, OTHER).await.items, [moment(1)]);
    assert!(storage.verify(|_| ()).await.unwrap().is_clean());
}

#[tokio::test]
async fn an_earlier_moment_wakes_who_sleeps_and_a_later_one_does_not() {
    let storage = Place::new().open().await;
    let scope = |due: &Due| ChangeScope::Due { mark: due.mark };
    let none = due(&storage, ONE).await;
    assert_eq!(none.next_in, None);
    retrying(&storage, 1, at(5_000)).await;
    assert_eq!(storage.changed(scope(&none), None, TTL).await, Ok(true));
    let known = due(&storage, ONE).await;
    retrying(&storage, 2, at(6_000)).await;
    let short = Duration::from_millis(1);
    assert_eq!(storage.changed(scope(&known), None, short).await, Ok(false));
    let (woken, _) = tokio::join!(
        storage.changed(scope(&known), None, TTL),
        retrying(&storage, 3, at(4_000))
    );
    assert_eq!(woken, Ok(true));
    let known = due(&storage, ONE).await;
    assert_eq!(known.next_in, Some(Duration::from_secs(4)));
    let story = Story::running(&storage, 4).await;
    assert_eq!(storage.changed(scope(&known), None, short).await, Ok(false));
    storage.release(ONE, &[story.ticket()]).await.unwrap();
    assert_eq!(storage.changed(scope(&known), None, TTL).await, Ok(true));
}

#[tokio::test]
async fn all_that_waits_is_given_bit_by_bit_and_neither_kind_keeps_the_other_waiting() {
    let place = Place::new();
    let storage = place.open().await;
    for id in 1..=6 {
        Story::running(&storage, id).await;
    }
    for id in 7..=12 {
        retrying(&storage, id, at(1_000)).await;
    }
    storage.close().await.unwrap();
    place.clock.set(at(2_000));
    let storage = place.open().await;
    let mut seen = Vec::new();
    for n in 0..3 {
        let some = storage.due(ONE, &[Story::pipeline()], TTL, 4).await.unwrap();
        assert_eq!(some.items.len(), 4);
        let moments = some
            .items
            .iter()
            .filter(|item| matches!(item, DueItem::Moment { .. }));
        assert_eq!(moments.count(), 2);
        let more = (n < 2).then_some(Duration::ZERO);
        assert_eq!(some.next_in, more, "{n}");
        seen.extend(some.items);
    }
    for (n, item) in seen.iter().enumerate() {
        assert!(!seen[..n].contains(item), "{item:?} was given twice");
    }
    let again = storage.due(ONE, &[Story::pipeline()], TTL, 4).await.unwrap();
    assert_eq!((again.items.len(), again.next_in), (4, None), "its own once more");
}

#[tokio::test]
async fn who_waits_for_one_campaign_is_told_of_its_events_alone() {
    let storage = Place::new().open().await;
    let mut one = Story::created(&storage, 1).await;
    let mut other = Story::created(&storage, 2).await;
    let change = || {
        vec![EventKind::ModeChanged {
            mode: Mode::FullSequence,
        }]
    };
    let scope = ChangeScope::Campaign(one.id);
    assert_eq!(storage.changed(scope, None, TTL).await, Ok(true));
    let seen = other.tell(&storage, change()).await.cursor;
    let short = Duration::from_millis(1);
    assert_eq!(storage.changed(scope, seen.clone(), short).await, Ok(false));
    let (woken, _) = tokio::join!(storage.changed(scope, seen, TTL), one.tell(&storage, change()));
    assert_eq!(woken, Ok(true));
    let deleted = one.tell(&storage, vec![EventKind::CampaignDeleted {}]).await;
    assert_eq!(storage.changed(scope, deleted.cursor, short).await, Ok(false));
    let nobody = ChangeScope::Campaign(CampaignId::from_u128(9));
    assert_eq!(storage.changed(nobody, None, short).await, Ok(false));
    storage.close().await.unwrap();
    assert_eq!(
        storage.changed(scope, None, short).await,
        Err(StorageError::Closed)
    );
}
