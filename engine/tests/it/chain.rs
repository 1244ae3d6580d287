//! How a chain runs, waits, fails and goes on.

use std::collections::BTreeMap;

use phasegate::core::Timestamp;
use phasegate::storage::{CampaignQuery, EventScope};
use phasegate::{Answer, CampaignStatus, Engine, Failure, Mode, PhaseStatus, Reported};
use serde_json::json;
use tracing::Level;

use crate::support::log::Log;
use crate::support::{PHASES, World, builder, definition};

#[tokio::test]
async fn a_full_sequence_is_started_once_and_runs_to_its_end_by_itself() {
    let world = World::new();
    let campaign = world.ready(Mode::FullSequence).await;
    campaign.start("collect").await.expect("it starts");
    for phase in PHASES {
        world.play(&campaign, phase).await;
    }
    let view = campaign.at_rest().await.expect("a view");
    assert_eq!(view.status, CampaignStatus::Completed);
    assert_eq!(view.phases[1].summary, Some(json!({"phase": "refine"})));
    let story = [
        "phase_started collect 1.1",
        "phase_completed collect",
        "phase_auto_started refine 1.1",
        "phase_completed refine",
        "phase_auto_started publish 1.1",
        "phase_completed publish",
        "campaign_completed",
    ];
    assert_eq!(world.story(&campaign).await, story);
}

#[tokio::test]
async fn in_step_by_step_nothing_starts_by_itself() {
    let world = World::new();
    let campaign = world.ready(Mode::StepByStep).await;
    campaign.start("collect").await.expect("it starts");
    world.play(&campaign, "collect").await;
    let view = campaign.at_rest().await.expect("a view");
    assert_eq!((view.status, view.position), (CampaignStatus::Idle, 1));
    assert_eq!(world.stage.launches(), 1);
}

#[tokio::test]
async fn a_switch_to_full_sequence_while_a_phase_runs_takes_effect_at_its_end() {
    let world = World::new();
    let campaign = world.ready(Mode::StepByStep).await;
    campaign.start("collect").await.expect("it starts");
    let ticket = world.running(&campaign, "collect").await;
    campaign.set_mode(Mode::FullSequence).await.expect("it is set");
    assert_eq!(world.ticket(&campaign).await, ticket, "the switch starts nothing");
    world.play(&campaign, "collect").await;
    world.running(&campaign, "refine").await;
    assert!(
        !campaign
            .set_mode(Mode::FullSequence)
            .await
            .expect("the same again")
            .changed
    );
}

#[tokio::test]
async fn a_refused_start_lists_everything_that_is_missing_in_order_and_starts_nothing() {
    let world = World::new();
    let new = phasegate::NewCampaign::new("spring")
        .mode(Mode::FullSequence)
        .config("refine", json!({"value": 1}));
    let campaign = world.engine.create(new).await.expect("it is created");
    let error = campaign
        .start("collect")
        .await
        .expect_err("two configs are missing");
    let Some(phasegate::Rejection::PreflightFailed { report }) = error.rejection() else {
        panic!("{error}")
    };
    let missing: Vec<_> = report.missing_phases().iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["collect", "publish"]);
    assert_eq!(world.stage.launches(), 0);
    assert_eq!(
        world.log(&campaign).await,
        ["campaign_created", "phase_configured refine"]
    );
}

/// The warnings of campaigns. That nobody watches for retries is another matter.
fn warned(log: &Log) -> Vec<BTreeMap<String, String>> {
    log.with(Level::WARN, "campaign")
}

