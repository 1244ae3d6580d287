//! Dry runs: what a command would do, and that nothing is done.

use phasegate::core::{Command, EventKind};
use phasegate::storage::Storage;
use phasegate::{CampaignStatus, Envelope, Mode, NewCampaign, PhaseName};
use serde_json::json;

use crate::support::{World, running};

fn phase(name: &str) -> PhaseName {
    PhaseName::new(name).expect("a valid name")
}

#[tokio::test]
async fn a_dry_run_shows_the_events_and_the_campaign_that_the_command_makes_and_does_nothing() {
    let world = World::new();
    let new = NewCampaign::new("spring").config("collect", json!({"value": 1}));
    let campaign = world.engine.create(new).await.expect("it is created");
    let before = campaign.snapshot().await.expect("a read");

    let configure = Command::Configure {
        configs: [(phase("refine"), json!({"value": 7}))].into(),
    };
    let dry = campaign
        .dry_run(configure.clone())
        .await
        .expect("it would be done");
    let [event] = &dry.events[..] else {
        panic!("{dry:?}")
    };
    assert!(matches!(&event.kind, EventKind::PhaseConfigured { phase, .. } if phase.as_str() == "refine"));
    let shown = dry.campaign.expect("a campaign");
    assert!(
        shown.phases[1].configured && shown.phases[1].problems.items().is_empty(),
        "{shown:?}"
    );

    let start = Command::Start {
        phase: phase("collect"),
    };
    let by_ada = Envelope::none().by("ada").expect("a short name");
    let dry = campaign
        .with_envelope(by_ada)
        .dry_run(start)
        .await
        .expect("it would be done");
    assert_eq!(dry.events[0].envelope.actor(), Some("ada"));
    assert_eq!(dry.campaign.expect("a campaign").status, CampaignStatus::Running);

    assert_eq!(
        campaign.snapshot().await.expect("a read"),
        before,
        "nothing was done"
    );
    assert_eq!(world.stage.launches(), 0);
    let receipt = campaign
        .configure("refine", json!({"value": 7}))
        .await
        .expect("it is done");
    assert!(receipt.changed);
    let done = campaign.view().await.expect("a view");
    assert_eq!(done.phases[1], shown.phases[1], "what was shown is what was done");
    let again = campaign.dry_run(configure).await.expect("it would succeed");
    assert!(again.events.is_empty(), "its effect is there already: {again:?}");
}

#[tokio::test]
async fn a_dry_run_is_refused_as_the_command_is() {
    let world = World::new();
    let campaign = world
        .engine
        .create(NewCampaign::new("spring"))
        .await
        .expect("it is created");
    let start = Command::Start {
        phase: phase("collect"),
    };
    let refused = campaign.dry_run(start).await.expect_err("its config is missing");
    assert_eq!(
        refused,
        campaign
            .start("collect")
            .await
            .expect_err("its config is missing")
    );
    let wrong = Command::Configure {
        configs: [(phase("collect"), json!({"value": -1}))].into(),
    };
    assert_eq!(
        campaign.dry_run(wrong).await.expect_err("it is too small").code(),
        "config_invalid"
    );
    let gone = campaign
        .dry_run(Command::Delete {})
        .await
        .expect("it would be done");
    assert_eq!(gone.campaign, None);
    assert!(campaign.snapshot().await.is_ok(), "it is there still");
}

#[tokio::test]
async fn a_dry_run_beside_a_running_phase_leaves_it_alone() {
    let world = World::new();
    let (campaign, ticket) = running(&world).await;
    let dry = campaign
        .dry_run(Command::Stop {})
        .await
        .expect("it would be done");
    assert_eq!(dry.campaign.expect("a campaign").status, CampaignStatus::Stopping);
    world.stage.commit(&ticket, 1).await.expect("it works on");
    assert_eq!(
        campaign.view().await.expect("a view").status,
        CampaignStatus::Running
    );
}

#[tokio::test]
async fn the_dry_run_of_a_creation_shows_the_campaign_and_creates_none() {
    let world = World::new();
    let new = NewCampaign::new("spring")
        .mode(Mode::FullSequence)
        .config("collect", json!({"value": 1}))
        .idempotency_key("once");
    let dry = world
        .engine
        .dry_run_creation(new.clone())
        .await
        .expect("it would be created");
    let shown = dry.campaign.expect("a campaign");
    assert_eq!((shown.name.as_str(), shown.mode), ("spring", Mode::FullSequence));
    let missing = shown.preflight.missing_phases();
    assert_eq!(
        missing,
        [phase("refine"), phase("publish")],
        "a preflight of what isn't stored"
    );
    assert_eq!(
        world.storage.latest().await.expect("a read"),
        None,
        "the store is empty"
    );
    let created = world.engine.create(new).await.expect("the key is free");
    assert_ne!(created.id(), shown.id);
    let wrong = NewCampaign::new("");
    let refused = world
        .engine
        .dry_run_creation(wrong)
        .await
        .expect_err("it has no name");
    assert_eq!(refused.code(), "invalid_name");
}
