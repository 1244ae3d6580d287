//! What happens between two calls to the store, or when one of them fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::{AttributeChanges, Intent, Version};
use phasegate::storage::{
    CampaignQuery, ChangeScope, EventPage, EventScope, Storage, StorageError, WriteRef,
};
use phasegate::{Engine, Failure, Mode, NewCampaign, RunContext, RunError};
use phasegate_testkit::MemoryStorage;
use serde_json::json;
use tokio::time::Instant;

use crate::support::interposed::{Between, Held, seen};
use crate::support::{Doing, World, builder, definition};

/// A world whose engine sees the store through `between`, and the store as it is.
fn world(between: impl Between) -> World {
    let inner = Arc::new(MemoryStorage::new());
    let seen = seen(&inner, between);
    World::on(inner, None, |builder| builder.storage(seen))
}

/// Waits until the campaign has this intent, past every interposer.
async fn intent(world: &World, campaign: &phasegate::CampaignHandle, wanted: Option<Intent>) {
    let has_it = async {
        loop {
            let latest = world.storage.latest().await.expect("a read");
            let now = world.storage.campaign(campaign.id()).await.expect("a read");
            if now.campaign.expect("a campaign").intent() == wanted {
                return;
            }
            world
                .storage
                .changed(ChangeScope::Store, latest, Duration::from_secs(60))
                .await
                .expect("a change");
        }
    };
    tokio::time::timeout(Duration::from_secs(3600), has_it)
        .await
        .expect("it has the intent in the end");
}

fn failing() -> StorageError {
    StorageError::Unavailable {
        reason: "as the test told it to".to_owned(),
    }
}

#[tokio::test]
async fn of_two_twins_with_one_key_the_one_that_comes_too_late_gets_the_same_outcome() {
    let lookup = Held::answer_of("idempotency");
    let world = world(lookup.clone());
    let campaign = world.ready(Mode::FullSequence).await;
    let keyed = campaign.with_idempotency_key("start-1").expect("a valid key");
    lookup.next();
    let late = tokio::spawn({
        let keyed = keyed.clone();
        async move { keyed.start("collect").await }
    });
    lookup.arrived().await;
    let first = keyed.start("collect").await.expect("it starts");
    lookup.release();
    let late = late.await.expect("no panic");
    assert_eq!(late.expect("it was carried out once, for both"), first);
}

#[tokio::test]
async fn of_two_deletions_with_one_key_the_one_that_comes_too_late_gets_the_same_outcome() {
    let lookup = Held::answer_of("idempotency");
    let world = world(lookup.clone());
    let campaign = world.ready(Mode::FullSequence).await;
    let keyed = campaign.with_idempotency_key("delete-1").expect("a valid key");
    lookup.next();
    let late = tokio::spawn({
        let keyed = keyed.clone();
        async move { keyed.delete().await }
    });
    lookup.arrived().await;
    keyed.delete().await.expect("it is deleted");
    lookup.release();
    late.await
        .expect("no panic")
        .expect("it was deleted once, for both");
}

/// Shows nothing of the first two events, as of a campaign that was deleted, and says that the log goes on.
struct HidesTheBeginning;

impl Between for HidesTheBeginning {
    fn change_page(&self, mut page: EventPage) -> EventPage {
        if page
            .items
            .first()
            .is_some_and(|first| first.seq <= Some(Version(2)))
        {
            page.items.truncate(1);
            page.next_cursor = page.items.pop().map(|hidden| hidden.cursor);
        }
        page
    }
}

#[tokio::test]
async fn a_subscription_goes_on_over_a_stretch_of_the_log_that_shows_nothing() {
    let world = world(HidesTheBeginning);
    let campaign = world.ready(Mode::FullSequence).await;
    for scope in [EventScope::Store, EventScope::Campaign(campaign.id())] {
        let mut events = world.engine.events(scope, None);
        let event = events.next_if_any().await.expect("a read").expect("there is one");
        assert_eq!(event.seq, Some(Version(3)));
        assert_eq!(events.next().await.expect("an event").seq, Some(Version(4)));
    }
}