#[tokio::test]
async fn a_config_removed_mid_chain_waits_visibly_with_one_warning_and_goes_on_when_it_is_back() {
    let (log, _guard) = Log::listen();
    let world = World::new();
    let campaign = world.ready(Mode::FullSequence).await;
    campaign.start("collect").await.expect("it starts");
    world.running(&campaign, "collect").await;
    campaign.unconfigure("publish").await.expect("it has not started");
    world.play(&campaign, "collect").await;
    world.play(&campaign, "refine").await;
    let view = campaign.at_rest().await.expect("a view");
    assert_eq!(view.status, CampaignStatus::WaitingForConfiguration);
    assert_eq!(view.preflight.missing_phases()[0].as_str(), "publish");
    assert!(
        !world
            .log(&campaign)
            .await
            .iter()
            .any(|line| line.contains("failed")),
        "it is not an error"
    );
    let warned = warned(&log);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert_eq!(
        warned[0].get("missing_phases").map(String::as_str),
        Some("publish")
    );

    campaign
        .configure("publish", json!({"value": 2}))
        .await
        .expect("it is stored");
    assert_eq!(
        campaign.view().await.expect("a view").status,
        CampaignStatus::Idle,
        "storing it starts nothing"
    );
    campaign.start("publish").await.expect("it starts");
    world.play(&campaign, "publish").await;
    assert_eq!(
        campaign.at_rest().await.expect("a view").status,
        CampaignStatus::Completed
    );
}

#[tokio::test]
async fn a_chain_that_waits_is_warned_of_whatever_led_there_and_once() {
    let (log, _guard) = Log::listen();
    let warned = || warned(&log).len();
    let world = World::new();
    let campaign = world.ready(Mode::StepByStep).await;
    campaign.start("collect").await.expect("it starts");
    world.play(&campaign, "collect").await;
    campaign.at_rest().await.expect("a view");
    campaign.unconfigure("refine").await.expect("it has not started");
    assert_eq!(warned(), 0, "in step by step nothing waits");
    campaign.set_mode(Mode::FullSequence).await.expect("it is set");
    let view = campaign.view().await.expect("a view");
    assert_eq!(
        (view.status, warned()),
        (CampaignStatus::WaitingForConfiguration, 1)
    );
    campaign.unconfigure("publish").await.expect("it has not started");
    assert_eq!(warned(), 1, "it waits still");
}

#[tokio::test]
async fn a_completion_under_a_changed_pipeline_is_not_warned_of_as_waiting_for_configuration() {
    let (log, _guard) = Log::listen();
    let world = World::new();
    let campaign = world.ready(Mode::FullSequence).await;
    campaign.start("collect").await.expect("it starts");
    let ticket = world.running(&campaign, "collect").await;
    let changed = builder("press").runner(definition("collect"), world.stage.runner());
    let other = Engine::builder()
        .shared_storage(world.storage.clone())
        .pipeline(changed.build().expect("a valid pipeline"))
        .build()
        .expect("an engine");
    let reported = other.report(&ticket, Answer::Completed(json!({}))).await;
    assert_eq!(reported.expect("an answer"), Reported::Recorded);
    let there = other.campaign(campaign.id()).await.expect("it is there");
    assert_eq!(there.view().await.expect("a view").status, CampaignStatus::Idle);
    let warned = warned(&log);
    assert!(warned.is_empty(), "{warned:?}");
}

