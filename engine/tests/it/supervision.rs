//! How runners are launched, and brought to rest.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::CommandKind;
use phasegate::storage::{ChangeScope, Storage};
use phasegate::{
    Answer, CampaignStatus, Engine, Failure, Mode, NewCampaign, PhaseRunner, PhaseStatus, Reported,
    RunContext, RunError, RunOutcome,
};
use phasegate_testkit::MemoryStorage;
use serde_json::json;
use tokio::sync::oneshot;

use crate::support::{Doing, World, builder, definition, running, started};

/// How long anything may take, by the virtual clock.
const DEADLINE: Duration = Duration::from_secs(3600);

/// Calls pause in a task of its own and waits until the intent is durable.
async fn pausing(world: &World, campaign: &phasegate::CampaignHandle) -> tokio::task::JoinHandle<()> {
    asked(world, campaign, CampaignStatus::Pausing, |campaign| async move {
        campaign.pause().await.map(drop)
    })
    .await
}

async fn asked<F, R>(
    world: &World,
    campaign: &phasegate::CampaignHandle,
    wanted: CampaignStatus,
    ask: F,
) -> tokio::task::JoinHandle<()>
where
    F: FnOnce(phasegate::CampaignHandle) -> R,
    R: Future<Output = Result<(), phasegate::EngineError>> + Send + 'static,
{
    let asking = ask(campaign.clone());
    let task = tokio::spawn(async move { asking.await.expect("it is accepted") });
    loop {
        let latest = world.storage.latest().await.expect("a read");
        if campaign.view().await.expect("a view").status == wanted {
            return task;
        }
        world
            .storage
            .changed(ChangeScope::Store, latest, Duration::from_secs(60))
            .await
            .expect("a change");
    }
}

#[tokio::test]
async fn a_pause_returns_when_the_runner_is_quiet_and_a_resume_goes_on_from_its_checkpoint() {
    let world = World::new();
    let (campaign, ticket) = running(&world).await;
    let pause = pausing(&world, &campaign).await;
    assert_eq!(
        campaign.resume().await.expect_err("it is pausing").code(),
        "pausing"
    );
    world
        .stage
        .commit(&ticket, 2)
        .await
        .expect("work at hand is kept");
    assert!(!pause.is_finished());
    world.stage.rest(&ticket).await;
    pause.await.expect("no panic");
    assert_eq!(
        campaign.view().await.expect("a view").status,
        CampaignStatus::Paused
    );
    assert!(
        world.stage.commit(&ticket, 1).await.is_err(),
        "a paused attempt writes nothing"
    );

    campaign.resume().await.expect("it goes on");
    let next = world.running(&campaign, "collect").await;
    assert_eq!((next.run.0, next.attempt.0), (1, 2));
    world.stage.commit(&next, 1).await.expect("durable");
    world.play(&campaign, "collect").await;
    world.running(&campaign, "refine").await;
}

#[tokio::test]
async fn a_pause_that_falls_between_two_phases_holds_the_chain_until_it_is_resumed() {
    let world = World::new();
    let (campaign, ticket) = running(&world).await;
    let pause = pausing(&world, &campaign).await;
    world.stage.complete(&ticket, json!({})).await;
    pause.await.expect("no panic");
    let view = campaign.view().await.expect("a view");
    assert_eq!(
        (view.status, view.phases[1].status),
        (CampaignStatus::Paused, PhaseStatus::NotStarted)
    );
    campaign.resume().await.expect("it goes on");
    world.running(&campaign, "refine").await;
}