/// Renames the campaigns of a store when events were read, before the reader gets them.
struct RenamesAfterRead {
    armed: Arc<AtomicBool>,
    other: Engine,
}

#[async_trait]
impl Between for RenamesAfterRead {
    async fn after(&self, call: &'static str) {
        if call == "events" && self.armed.swap(false, Ordering::SeqCst) {
            let query = CampaignQuery::default();
            let (found, _) = self.other.campaigns(query).await.expect("a page");
            for one in found {
                let campaign = self.other.campaign(one.id).await.expect("it is there");
                let name = Some("autumn".to_owned());
                let renamed = campaign.describe(name, AttributeChanges::new()).await;
                renamed.expect("it has another name");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_between_a_subscription_s_look_and_its_wait_comes_at_once() {
    let inner = Arc::new(MemoryStorage::new());
    let armed = Arc::new(AtomicBool::new(false));
    let other = World::on(Arc::clone(&inner), None, |builder| builder);
    let between = RenamesAfterRead {
        armed: Arc::clone(&armed),
        other: other.engine.clone(),
    };
    let seen = seen(&inner, between);
    let world = World::on(inner, None, |builder| builder.storage(seen));
    let campaign = world.ready(Mode::FullSequence).await;
    for scope in [EventScope::Store, EventScope::Campaign(campaign.id())] {
        let mut events = world.engine.events(scope, None);
        while events.next_if_any().await.expect("a read").is_some() {}
        armed.store(true, Ordering::SeqCst);
        let begun = Instant::now();
        let event = events.next().await.expect("an event");
        assert!(!armed.load(Ordering::SeqCst), "it came between the two");
        assert_eq!(event.event.kind.name(), "campaign_described");
        assert_eq!(
            begun.elapsed(),
            Duration::ZERO,
            "it is not waited for, by the paused clock"
        );
        // The name is the same the second time, so that there would be no event.
        let back = Some("spring".to_owned());
        let renamed = campaign.describe(back, AttributeChanges::new()).await;
        renamed.expect("it has its name again");
    }
}

/// Deletes the campaigns of a store just before a config is read.
struct DeletesFirst {
    armed: Arc<AtomicBool>,
    other: Engine,
}

#[async_trait]
impl Between for DeletesFirst {
    async fn before(&self, call: &'static str) -> Result<(), StorageError> {
        if call == "config" && self.armed.swap(false, Ordering::SeqCst) {
            let (found, _) = self
                .other
                .campaigns(CampaignQuery::default())
                .await
                .expect("a page");
            for one in found {
                let campaign = self.other.campaign(one.id).await.expect("it is there");
                campaign.delete().await.expect("it is deleted");
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_campaign_that_is_deleted_while_it_is_read_is_gone_and_not_damaged() {
    let inner = Arc::new(MemoryStorage::new());
    let armed = Arc::new(AtomicBool::new(false));
    let other = World::on(Arc::clone(&inner), None, |builder| builder);
    let seen = seen(
        &inner,
        DeletesFirst {
            armed: Arc::clone(&armed),
            other: other.engine.clone(),
        },
    );
    let world = World::on(inner, None, |builder| builder.storage(seen));
    let campaign = world.ready(Mode::FullSequence).await;
    armed.store(true, Ordering::SeqCst);
    assert_eq!(campaign.view().await.expect_err("it is gone").code(), "not_found");

    let campaign = world.ready(Mode::FullSequence).await;
    armed.store(true, Ordering::SeqCst);
    assert_eq!(
        campaign.start("collect").await.expect_err("it is gone").code(),
        "not_found"
    );

    world.ready(Mode::FullSequence).await;
    armed.store(true, Ordering::SeqCst);
    let (views, next) = world
        .engine
        .campaigns(CampaignQuery::default())
        .await
        .expect("a page without it");
    assert!(views.is_empty() && next.is_none());
}

/// Fails the named reads while it is armed.
struct Fails {
    armed: Arc<AtomicBool>,
    reads: &'static [&'static str],
}

#[async_trait]
impl Between for Fails {
    async fn before(&self, call: &'static str) -> Result<(), StorageError> {
        match self.armed.load(Ordering::SeqCst) && self.reads.contains(&call) {
            true => Err(failing()),
            false => Ok(()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_phase_pauses_stops_and_ends_although_the_configs_can_t_be_checked() {
    let armed = Arc::new(AtomicBool::new(false));
    let world = world(Fails {
        armed: Arc::clone(&armed),
        reads: &["config", "resource"],
    });
    let paused = world.ready(Mode::FullSequence).await;
    paused.start("collect").await.expect("it starts");
    let ticket = world.running(&paused, "collect").await;
    let failed = world.ready(Mode::FullSequence).await;
    failed.start("collect").await.expect("it starts");
    let failing = world.running(&failed, "collect").await;
    armed.store(true, Ordering::SeqCst);

    let pause = tokio::spawn({
        let paused = paused.clone();
        async move { paused.pause().await }
    });
    intent(&world, &paused, Some(Intent::Pause)).await;
    world.stage.rest(&ticket).await;
    pause.await.expect("no panic").expect("it is paused");
    paused.stop().await.expect("it is stopped");
    assert_eq!(
        paused.pause().await.expect_err("it is stopped").code(),
        "not_running"
    );

    world.stage.fail(&failing, Failure::new("flaky", "flaky")).await;
    intent(&world, &failed, None).await;
    assert_eq!(failed.resume().await.expect_err("it failed").code(), "not_paused");
}

#[tokio::test(start_paused = true)]
async fn a_runner_is_asked_to_rest_although_the_store_can_t_be_read_after_the_intent() {
    let armed = Arc::new(AtomicBool::new(false));
    let inner = Arc::new(MemoryStorage::new());
    let seen = seen(
        &inner,
        Fails {
            armed: Arc::clone(&armed),
            reads: &["latest"],
        },
    );
    let heeds = Doing(|ctx: RunContext| async move {
        ctx.cancelled().await;
        Err(RunError::Interrupted)
    });
    let pipeline = builder("press").runner(definition("collect"), heeds);
    let engine = Engine::builder()
        .storage(seen)
        .pipeline(pipeline.build().expect("a valid pipeline"))
        .build()
        .expect("an engine");
    let new = NewCampaign::new("spring").config("collect", json!({"value": 1}));
    let campaign = engine.create(new).await.expect("it is created");
    campaign.start("collect").await.expect("it starts");
    armed.store(true, Ordering::SeqCst);
    assert_eq!(campaign.pause().await, Err(failing().into()));
    let at_rest = async {
        loop {
            let latest = inner.latest().await.expect("a read");
            let now = inner.campaign(campaign.id()).await.expect("a read");
            if now.campaign.expect("a campaign").ticket().is_none() {
                return;
            }
            inner
                .changed(ChangeScope::Store, latest, Duration::from_secs(60))
                .await
                .expect("a change");
        }
    };
    tokio::time::timeout(Duration::from_secs(3600), at_rest)
        .await
        .expect("the runner was asked");
}

/// Fails as many reads of a campaign as it is told to, and counts all of them.
#[derive(Clone)]
struct FailsTimes {
    left: Arc<AtomicU32>,
    reads: Arc<AtomicU32>,
    error: StorageError,
}

impl FailsTimes {
    fn new(error: StorageError) -> Self {
        Self {
            left: Arc::default(),
            reads: Arc::default(),
            error,
        }
    }

    fn fail(&self, times: u32) {
        self.reads.store(0, Ordering::SeqCst);
        self.left.store(times, Ordering::SeqCst);
    }

    fn reads(&self) -> u32 {
        self.reads.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Between for FailsTimes {
    async fn before(&self, call: &'static str) -> Result<(), StorageError> {
        if call != "campaign" {
            return Ok(());
        }
        self.reads.fetch_add(1, Ordering::SeqCst);
        let one_less = |left: u32| left.checked_sub(1);
        match self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
        {
            Ok(_) => Err(self.error.clone()),
            Err(_) => Ok(()),
        }
    }
}

/// Waits until this process works on nothing any more.
async fn nothing_runs(engine: &Engine) {
    let begun = Instant::now();
    while engine.running_phases() > 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(3600),
            "it gives up in the end"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_is_recorded_once_the_store_can_be_reached_again() {
    let fails = FailsTimes::new(failing());
    let world = world(fails.clone());
    let campaign = world.ready(Mode::StepByStep).await;
    campaign.start("collect").await.expect("it starts");
    let ticket = world.running(&campaign, "collect").await;
    fails.fail(3);
    let begun = Instant::now();
    world.stage.complete(&ticket, json!({})).await;
    intent(&world, &campaign, None).await;
    assert_eq!(begun.elapsed(), Duration::from_millis(100 + 200 + 400));
    assert_eq!(campaign.view().await.expect("a view").position, 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_is_not_asked_for_ever_to_record_the_end_of_a_run() {
    let fails = FailsTimes::new(failing());
    let world = world(fails.clone());
    let campaign = world.ready(Mode::StepByStep).await;
    campaign.start("collect").await.expect("it starts");
    let ticket = world.running(&campaign, "collect").await;
    fails.fail(u32::MAX);
    world.stage.complete(&ticket, json!({})).await;
    nothing_runs(&world.engine).await;
    assert_eq!(fails.reads(), 21, "once, and twenty times again");
    assert_eq!(world.ticket(&campaign).await, ticket, "it is left to a recovery");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_must_be_opened_anew_is_not_asked_again_to_record_the_end_of_a_run() {
    let fails = FailsTimes::new(StorageError::OutcomeUnknown {
        write: Box::new(WriteRef::Leases {}),
        reason: "as the test told it to".to_owned(),
    });
    let world = world(fails.clone());
    let campaign = world.ready(Mode::StepByStep).await;
    campaign.start("collect").await.expect("it starts");
    let ticket = world.running(&campaign, "collect").await;
    fails.fail(u32::MAX);
    world.stage.complete(&ticket, json!({})).await;
    nothing_runs(&world.engine).await;
    assert_eq!(fails.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_store_that_is_asked_again() {
    let fails = FailsTimes::new(failing());
    let world = world(fails.clone());
    let campaign = world.ready(Mode::StepByStep).await;
    campaign.start("collect").await.expect("it starts");
    let ticket = world.running(&campaign, "collect").await;
    fails.fail(u32::MAX);
    world.stage.complete(&ticket, json!({})).await;
    while fails.reads() == 0 {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    world.engine.shutdown().await.expect("it shuts down in order");
    assert_eq!((begun.elapsed(), fails.reads()), (Duration::ZERO, 1));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_a_pause_that_waits_for_another_engine() {
    let there = World::new();
    let campaign = there.ready(Mode::FullSequence).await;
    campaign.start("collect").await.expect("it starts");
    there.running(&campaign, "collect").await;
    let here = World::on(Arc::new(there.storage.connect()), None, |builder| builder);
    let pause = tokio::spawn({
        let campaign = here.engine.campaign(campaign.id()).await.expect("it is there");
        async move { campaign.pause().await }
    });
    intent(&there, &campaign, Some(Intent::Pause)).await;
    tokio::time::timeout(Duration::from_secs(3600), here.engine.shutdown())
        .await
        .expect("it doesn't wait for the other engine")
        .expect("it shuts down in order");
    let refused = pause.await.expect("no panic").expect_err("it is down");
    assert_eq!(refused.code(), "shut_down");
}