#[tokio::test]
async fn a_failed_phase_starts_nothing_and_goes_on_from_its_checkpoint_when_its_config_is_unchanged() {
    let world = World::new();
    let campaign = world.ready(Mode::FullSequence).await;
    campaign.start("collect").await.expect("it starts");
    world.play(&campaign, "collect").await;
    let ticket = world.running(&campaign, "refine").await;
    world.stage.commit(&ticket, 3).await.expect("durable");
    world
        .stage
        .fail(&ticket, Failure::new("flaky", "it was flaky"))
        .await;
    let view = campaign.at_rest().await.expect("a view");
    assert_eq!(view.status, CampaignStatus::Failed);
    assert_eq!(
        view.phases[1]
            .failure
            .as_ref()
            .map(|failure| failure.code.as_str()),
        Some("flaky")
    );
    assert_eq!(world.stage.on_stage().len(), 0);

    campaign.start("refine").await.expect("it goes on");
    let ticket = world.running(&campaign, "refine").await;
    assert_eq!((ticket.run.0, ticket.attempt.0), (1, 2));
    world.stage.commit(&ticket, 2).await.expect("durable");
    world.stage.fail(&ticket, Failure::new("flaky", "again")).await;
    campaign.at_rest().await.expect("a view");
    assert_eq!(numbers(&campaign, "refine").await, [0, 1, 2, 3, 4]);

    campaign
        .configure("refine", json!({"value": 9}))
        .await
        .expect("a failed phase may be configured");
    campaign.start("refine").await.expect("it begins afresh");
    let ticket = world.running(&campaign, "refine").await;
    assert_eq!((ticket.run.0, ticket.attempt.0), (2, 1));
    assert_eq!(numbers(&campaign, "refine").await, [0u64; 0]);
    world.play(&campaign, "refine").await;
    world.play(&campaign, "publish").await;
    assert_eq!(
        campaign.at_rest().await.expect("a view").status,
        CampaignStatus::Completed
    );
    let old = campaign
        .records_of_run(ticket.phase, phasegate::core::Run(1), 0)
        .next()
        .await
        .expect("a read");
    assert!(old.is_some(), "the records of the first run are history");
}

