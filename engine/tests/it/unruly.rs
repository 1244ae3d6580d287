//! A store that fails or panics where nobody expects it, and a runner that fails because everything around it goes down.

use std::sync::Arc;
use std::time::Duration;

use phasegate::core::Intent;
use phasegate::storage::Storage;
use phasegate::{Failure, Ticket};
use phasegate_testkit::MemoryStorage;
use serde_json::json;
use tracing::Level;

use crate::support::interposed::{Between, Fault, Faulty, Held, seen};
use crate::support::log::Log;
use crate::support::{World, running};

/// How long anything may take, by the virtual clock.
const DEADLINE: Duration = Duration::from_secs(600);

/// A world whose engine sees the store through `between`.
fn world(storage: &Arc<MemoryStorage>, between: impl Between) -> World {
    let through = seen(storage, between);
    World::on(Arc::clone(storage), None, |builder| builder.storage(through))
}

/// The next attempt of a phase that runs in no process any more: the one that had it shut down in order.
async fn left_behind(storage: &Arc<MemoryStorage>) -> Ticket {
    let before = World::on(Arc::new(storage.connect()), None, |builder| builder);
    let (_, mut ticket) = running(&before).await;
    let (left, ()) = tokio::join!(before.engine.shutdown(), async { before.stage.close() });
    left.expect("it shuts down in order");
    ticket.attempt = ticket.attempt.next();
    ticket
}

/// Waits until an attempt works in this world.
async fn works(world: &World, ticket: &Ticket) {
    tokio::time::timeout(DEADLINE, world.stage.arrived(ticket))
        .await
        .expect("it works in the end");
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_taken_up_although_the_first_look_failed() {
    let storage = Arc::new(MemoryStorage::new());
    let next = left_behind(&storage).await;
    let faulty = Faulty::unavailable_at("due");
    let world = world(&storage, faulty.clone());
    faulty.next(1);
    let failed = world.engine.recover().await;
    assert_eq!(failed.expect_err("the store failed").code(), "storage_failed");
    works(&world, &next).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_in_a_look_is_looked_at_again_and_the_panic_is_logged_as_an_error() {
    let (log, _guard) = Log::listen();
    for call in ["due", "changed"] {
        let storage = Arc::new(MemoryStorage::new());
        let faulty = Faulty::at(call, Fault::Panic);
        let world = world(&storage, faulty.clone());
        world.engine.recover().await.expect("nothing is due");
        faulty.next(1);
        let next = left_behind(&storage).await;
        works(&world, &next).await;
    }
    assert_eq!(log.with(Level::ERROR, "panic").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_taken_up_although_the_store_panicked_at_the_first_look() {
    let storage = Arc::new(MemoryStorage::new());
    let next = left_behind(&storage).await;
    let faulty = Faulty::at("due", Fault::Panic);
    let world = world(&storage, faulty.clone());
    faulty.next(1);
    let failed = world.engine.recover().await;
    assert_eq!(failed.expect_err("the store panicked").code(), "storage_failed");
    works(&world, &next).await;
}

#[tokio::test(start_paused = true)]
async fn a_campaign_at_which_the_store_panics_holds_up_no_other_and_is_taken_up_later() {
    let storage = Arc::new(MemoryStorage::new());
    let both = [left_behind(&storage).await, left_behind(&storage).await];
    let faulty = Faulty::at("campaign", Fault::Panic);
    let world = world(&storage, faulty.clone());
    faulty.next(1);
    let recovery = world.engine.recover().await.expect("it recovers the other one");
    assert_eq!(
        (recovery.resumed.len(), recovery.failed.len()),
        (1, 1),
        "{recovery:?}"
    );
    for next in &both {
        works(&world, next).await;
    }
}

#[tokio::test(start_paused = true)]
async fn leases_are_renewed_although_the_store_panicked_at_a_renewal() {
    let storage = Arc::new(MemoryStorage::new());
    let faulty = Faulty::at("renew", Fault::Panic);
    let world = world(&storage, faulty.clone());
    running(&world).await;
    faulty.next(1);
    // Leases are renewed every 10 s.
    tokio::time::sleep(Duration::from_secs(35)).await;
    assert_eq!(faulty.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_is_recorded_although_the_store_panicked_at_it() {
    let storage = Arc::new(MemoryStorage::new());
    let faulty = Faulty::at("commit", Fault::Panic);
    let world = world(&storage, faulty.clone());
    let (campaign, ticket) = running(&world).await;
    faulty.next(1);
    world.stage.complete(&ticket, json!({})).await;
    tokio::time::timeout(DEADLINE, world.running(&campaign, "refine"))
        .await
        .expect("the chain goes on");
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
    let world = world(&Arc::new(MemoryStorage::new()), latest.clone());
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
