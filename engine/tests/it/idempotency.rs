//! Commands that are sent again with their idempotency key.

use phasegate::storage::IdempotencyKey;
use phasegate::{CampaignStatus, Failure, Mode, NewCampaign};

use crate::support::World;

#[tokio::test]
async fn an_idempotency_key_carries_a_command_out_once_and_is_scoped_to_its_campaign() {
    let world = World::new();
    let new = || NewCampaign::new("spring").idempotency_key("create-1");
    let first = world.engine.create(new()).await.expect("it is created");
    let again = world.engine.create(new()).await.expect("the same outcome");
    assert_eq!(first.id(), again.id());
    let other = world
        .engine
        .create(NewCampaign::new("autumn").idempotency_key("create-1"))
        .await;
    assert_eq!(
        other.map(|one| one.id()).expect_err("another command").code(),
        "idempotency_key_reused"
    );

    let campaign = world.ready(Mode::FullSequence).await;
    let keyed = campaign.with_idempotency_key("start-1").expect("a valid key");
    let refused = world.engine.campaign(first.id()).await.expect("it is there");
    let refused = refused
        .with_idempotency_key("start-1")
        .expect("a valid key")
        .start("collect")
        .await;
    assert_eq!(refused.expect_err("no config").code(), "preflight_failed");
    let started = keyed.start("collect").await.expect("it starts");
    assert_eq!(keyed.start("collect").await.expect("the same outcome"), started);
    assert_eq!(
        keyed.start("refine").await.expect_err("another command").code(),
        "idempotency_key_reused"
    );
    let ticket = world.running(&campaign, "collect").await;
    world.stage.fail(&ticket, Failure::new("flaky", "flaky")).await;
    campaign.at_rest().await.expect("a view");
    assert_eq!(
        keyed.start("collect").await.expect("still the same outcome"),
        started
    );
    assert_eq!(
        campaign.view().await.expect("a view").status,
        CampaignStatus::Failed,
        "it was not started again"
    );
    assert!(IdempotencyKey::new("with space").is_err());
}

#[tokio::test]
async fn a_deletion_that_is_sent_again_with_its_key_has_the_same_outcome() {
    let world = World::new();
    let campaign = world.ready(Mode::StepByStep).await;
    let keyed = campaign.with_idempotency_key("delete-1").expect("a valid key");
    keyed.delete().await.expect("it is deleted");
    keyed.delete().await.expect("the same outcome");
    let other = keyed.set_mode(Mode::FullSequence).await;
    assert_eq!(
        other.expect_err("another command").code(),
        "idempotency_key_reused"
    );
    let unkeyed = campaign.delete().await;
    assert_eq!(unkeyed.expect_err("it is gone").code(), "not_found");
}
