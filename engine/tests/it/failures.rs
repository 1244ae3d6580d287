//! Attempts that fail: by an error, a panic, a timeout, or output beyond a limit.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use phasegate::{
    Answer, Batch, Deferred, Engine, Failure, FieldProblem, NewCampaign, PhaseRunner, Resources, RunContext,
    RunError, RunOutcome,
};
use phasegate_testkit::MemoryStorage;
use serde_json::json;

use crate::support::{Doing, World, builder, definition, running, started};

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
        Ok(RunOutcome::Deferred(Deferred::default()))
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
        Ok(RunOutcome::Deferred(Deferred::default()))
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
        .report(&ticket, Answer::Completed(huge.clone()))
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
        .report(&ticket, Answer::Completed(deep.clone()))
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
