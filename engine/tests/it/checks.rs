//! A runner that doesn't answer when it is asked about a config.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use phasegate::core::Problem;
use phasegate::{
    CampaignHandle, CampaignStatus, Engine, EngineError, Failure, FieldProblem, InputChange, Mode,
    NewCampaign, PhaseRunner, Rejection, Resources, RunContext, RunError, RunOutcome,
};
use phasegate_testkit::MemoryStorage;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::support::{builder, definition};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A runner that is silent while it is told to be, and fails or completes as its config says.
#[derive(Clone)]
struct Silent {
    silent: Arc<AtomicBool>,
    asked: Arc<Semaphore>,
}

impl Silent {
    fn new() -> Self {
        Self {
            silent: Arc::new(AtomicBool::new(false)),
            asked: Arc::new(Semaphore::new(0)),
        }
    }

    fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    async fn answer(&self) {
        if self.silent.load(Ordering::SeqCst) {
            self.asked.add_permits(1);
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait::async_trait]
impl PhaseRunner for Silent {
    async fn check(&self, _config: &Value, _resources: &Resources) -> Vec<FieldProblem> {
        self.answer().await;
        Vec::new()
    }

    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        match ctx.config()["value"].as_u64() {
            Some(0) => Ok(RunOutcome::Failed(Failure::new("told_to", "as its config says"))),
            _ => Ok(RunOutcome::Completed(json!({}))),
        }
    }
}

/// A runner that checks everything at once and never says whether it can go on.
struct Undecided(Silent);

#[async_trait::async_trait]
impl PhaseRunner for Undecided {
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        self.0.run(ctx).await
    }

    async fn can_continue(&self, _change: InputChange<'_>) -> bool {
        self.0.answer().await;
        true
    }
}

fn engine(pipeline: phasegate::PipelineBuilder) -> Engine {
    Engine::builder()
        .storage(MemoryStorage::new())
        .pipeline(pipeline.build().expect("a valid pipeline"))
        .build()
        .expect("an engine")
}

/// A full sequence of `collect`, which answers at once, and `refine`.
async fn before(refine: impl PhaseRunner) -> (Engine, CampaignHandle) {
    let pipeline = builder("press")
        .runner(definition("collect"), Silent::new())
        .runner(definition("refine"), refine);
    let engine = engine(pipeline);
    let new = NewCampaign::new("spring")
        .mode(Mode::FullSequence)
        .config("collect", json!({"value": 1}))
        .config("refine", json!({"value": 1}));
    let campaign = engine.create(new).await.expect("it is created");
    (engine, campaign)
}

/// What comes of it, within an hour.
async fn within_an_hour<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(3600), work)
        .await
        .expect("it doesn't wait for ever")
}

fn unchecked(problems: &[Problem]) -> bool {
    matches!(problems, [one] if one.phase.as_str() == "refine" && one.keyword == "unchecked")
}

#[tokio::test(start_paused = true)]
async fn a_check_that_takes_too_long_is_a_problem_of_the_config_wherever_it_is_asked() {
    let silent = Silent::new();
    let (_engine, campaign) = before(silent.clone()).await;
    silent.fall_silent();

    let begun = Instant::now();
    let view = within_an_hour(campaign.view()).await.expect("a view");
    assert!(unchecked(view.preflight.problems().items()), "{view:?}");
    assert_eq!(begun.elapsed(), 3 * TIMEOUT, "it is asked three times");

    let refused = campaign.start("collect").await.expect_err("one is unchecked");
    assert_eq!(refused.code(), "preflight_failed");
    let refused = campaign.configure("refine", json!({"value": 2})).await;
    match refused.as_ref().map_err(EngineError::rejection) {
        Err(Some(Rejection::ConfigInvalid { problems })) => assert!(unchecked(problems.items())),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_completion_is_recorded_although_the_next_phase_s_check_takes_too_long() {
    let silent = Silent::new();
    let (_engine, campaign) = before(silent.clone()).await;
    campaign.set_mode(Mode::StepByStep).await.expect("it is set");
    silent.fall_silent();
    campaign.start("collect").await.expect("its own check answers");
    campaign.set_mode(Mode::FullSequence).await.expect("it is set");
    let view = within_an_hour(campaign.at_rest()).await.expect("a view");
    assert_eq!(
        (view.position, view.status),
        (1, CampaignStatus::WaitingForConfiguration)
    );
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_takes_too_long_to_say_whether_it_can_go_on_begins_afresh() {
    let silent = Silent::new();
    let engine = engine(builder("press").runner(definition("collect"), Undecided(silent.clone())));
    let new = NewCampaign::new("spring").config("collect", json!({"value": 0}));
    let campaign = engine.create(new).await.expect("it is created");
    campaign.start("collect").await.expect("it starts");
    campaign.at_rest().await.expect("a view");
    campaign
        .configure("collect", json!({"value": 1}))
        .await
        .expect("it is stored");
    silent.fall_silent();
    let begun = Instant::now();
    within_an_hour(campaign.start("collect"))
        .await
        .expect("it begins afresh");
    assert_eq!(begun.elapsed(), 3 * TIMEOUT, "it is asked three times");
    let view = campaign.at_rest().await.expect("a view");
    assert_eq!(view.phases[0].run.map(|run| run.0), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_check() {
    let silent = Silent::new();
    let (engine, campaign) = before(silent.clone()).await;
    silent.fall_silent();
    let start = tokio::spawn(async move { campaign.start("collect").await });
    silent.asked.acquire().await.expect("it is never closed").forget();
    let begun = Instant::now();
    within_an_hour(engine.shutdown())
        .await
        .expect("it shuts down in order");
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let refused = start.await.expect("no panic").expect_err("it is down");
    assert_eq!(refused.code(), "shut_down");
}

#[test]
fn a_campaign_is_shown_outside_of_the_runtime_too() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (_engine, campaign) = runtime.block_on(before(Silent::new()));
    let mut context = Context::from_waker(Waker::noop());
    match pin!(campaign.view()).poll(&mut context) {
        Poll::Ready(view) => assert!(view.expect("a view").preflight.is_ready()),
        Poll::Pending => panic!("neither the store in memory nor the check waits for anything"),
    }
}
