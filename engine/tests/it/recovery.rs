//! Shutdowns, and the recovery of running phases by the next engine.

use std::sync::Arc;
use std::time::Duration;

use phasegate::storage::Storage;
use phasegate::{CampaignId, CampaignStatus, Deferred, Engine, RunContext, RunOutcome};
use phasegate_testkit::MemoryStorage;

use crate::support::interposed::{Faulty, seen};
use crate::support::{Doing, World, builder, definition, running};

#[tokio::test]
async fn a_shutdown_is_not_a_pause_and_the_next_engine_recovers_with_the_next_attempt() {
    let storage = Arc::new(MemoryStorage::new());
    let world = World::on(Arc::clone(&storage), None, |builder| builder);
    let (campaign, ticket) = running(&world).await;
    world.stage.commit(&ticket, 2).await.expect("durable");
    let (left, ()) = tokio::join!(world.engine.shutdown(), async { world.stage.close() });
    left.expect("it shuts down in order");
    assert_eq!(
        campaign.start("collect").await.expect_err("it is down").code(),
        "shut_down"
    );
    storage.reopen();

    let next = World::on(storage, None, |builder| builder);
    let campaign = next.engine.campaign(campaign.id()).await.expect("it is there");
    assert_eq!(
        campaign.view().await.expect("a view").status,
        CampaignStatus::Running,
        "opening launches nothing"
    );
    assert_eq!(next.stage.launches(), 0);
    let recovery = next.engine.recover().await.expect("it recovers");
    assert_eq!(recovery.resumed, [campaign.id()]);
    let ticket = next.running(&campaign, "collect").await;
    assert_eq!((ticket.run.0, ticket.attempt.0), (1, 2));
    next.stage.commit(&ticket, 1).await.expect("durable");
    let again = next.engine.recover().await.expect("nothing to do");
    assert!(
        again.resumed.is_empty(),
        "an attempt that runs here is not taken over"
    );
}

#[tokio::test]
async fn a_recovery_leaves_campaigns_of_pipelines_that_are_not_registered_as_they_are_and_names_them() {
    let storage = Arc::new(MemoryStorage::new());
    let world = World::on(Arc::clone(&storage), None, |builder| builder);
    let (campaign, _) = running(&world).await;
    let (left, ()) = tokio::join!(world.engine.shutdown(), async { world.stage.close() });
    left.expect("it shuts down in order");
    storage.reopen();
    let before = storage.campaign(campaign.id()).await.expect("a read");

    let defers = Doing(|_: RunContext| async move { Ok(RunOutcome::Deferred(Deferred::default())) });
    let other = builder("other").runner(definition("collect"), defers);
    let without = Engine::builder()
        .shared_storage(Arc::clone(&storage) as Arc<dyn Storage>)
        .pipeline(other.build().expect("a valid pipeline"))
        .build()
        .expect("an engine");
    let recovery = without.recover().await.expect("it recovers what it can");
    let failed: Vec<_> = recovery
        .failed
        .iter()
        .map(|(id, error)| (*id, error.code()))
        .collect();
    assert_eq!(failed, [(campaign.id(), "unknown_pipeline")]);
    assert!(recovery.resumed.is_empty() && recovery.settled.is_empty());
    assert_eq!(storage.campaign(campaign.id()).await.expect("a read"), before);

    let next = World::on(storage, None, |builder| builder);
    let recovery = next.engine.recover().await.expect("it recovers");
    assert_eq!(recovery.resumed, [campaign.id()]);
}

/// Two campaigns whose phases run in no process any more: the one that had them shut down in order.
async fn two_left_behind(storage: &Arc<MemoryStorage>) -> [CampaignId; 2] {
    let before = World::on(Arc::new(storage.connect()), None, |builder| builder);
    let ((one, _), (other, _)) = (running(&before).await, running(&before).await);
    let (left, ()) = tokio::join!(before.engine.shutdown(), async { before.stage.close() });
    left.expect("it shuts down in order");
    [one.id(), other.id()]
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_watches_one_campaign_alone_leaves_the_others_to_other_engines() {
    let storage = Arc::new(MemoryStorage::new());
    let [one, other] = two_left_behind(&storage).await;
    let here = World::on(Arc::new(storage.connect()), None, |builder| builder);
    let recovery = here.engine.recover_campaign(one).await.expect("it recovers");
    assert_eq!(recovery.resumed, [one]);
    let there = World::on(storage, None, |builder| builder);
    assert_eq!(
        there.engine.recover().await.expect("it recovers").resumed,
        [other]
    );
}

#[tokio::test(start_paused = true)]
async fn what_nobody_watches_is_not_looked_at_in_a_tight_loop() {
    let storage = Arc::new(MemoryStorage::new());
    let [one, _] = two_left_behind(&storage).await;
    let counted = Faulty::unavailable_at("due");
    let worlds = [(); 2].map(|()| {
        let handle = Arc::new(storage.connect());
        let through = seen(&handle, counted.clone());
        World::on(handle, None, |builder| builder.storage(through))
    });
    for world in &worlds {
        world.engine.recover_campaign(one).await.expect("it recovers");
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let looks = counted.calls();
    assert!((50..=130).contains(&looks), "about once a second each: {looks}");
}
