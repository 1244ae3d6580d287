//! What becomes of a job, by its answer or without one.

use phasegate::core::Activity;
use phasegate::storage::Storage as _;
use phasegate::{Failure, FieldProblem, PhaseStatus, RunError, RunOutcome};
use phasegate_jobs::{JobError, JobKind};
use serde_json::json;

use crate::support::{World, patiently};

#[tokio::test]
async fn a_run_ends_as_its_first_answer_says() {
    let (world, job) = World::started(|runner| runner).await;
    assert_eq!(
        (job.kind(), job.pipeline(), job.phase()),
        (JobKind::Run, "press", "collect")
    );
    job.fail(Failure::new("first", "of two answers"));
    job.end(Ok(RunOutcome::Completed(json!("second"))));
    assert_eq!(world.at_rest().await.failure.unwrap().code, "first");
    assert!(job.is_ended());
}

#[tokio::test]
async fn a_job_that_is_dropped_fails_its_phase() {
    let (world, job) = World::started(|runner| runner).await;
    drop(job);
    assert_eq!(world.at_rest().await.failure.unwrap().code, "abandoned");
}

#[tokio::test]
async fn a_run_that_is_answered_as_a_check_fails() {
    let (world, job) = World::started(|runner| runner).await;
    job.problems(Vec::new());
    assert_eq!(world.at_rest().await.failure.unwrap().code, "invalid_answer");
}

#[tokio::test]
async fn a_pause_cancels_a_job_whose_worker_then_rests() {
    let (world, job) = World::started(|runner| runner).await;
    let campaign = world.campaign.clone();
    let pause = tokio::spawn(async move { campaign.pause().await });
    patiently(job.cancelled()).await;
    assert!(job.is_cancelled() && !job.is_ended());
    job.end(Err(RunError::Interrupted));
    patiently(pause).await.unwrap().expect("it is paused");
    assert_eq!(world.look().await.status, PhaseStatus::Paused);
}

#[tokio::test]
async fn a_worker_that_goes_away_leaves_its_phase_running() {
    let (world, job) = World::started(|runner| runner).await;
    let (shut, ()) = tokio::join!(biased; world.engine.shutdown(), async { world.queue.close() });
    shut.unwrap();
    assert!(job.is_ended());
    assert!(patiently(world.queue.next()).await.is_none());
    let left = world
        .storage
        .connect()
        .campaign(world.campaign.id())
        .await
        .unwrap();
    let activity = &left.campaign.unwrap().activity;
    assert!(matches!(activity, Activity::Running { .. }), "{activity:?}");
}

#[tokio::test]
async fn a_job_whose_attempt_ended_before_anybody_took_it_is_never_given_out() {
    let world = World::with(
        |runner| runner,
        |phase| phase,
        |engine| engine.cancellation_grace(std::time::Duration::ZERO),
    )
    .await;
    world.start().await;
    patiently(world.campaign.stop()).await.unwrap();
    world.campaign.start("collect").await.unwrap();
    assert_eq!(world.job().await.input()["ticket"]["attempt"], json!(2));
}

#[tokio::test]
async fn a_check_is_a_job_where_the_worker_answers_checks() {
    let world = World::with(
        |runner| runner.answers([JobKind::Check]),
        |phase| phase,
        |engine| engine,
    )
    .await;
    let campaign = world.campaign.clone();
    let refused = tokio::spawn(async move { campaign.configure("collect", json!({"n": 1})).await });
    let job = world.job().await;
    assert_eq!(job.kind(), JobKind::Check);
    assert_eq!(*job.input(), json!({"config": {"n": 1}, "resources": {}}));
    assert_eq!(job.upstream_total().await, Err(JobError::NotARun));
    job.problems(vec![FieldProblem::new("/n", "odd", "it is odd")]);
    let error = patiently(refused).await.unwrap().expect_err("it has a problem");
    assert!(error.to_string().contains("it is odd"), "{error}");
}

#[tokio::test]
async fn a_check_that_fails_has_not_passed() {
    let world = World::with(
        |runner| runner.answers([JobKind::Check]),
        |phase| phase,
        |engine| engine,
    )
    .await;
    let campaign = world.campaign.clone();
    let refused = tokio::spawn(async move { campaign.configure("collect", json!({})).await });
    world.job().await.fail(Failure::new("exception", "it failed"));
    let error = patiently(refused).await.unwrap().expect_err("it was not checked");
    assert!(error.to_string().contains("did not answer"), "{error}");
}

#[tokio::test]
async fn whether_a_run_can_continue_is_asked_of_a_worker_that_answers_it() {
    for (answer, run) in [(true, 1), (false, 2)] {
        let (world, job) = World::started(|runner| runner.answers([JobKind::CanContinue])).await;
        job.fail(Failure::new("broken", "it broke"));
        world.at_rest().await;
        world
            .campaign
            .configure("collect", json!({"n": 1}))
            .await
            .unwrap();
        let campaign = world.campaign.clone();
        let started = tokio::spawn(async move { campaign.start("collect").await });
        let question = world.job().await;
        assert_eq!(question.kind(), JobKind::CanContinue);
        assert_eq!(question.input()["newConfig"], json!({"n": 1}));
        question.can_continue(answer);
        patiently(started).await.unwrap().expect("it starts");
        assert_eq!(world.job().await.input()["ticket"]["run"], json!(run));
    }
}
