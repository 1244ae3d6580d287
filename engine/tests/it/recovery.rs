//! Shutdowns, and the recovery of running phases by the next engine.

use std::sync::Arc;

use phasegate::storage::Storage;
use phasegate::{CampaignStatus, Deferred, Engine, RunContext, RunOutcome};
use phasegate_testkit::MemoryStorage;

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
