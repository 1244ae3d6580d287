//! A store that fails at the first look, and a runner that fails because everything around it goes down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use phasegate::Failure;
use phasegate::core::Intent;
use phasegate::storage::{ChangeScope, Storage, StorageError};
use phasegate_testkit::MemoryStorage;

use crate::support::interposed::{Between, Held, seen};
use crate::support::{World, running};

fn failing() -> StorageError {
    StorageError::Unavailable {
        reason: "as the test told it to".to_owned(),
    }
}

/// Fails calls of one name, so many of them.
#[derive(Clone)]
struct FailsCalls {
    call: &'static str,
    left: Arc<AtomicU32>,
}

#[async_trait]
impl Between for FailsCalls {
    async fn before(&self, call: &'static str) -> Result<(), StorageError> {
        let fails = call == self.call
            && self
                .left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_ok();
        if fails { Err(failing()) } else { Ok(()) }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_taken_up_although_the_first_look_failed() {
    let storage = Arc::new(MemoryStorage::new());
    let before = World::on(Arc::clone(&storage), None, |builder| builder);
    let (campaign, _) = running(&before).await;
    let (left, ()) = tokio::join!(before.engine.shutdown(), async { before.stage.close() });
    left.expect("it shuts down in order");
    storage.reopen();
    let fails = FailsCalls {
        call: "due",
        left: Arc::new(AtomicU32::new(1)),
    };
    let through = seen(&storage, fails);
    let latest = storage.latest().await.expect("a read");
    let world = World::on(storage, None, |builder| builder.storage(through));
    let failed = world.engine.recover().await;
    assert_eq!(failed.expect_err("the store failed").code(), "storage_failed");
    let scope = ChangeScope::Campaign(campaign.id());
    let at_most = Duration::from_secs(600);
    let changed = world.storage.changed(scope, latest, at_most).await;
    assert!(changed.expect("a store"), "it is taken up in the end");
    assert_eq!(world.running(&campaign, "collect").await.attempt.0, 2);
}

#[tokio::test]
async fn a_runner_that_fails_because_of_the_shutdown_leaves_its_phase_running() {
    let world = World::new();
    let (campaign, ticket) = running(&world).await;
    let (left, ()) = tokio::join!(world.engine.shutdown(), async {
        world
            .stage
            .fail(&ticket, Failure::new("broken_pipe", "its helper is gone"))
            .await;
    });
    left.expect("it shuts down in order");
    world.storage.reopen();
    let snapshot = world.storage.campaign(campaign.id()).await.expect("a read");
    let snapshot = snapshot.campaign.expect("a campaign");
    assert_eq!(
        snapshot.working_ticket(),
        Some(ticket),
        "it is taken up by the next engine"
    );
}

#[tokio::test]
async fn a_pause_that_a_shutdown_overtakes_stays_a_request_for_the_next_engine() {
    let latest = Held::answer_of("latest");
    let storage = Arc::new(MemoryStorage::new());
    let seen = seen(&storage, latest.clone());
    let world = World::on(storage, None, |builder| builder.storage(seen));
    let (campaign, ticket) = running(&world).await;
    latest.next();
    let pause = tokio::spawn({
        let campaign = campaign.clone();
        async move { campaign.pause().await }
    });
    // The pause is durable, and looks whether there is a runner to wait for.
    latest.arrived().await;
    let (left, ()) = tokio::join!(world.engine.shutdown(), async {
        world.stage.close();
        while world.engine.running_phases() > 0 {
            tokio::task::yield_now().await;
        }
        latest.release();
    });
    left.expect("it shuts down in order");
    let refused = pause.await.expect("no panic").expect_err("it is down");
    assert_eq!(refused.code(), "shut_down");
    world.storage.reopen();
    let snapshot = world.storage.campaign(campaign.id()).await.expect("a read");
    let snapshot = snapshot.campaign.expect("a campaign");
    assert_eq!(snapshot.intent(), Some(Intent::Pause));
    assert_eq!(snapshot.working_ticket(), Some(ticket));
}
