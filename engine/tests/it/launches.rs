//! Commits that take their time: the lease of a launch counts from before its commit, no renewal ends what is not yet there, and none
//! complains of what has just ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use phasegate::Mode;
use phasegate::storage::{ChangeScope, Storage, StorageError};
use phasegate_testkit::MemoryStorage;
use serde_json::json;
use tokio::sync::Notify;
use tracing::Level;

use crate::support::interposed::{Between, Held, seen};
use crate::support::log::Log;
use crate::support::{World, running};

/// Holds calls and answers while it is cut: all of them, or those of one call alone.
#[derive(Clone)]
struct Cut {
    state: Arc<CutState>,
    only: Option<&'static str>,
}

#[derive(Default)]
struct CutState {
    is_cut: AtomicBool,
    joined: Notify,
}

impl Cut {
    fn new(only: Option<&'static str>) -> Self {
        Self {
            state: Arc::default(),
            only,
        }
    }

    fn cut(&self) {
        self.state.is_cut.store(true, Ordering::SeqCst);
    }

    fn join(&self) {
        self.state.is_cut.store(false, Ordering::SeqCst);
        self.state.joined.notify_waiters();
    }

    async fn passes(&self, call: &'static str) {
        while self.state.is_cut.load(Ordering::SeqCst) && self.only.is_none_or(|only| only == call) {
            self.state.joined.notified().await;
        }
    }
}

/// Holds what is asked.
struct Before(Cut);

#[async_trait]
impl Between for Before {
    async fn before(&self, call: &'static str) -> Result<(), StorageError> {
        self.0.passes(call).await;
        Ok(())
    }
}

/// Cuts the line when a call is done, before its answer.
struct CutAt {
    call: &'static str,
    cut: Cut,
    armed: Arc<AtomicBool>,
}

#[async_trait]
impl Between for CutAt {
    async fn before(&self, call: &'static str) -> Result<(), StorageError> {
        self.cut.passes(call).await;
        Ok(())
    }

    async fn after(&self, call: &'static str) {
        if call == self.call && self.armed.swap(false, Ordering::SeqCst) {
            self.cut.cut();
        }
        self.cut.passes(call).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_whose_launch_is_answered_after_its_lease_never_begins() {
    never_begins_when_cut_off_at("commit").await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_learns_where_it_stands_after_its_lease_never_begins() {
    never_begins_when_cut_off_at("run_output").await;
}

async fn never_begins_when_cut_off_at(call: &'static str) {
    let inner = Arc::new(MemoryStorage::new());
    let (cut, armed) = (Cut::new(None), Arc::new(AtomicBool::new(false)));
    let between = CutAt {
        call,
        cut: cut.clone(),
        armed: Arc::clone(&armed),
    };
    let store = seen(&inner, between);
    let slow = World::on(Arc::clone(&inner), None, |builder| builder.storage(store));
    let campaign = slow.ready(Mode::StepByStep).await;
    // The first attempt of a run has nothing to learn, so it is the second one that is cut off.
    campaign.start("collect").await.expect("it starts");
    slow.running(&campaign, "collect").await;
    campaign.pause().await.expect("it comes to rest");
    let launches = slow.stage.launches();
    armed.store(true, Ordering::SeqCst);
    let resuming = tokio::spawn({
        let campaign = campaign.clone();
        async move { campaign.resume().await }
    });
    tokio::time::sleep(Duration::from_secs(40)).await;
    inner.clock().advance(Duration::from_secs(40));
    let other = World::on(Arc::clone(&inner), None, |builder| builder);
    other.engine.recover().await.expect("it takes the attempt up");
    let ticket = other.running(&campaign, "collect").await;
    assert_eq!(ticket.attempt.0, 3);

    cut.join();
    resuming
        .await
        .expect("no panic")
        .expect("the resumption was committed");
    while slow.engine.running_phases() > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(
        slow.stage.launches(),
        launches,
        "its lease was over before it could begin"
    );
    other.stage.complete(&ticket, json!({})).await;
}

#[tokio::test(start_paused = true)]
async fn a_renewal_while_a_launch_is_committed_doesn_t_end_it() {
    let inner = Arc::new(MemoryStorage::new());
    let cut = Cut::new(Some("commit"));
    let store = seen(&inner, Before(cut.clone()));
    let world = World::on(Arc::clone(&inner), None, |builder| builder.storage(store));
    let working = world.ready(Mode::StepByStep).await;
    working.start("collect").await.expect("it starts");
    world.running(&working, "collect").await;
    let campaign = world.ready(Mode::StepByStep).await;
    cut.cut();
    let starting = tokio::spawn({
        let campaign = campaign.clone();
        async move { campaign.start("collect").await }
    });
    // Leases are renewed every 10 s.
    tokio::time::sleep(Duration::from_secs(15)).await;
    cut.join();
    starting.await.expect("no panic").expect("it starts");
    let ticket = world.ticket(&campaign).await;
    let arrived = tokio::time::timeout(Duration::from_secs(5), world.stage.arrived(&ticket)).await;
    arrived.expect("its runner begins at once");
    world.stage.complete(&ticket, json!({})).await;
    let completed = async {
        while campaign.view().await.expect("a view").position == 0 {
            let latest = inner.latest().await.expect("a read");
            let scope = ChangeScope::Campaign(campaign.id());
            inner
                .changed(scope, latest, Duration::from_secs(60))
                .await
                .expect("a change");
        }
    };
    tokio::time::timeout(Duration::from_secs(60), completed)
        .await
        .expect("it completes");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_while_an_end_is_committed_tells_of_no_lost_lease() {
    let (log, _guard) = Log::listen();
    let inner = Arc::new(MemoryStorage::new());
    let end = Held::answer_of("commit");
    let store = seen(&inner, end.clone());
    let world = World::on(Arc::clone(&inner), None, |builder| builder.storage(store));
    let (campaign, ticket) = running(&world).await;
    end.next();
    world.stage.complete(&ticket, json!({})).await;
    end.arrived().await;
    // Leases are renewed every 10 s.
    tokio::time::sleep(Duration::from_secs(15)).await;
    end.release();
    world.running(&campaign, "refine").await;
    assert_eq!(log.with(Level::WARN, "ticket"), []);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_another_engine_has_taken_is_told_as_lost() {
    let (log, _guard) = Log::listen();
    let here = World::new();
    let (campaign, ticket) = running(&here).await;
    here.storage.end_leases();
    let there = World::on(Arc::new(here.storage.connect()), None, |builder| builder);
    there.engine.recover().await.expect("it takes the attempt up");
    assert_eq!(there.running(&campaign, "collect").await.attempt.0, 2);
    tokio::time::sleep(Duration::from_secs(15)).await;
    let lost = log.with(Level::WARN, "ticket");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(lost[0]["ticket"], ticket.to_string());
}