#[tokio::test]
async fn a_stop_wins_over_a_pause_and_over_the_advance() {
    let world = World::new();
    let (campaign, ticket) = running(&world).await;
    let pause = pausing(&world, &campaign).await;
    let stop = asked(&world, &campaign, CampaignStatus::Stopping, |one| async move {
        one.stop().await.map(drop)
    })
    .await;
    world.stage.complete(&ticket, json!({})).await;
    pause.await.expect("no panic");
    stop.await.expect("no panic");
    let view = campaign.view().await.expect("a view");
    assert_eq!(
        (view.status, view.position),
        (CampaignStatus::Idle, 1),
        "completed, and nothing follows"
    );
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_outstays_its_grace_after_a_pause_is_dropped_fenced_and_paused() {
    let world = World::with(|builder| builder.cancellation_grace(Duration::from_secs(3)));
    let (campaign, ticket) = running(&world).await;
    campaign.pause().await.expect("it comes to rest in the end");
    assert_eq!(
        campaign.view().await.expect("a view").status,
        CampaignStatus::Paused
    );
    assert!(world.stage.commit(&ticket, 1).await.is_err(), "it is fenced");
}

/// Never ends by itself, and lets go of the sender when it is dropped.
struct Stubborn(std::sync::Mutex<Option<oneshot::Sender<()>>>);

#[async_trait]
impl PhaseRunner for Stubborn {
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        let _held = (self.0.lock().expect("no panic").take(), ctx);
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn the_work_of_a_runner_that_outstays_its_grace_is_dropped() {
    let (held, dropped) = oneshot::channel();
    let stubborn = Stubborn(std::sync::Mutex::new(Some(held)));
    let pipeline = builder("press").runner(definition("collect"), stubborn);
    let engine = Engine::builder()
        .storage(MemoryStorage::new())
        .pipeline(pipeline.build().expect("a valid pipeline"))
        .build()
        .expect("an engine");
    let new = NewCampaign::new("spring").config("collect", json!({"value": 1}));
    let campaign = engine.create(new).await.expect("it is created");
    campaign.start("collect").await.expect("it starts");
    campaign.stop().await.expect("it comes to rest in the end");
    let dropped = tokio::time::timeout(DEADLINE, dropped).await;
    assert!(dropped.expect("it is dropped in the end").is_err());
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_outstays_its_grace_after_a_stop_is_a_stopped_phase() {
    let world = World::new();
    let (campaign, _) = running(&world).await;
    campaign.stop().await.expect("it comes to rest in the end");
    assert_eq!(
        campaign.view().await.expect("a view").status,
        CampaignStatus::Stopped
    );
    campaign.start("collect").await.expect("it can be started again");
}

#[tokio::test(start_paused = true)]
async fn a_deferred_phase_may_take_longer_than_its_timeout() {
    let storage = Arc::new(MemoryStorage::new());
    let world = World::on(storage, Some(Duration::from_secs(60)), |builder| builder);
    let (campaign, ticket) = running(&world).await;
    world.stage.defer(&ticket).await;
    let waited = tokio::time::timeout(Duration::from_secs(3600), campaign.at_rest()).await;
    assert!(waited.is_err(), "it waits for its report: {waited:?}");
    let reported = world
        .engine
        .report(&ticket, Answer::Completed(json!("approved")))
        .await;
    assert_eq!(reported.expect("an answer"), Reported::Recorded);
}

#[tokio::test]
async fn a_context_that_outlives_its_attempt_is_not_heard_any_more() {
    let (kept, mut contexts) = tokio::sync::mpsc::unbounded_channel();
    let leaks = Doing(move |ctx: RunContext| {
        ctx.progress(1, Some(2));
        let sent = kept.send(ctx).map_err(|_| RunError::Interrupted);
        async move { sent.map(|()| RunOutcome::Completed(json!({}))) }
    });
    let (engine, campaign) = started(leaks, None).await;
    campaign.at_rest().await.expect("a view");
    let ctx = contexts.recv().await.expect("it ran");
    ctx.progress(2, Some(2));
    assert_eq!(engine.progress(campaign.id()), None);
}

#[tokio::test]
async fn a_deferred_phase_is_completed_by_a_report_and_can_be_paused_at_once() {
    let world = World::new();
    let (campaign, ticket) = running(&world).await;
    world.stage.defer(&ticket).await;
    let reported = world
        .engine
        .report(&ticket, Answer::Completed(json!("approved")))
        .await
        .expect("an answer");
    assert_eq!(reported, Reported::Recorded);
    let second = world.running(&campaign, "refine").await;
    world.stage.defer(&second).await;
    campaign.pause().await.expect("it is quiet already");
    assert_eq!(
        campaign.view().await.expect("a view").status,
        CampaignStatus::Paused
    );
}

#[tokio::test]
async fn a_report_by_another_hand_ends_the_runner_that_still_works() {
    let world = World::new();
    let (campaign, ticket) = running(&world).await;
    world
        .engine
        .report(&ticket, Answer::Completed(json!("by hand")))
        .await
        .expect("recorded");
    assert!(
        world.stage.commit(&ticket, 1).await.is_err(),
        "its attempt is over"
    );
    world.running(&campaign, "refine").await;
}

#[tokio::test]
async fn at_most_as_many_phases_work_at_once_as_allowed_and_a_waiting_one_can_be_paused() {
    let world = World::with(|builder| builder.max_running_phases(1));
    let (first, ticket) = running(&world).await;
    let second = world.ready(Mode::StepByStep).await;
    second
        .start("collect")
        .await
        .expect("it starts, and waits its turn");
    second.pause().await.expect("it has not begun");
    assert_eq!(
        second.view().await.expect("a view").status,
        CampaignStatus::Paused
    );
    assert_eq!(world.stage.launches(), 1);
    second.resume().await.expect("it waits again");
    world.stage.fail(&ticket, Failure::new("over", "over")).await;
    first.at_rest().await.expect("a view");
    world.play(&second, "collect").await;
    second.at_rest().await.expect("a view");
}

#[tokio::test]
async fn a_command_whose_caller_went_away_is_done_wholly() {
    let world = World::new();
    let campaign = world.ready(Mode::FullSequence).await;
    {
        let start = campaign.start("collect");
        tokio::pin!(start);
        // Polled once, then dropped.
        tokio::select! {
            biased;
            _ = &mut start => {}
            () = std::future::ready(()) => {}
        }
    }
    world.running(&campaign, "collect").await;
}

#[tokio::test]
async fn what_next_allows_is_what_the_machine_does() {
    let world = World::new();
    let campaign = world.ready(Mode::FullSequence).await;
    let view = campaign.view().await.expect("a view");
    let start = |phase: &str| {
        let command = |next: &&phasegate::core::NextCommand| {
            next.command == CommandKind::Start && next.phase.as_ref().is_some_and(|one| one.as_str() == phase)
        };
        view.next.iter().find(command).cloned().expect("it is listed")
    };
    assert!(start("collect").allowed);
    let refusal = start("refine").refusal.expect("it is refused");
    assert_eq!(
        (refusal.code(), refusal.message().as_str()),
        ("out_of_order", "refine can't start now: collect comes first")
    );
}
