//! How runners are launched, brought to rest, and outlived.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use phasegate::core::CommandKind;
use phasegate::storage::{Expected, IdempotencyKey, Storage};
use phasegate::{
    Batch, CampaignStatus, Engine, Failure, FieldProblem, Mode, NewCampaign, Outcome, PhaseRunner,
    PhaseStatus, Reported, Resources, RunContext, RunError, RunOutcome,
};
use phasegate_testkit::MemoryStorage;
use serde_json::json;

use crate::support::{Doing, World, builder, definition, started};

/// Starts `collect` in a full sequence and gives its ticket.
async fn running(world: &World) -> (phasegate::CampaignHandle, phasegate::Ticket) {
    let campaign = world.ready(Mode::FullSequence).await;
    campaign.start("collect").await.expect("it starts");
    let ticket = world.running(&campaign, "collect").await;
    (campaign, ticket)
}

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
        world.storage.changes(latest).await.expect("a change");
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
async fn a_runner_that_outstays_its_grace_after_a_pause_is_a_failed_phase() {
    let world = World::with(|builder| builder.cancellation_grace(Duration::from_secs(3)));
    let (campaign, ticket) = running(&world).await;
    campaign.pause().await.expect("it comes to rest in the end");
    let view = campaign.view().await.expect("a view");
    assert_eq!(
        view.phases[0].failure.as_ref().map(|why| why.code.as_str()),
        Some("cancellation_ignored")
    );
    assert!(world.stage.commit(&ticket, 1).await.is_err(), "it is fenced");
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
async fn a_phase_that_takes_longer_than_its_timeout_fails_and_starts_nothing() {
    let storage = Arc::new(MemoryStorage::new());
    let world = World::on(storage, Some(Duration::from_secs(60)), |builder| builder);
    let (campaign, _) = running(&world).await;
    let view = campaign.at_rest().await.expect("a view");
    assert_eq!(
        view.phases[0].failure.as_ref().map(|why| why.code.as_str()),
        Some("timed_out")
    );
    assert_eq!(view.position, 0);
}

#[tokio::test(start_paused = true)]
async fn a_phase_that_defers_only_after_its_timeout_has_failed() {
    let late = Doing(|ctx: RunContext| async move {
        ctx.cancelled().await;
        Ok(RunOutcome::Deferred)
    });
    let (_engine, campaign) = started(late, Some(Duration::from_secs(60))).await;
    let view = tokio::time::timeout(Duration::from_secs(3600), campaign.at_rest())
        .await
        .expect("it doesn't stay running without a runner")
        .expect("a view");
    assert_eq!(
        view.phases[0].failure.as_ref().map(|why| why.code.as_str()),
        Some("timed_out")
    );
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
        .report(&ticket, Outcome::Completed(json!("approved")))
        .await;
    assert_eq!(reported.expect("an answer"), Reported::Recorded);
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_calls_itself_fenced_although_it_is_not_is_a_failed_phase() {
    let mistaken = Doing(|_: RunContext| async move { Err(RunError::Fenced) });
    let (_engine, campaign) = started(mistaken, None).await;
    let view = tokio::time::timeout(Duration::from_secs(3600), campaign.at_rest())
        .await
        .expect("it doesn't stay running without a runner")
        .expect("a view");
    assert_eq!(
        view.phases[0].failure.as_ref().map(|why| why.code.as_str()),
        Some("interrupted")
    );
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
async fn a_panic_is_a_failed_phase_and_the_engine_lives_on() {
    let world = World::new();
    let (campaign, ticket) = running(&world).await;
    world.stage.panic(&ticket).await;
    let view = campaign.at_rest().await.expect("a view");
    let failure = view.phases[0].failure.clone().expect("it failed");
    assert_eq!(
        failure,
        Failure::new("panicked", "the phase panicked: as the test told it to")
    );
    campaign.start("collect").await.expect("it starts again");
    world.running(&campaign, "collect").await;
}

/// A runner that was written without `async_trait`: its check panics before there is a future.
struct PanicsAtOnce;

#[async_trait::async_trait]
impl PhaseRunner for PanicsAtOnce {
    fn check<'a, 'b, 'c, 'd>(
        &'a self,
        _config: &'b serde_json::Value,
        _resources: &'c Resources,
    ) -> Pin<Box<dyn Future<Output = Vec<FieldProblem>> + Send + 'd>>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        panic!("as the test told it to")
    }

    async fn run(&self, _ctx: RunContext) -> Result<RunOutcome, RunError> {
        Ok(RunOutcome::Deferred)
    }
}

#[tokio::test]
async fn a_check_that_panics_before_there_is_a_future_is_a_problem_of_the_config() {
    let pipeline = builder("press").runner(definition("collect"), PanicsAtOnce);
    let engine = Engine::builder()
        .storage(MemoryStorage::new())
        .pipeline(pipeline.build().expect("a valid pipeline"))
        .build()
        .expect("an engine");
    let new = NewCampaign::new("spring").config("collect", json!({"value": 1}));
    let refused = engine.create(new).await.map(|one| one.id());
    assert_eq!(refused.expect_err("its check panics").code(), "config_invalid");
}

#[tokio::test]
async fn a_runner_that_gives_up_unasked_is_a_failed_phase() {
    let world = World::new();
    let (campaign, ticket) = running(&world).await;
    world.stage.rest(&ticket).await;
    let view = campaign.at_rest().await.expect("a view");
    assert_eq!(
        view.phases[0].failure.as_ref().map(|why| why.code.as_str()),
        Some("interrupted")
    );
}

#[tokio::test]
async fn a_summary_beyond_the_limit_is_a_failed_phase() {
    let world = World::new();
    let (campaign, ticket) = running(&world).await;
    let huge = json!("x".repeat(phasegate::core::limits::MAX_SUMMARY_BYTES));
    let refused = world
        .engine
        .report(&ticket, Outcome::Completed(huge.clone()))
        .await
        .expect_err("too large");
    assert_eq!(refused.code(), "too_large");
    world.stage.complete(&ticket, huge).await;
    let view = campaign.at_rest().await.expect("a view");
    assert_eq!(
        view.phases[0].failure.as_ref().map(|why| why.code.as_str()),
        Some("too_large")
    );
}

#[tokio::test]
async fn a_summary_nested_beyond_the_limit_is_a_failed_phase() {
    let world = World::new();
    let (campaign, ticket) = running(&world).await;
    let mut deep = json!(1);
    for _ in 0..=phasegate::core::limits::MAX_JSON_DEPTH {
        deep = json!([deep]);
    }
    let refused = world
        .engine
        .report(&ticket, Outcome::Completed(deep.clone()))
        .await
        .expect_err("too deep");
    assert_eq!(
        refused.rejection().map(phasegate::Rejection::code),
        Some("too_deep")
    );
    world.stage.complete(&ticket, deep).await;
    let view = campaign.at_rest().await.expect("a view");
    assert_eq!(
        view.phases[0].failure.as_ref().map(|why| why.code.as_str()),
        Some("too_deep")
    );
}

#[tokio::test]
async fn a_record_or_checkpoint_beyond_a_limit_is_a_failed_phase_whose_message_names_it() {
    let mut deep = json!(1);
    for _ in 0..=phasegate::core::limits::MAX_JSON_DEPTH {
        deep = json!([deep]);
    }
    let large = json!("x".repeat(phasegate::core::limits::MAX_RECORD_BYTES));
    let record = |value: &serde_json::Value| {
        let mut batch = Batch::new();
        batch.push(value).map(|()| batch)
    };
    let checkpoint = |value: &serde_json::Value| {
        let mut batch = Batch::new();
        batch.set_checkpoint(value).map(|()| batch)
    };
    for (batch, code, message) in [
        (
            record(&deep),
            "too_deep",
            "the record 0 of the batch is nested 101 levels deep",
        ),
        (
            record(&large),
            "too_large",
            "the record 0 of the batch has 65538 bytes",
        ),
        (
            checkpoint(&deep),
            "too_deep",
            "the checkpoint is nested 101 levels deep",
        ),
        (checkpoint(&large), "too_large", "the checkpoint has 65538 bytes"),
    ] {
        let batch = std::sync::Mutex::new(Some(batch.expect("it has a JSON form")));
        let commits = Doing(move |ctx: RunContext| {
            let batch = batch.lock().expect("no panic").take().unwrap_or_default();
            async move {
                ctx.commit(batch).await?;
                Ok(RunOutcome::Completed(json!({})))
            }
        });
        let (_engine, campaign) = started(commits, None).await;
        let view = campaign.at_rest().await.expect("a view");
        let failure = view.phases[0].failure.as_ref().expect("it failed");
        assert_eq!(failure.code, code, "{failure:?}");
        assert!(failure.message.starts_with(message), "{failure:?}");
    }
}

#[tokio::test]
async fn a_deferred_phase_is_completed_by_a_report_and_can_be_paused_at_once() {
    let world = World::new();
    let (campaign, ticket) = running(&world).await;
    world.stage.defer(&ticket).await;
    let reported = world
        .engine
        .report(&ticket, Outcome::Completed(json!("approved")))
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
        .report(&ticket, Outcome::Completed(json!("by hand")))
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
async fn during_a_shutdown_and_after_it_resources_are_neither_written_nor_deleted() {
    let world = World::new();
    let put = |document| world.engine.put_resource("token", "t", document, Expected::Any);
    put(json!({})).await.expect("it is stored");
    let (_campaign, ticket) = running(&world).await;
    let (left, ()) = tokio::join!(biased; world.engine.shutdown(), async {
        let refused = put(json!({})).await.expect_err("it is going down");
        assert_eq!(refused.code(), "shut_down");
        // Until here the shutdown waits for the runner.
        world.stage.rest(&ticket).await;
    });
    left.expect("it shuts down in order");
    assert_eq!(put(json!({})).await.expect_err("it is down").code(), "shut_down");
    let deleted = world.engine.delete_resource("token", "t", Expected::Any).await;
    assert_eq!(deleted.expect_err("it is down").code(), "shut_down");
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

    let other = builder("other").runner(definition("collect"), PanicsAtOnce);
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

#[tokio::test]
async fn an_invalid_or_unknown_resource_is_refused_with_every_problem() {
    let world = World::new();
    let unknown = world
        .engine
        .put_resource("nonsense", "x", json!({}), Expected::Any)
        .await;
    assert_eq!(unknown.expect_err("no such kind").code(), "unknown_resource_kind");
    let invalid = world
        .engine
        .put_resource("token", "x", json!(1), Expected::Any)
        .await;
    assert_eq!(invalid.expect_err("not an object").code(), "resource_invalid");
    let id = world
        .engine
        .put_resource("token", "../x", json!({}), Expected::Any)
        .await;
    assert_eq!(id.expect_err("not an id").code(), "invalid_name");
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
        (&*refusal.code, refusal.message.as_str()),
        ("out_of_order", "refine can't start now: collect comes first")
    );
}