async fn numbers(campaign: &phasegate::CampaignHandle, phase: &str) -> Vec<u64> {
    let mut records = campaign.records(phase, 0).await.expect("a read");
    let mut numbers = Vec::new();
    while let Some(record) = records.next().await.expect("a read") {
        let record: serde_json::Value = serde_json::from_str(record.get()).expect("JSON");
        numbers.push(record["number"].as_u64().expect("a number"));
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_concurrent_reports_of_one_completion_start_the_next_phase_once() {
    let world = World::new();
    let campaign = world.ready(Mode::FullSequence).await;
    campaign.start("collect").await.expect("it starts");
    let ticket = world.running(&campaign, "collect").await;
    let reports = (0..100).map(|_| {
        let (engine, ticket) = (world.engine.clone(), ticket.clone());
        tokio::spawn(async move {
            engine
                .report(&ticket, Answer::Completed(json!({"by": "hand"})))
                .await
        })
    });
    let mut recorded = 0;
    for report in reports.collect::<Vec<_>>() {
        match report.await.expect("no panic").expect("an answer") {
            Reported::Recorded => recorded += 1,
            Reported::AlreadyRecorded => {}
            Reported::Stale => panic!("the same outcome is not stale"),
        }
    }
    assert_eq!(recorded, 1);
    world.running(&campaign, "refine").await;
    let story = [
        "phase_started collect 1.1",
        "phase_completed collect",
        "phase_auto_started refine 1.1",
    ];
    assert_eq!(world.story(&campaign).await, story);
    let other = world
        .engine
        .report(&ticket, Answer::Completed(json!({"by": "another"})))
        .await
        .expect("an answer");
    assert_eq!(other, Reported::Stale, "another outcome of the same attempt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_concurrent_starts_run_the_phase_once() {
    let world = World::new();
    let campaign = world.ready(Mode::FullSequence).await;
    let starts: Vec<_> = (0..100)
        .map(|_| {
            let campaign = campaign.clone();
            tokio::spawn(async move { campaign.start("collect").await })
        })
        .collect();
    let mut accepted = 0;
    for start in starts {
        match start.await.expect("no panic") {
            Ok(_) => accepted += 1,
            Err(error) => assert_eq!(error.code(), "already_running"),
        }
    }
    assert_eq!(accepted, 1);
    world.running(&campaign, "collect").await;
    assert_eq!(world.stage.launches(), 1);
}

#[tokio::test]
async fn restarting_a_completed_phase_undoes_the_later_ones_and_keeps_their_numbers() {
    let world = World::new();
    let campaign = world.ready(Mode::FullSequence).await;
    campaign.start("collect").await.expect("it starts");
    for phase in PHASES {
        world.play(&campaign, phase).await;
    }
    campaign.at_rest().await.expect("a view");
    campaign
        .restart("refine", Some(json!({"value": 5})))
        .await
        .expect("it begins afresh");
    let view = campaign.view().await.expect("a view");
    assert_eq!(view.phases[2].status, PhaseStatus::NotStarted);
    world.play(&campaign, "refine").await;
    world.play(&campaign, "publish").await;
    campaign.at_rest().await.expect("a view");
    let story = world.story(&campaign).await;
    let tail: Vec<_> = story[7..].iter().map(String::as_str).collect();
    assert_eq!(
        tail,
        [
            "phase_configured refine",
            "phase_restarted refine 2.1",
            "phase_completed refine",
            "phase_auto_started publish 2.1",
            "phase_completed publish",
            "campaign_completed"
        ]
    );
}

#[tokio::test]
async fn a_resource_that_is_disabled_mid_chain_stops_the_chain_before_the_phase_that_needs_it() {
    let world = World::new();
    let any = phasegate::storage::Expected::Any;
    world
        .engine
        .put_resource("token", "t", json!({}), any)
        .await
        .expect("it is stored");
    let campaign = world.ready(Mode::FullSequence).await;
    campaign
        .configure("refine", json!({"value": 1, "tokenId": "t"}))
        .await
        .expect("it is stored");
    campaign.start("collect").await.expect("it starts");
    world.running(&campaign, "collect").await;
    world
        .engine
        .put_resource("token", "t", json!({"enabled": false}), any)
        .await
        .expect("it is stored");
    world.play(&campaign, "collect").await;
    let view = campaign.at_rest().await.expect("a view");
    assert_eq!(view.status, CampaignStatus::WaitingForConfiguration);
    let problem = &view.preflight.problems().items()[0].clone();
    assert_eq!(
        (problem.pointer.as_str(), problem.keyword.as_str()),
        ("/tokenId", "resource_disabled")
    );
}

#[tokio::test]
async fn a_subscription_sees_every_event_once_in_order_and_resumes_at_any_cursor() {
    let world = World::new();
    let campaign = world.ready(Mode::FullSequence).await;
    let mut stream = campaign.events(None);
    campaign.start("collect").await.expect("it starts");
    for phase in PHASES {
        world.play(&campaign, phase).await;
    }
    let mut seen = Vec::new();
    while seen
        .last()
        .is_none_or(|last: &phasegate::storage::LoggedEvent| last.event.kind.name() != "campaign_completed")
    {
        seen.push(stream.next().await.expect("an event"));
    }
    for (index, event) in seen.iter().enumerate() {
        let mut resumed = world.engine.events(EventScope::Store, Some(event.cursor.clone()));
        for expected in &seen[index + 1..] {
            assert_eq!(resumed.next().await.expect("an event"), *expected);
        }
        assert_eq!(resumed.next_if_any().await.expect("a read"), None);
    }
}

#[tokio::test]
async fn a_deleted_campaign_leaves_only_its_deletion_and_its_runner_counts_no_more() {
    let world = World::new();
    let campaign = world.ready(Mode::FullSequence).await;
    campaign.start("collect").await.expect("it starts");
    let ticket = world.running(&campaign, "collect").await;
    campaign.delete().await.expect("it is deleted");
    let committed = world.stage.commit(&ticket, 1).await;
    assert!(committed.is_err(), "{committed:?}");
    let report = world
        .engine
        .report(&ticket, Answer::Completed(json!({})))
        .await
        .expect("an answer");
    assert_eq!(report, Reported::Stale);
    assert_eq!(campaign.view().await.expect_err("it is gone").code(), "not_found");
    let (views, next) = world
        .engine
        .campaigns(CampaignQuery::default())
        .await
        .expect("a page");
    assert!(views.is_empty() && next.is_none());
    let mut store = world.engine.events(EventScope::Store, None);
    let only = store.next().await.expect("the deletion");
    assert_eq!(only.event.kind.name(), "campaign_deleted");
    assert!(only.event.timestamp > Timestamp::default());
    assert_eq!(store.next_if_any().await.expect("a read"), None);
}
