//! The deadline of a job.

use std::time::Duration;

use phasegate::{Batch, PhaseStatus, RetryPolicy, RunError, RunOutcome};
use phasegate_jobs::{JOB_EXPIRED, JobError};
use serde_json::json;
use tokio::time::{Instant, advance};

use crate::support::{World, patiently};

const DEADLINE: Duration = Duration::from_secs(30);
/// Long, and shorter than the deadline.
const A_WHILE: Duration = Duration::from_secs(20);

#[tokio::test(start_paused = true)]
async fn a_silent_worker_loses_its_job_and_its_late_answer_changes_nothing() {
    let (world, job) = World::started(|runner| runner.deadline(DEADLINE)).await;
    let taken = Instant::now();
    patiently(job.cancelled()).await;
    assert_eq!(taken.elapsed().as_secs(), DEADLINE.as_secs());
    let phase = world.at_rest().await;
    let failure = phase.failure.expect("it failed");
    assert_eq!((phase.status, &*failure.code), (PhaseStatus::Failed, JOB_EXPIRED));
    assert!(failure.message.ends_with("for 30 s"), "{}", failure.message);

    assert!(job.is_ended());
    let mut batch = Batch::new();
    batch.push(&1).unwrap();
    let late = job.commit(batch).await;
    assert_eq!(late, Err(JobError::Run(RunError::Fenced)));
    job.progress(1, None);
    job.end(Ok(RunOutcome::Completed(json!("late"))));
    advance(DEADLINE).await;
    assert_eq!(world.look().await.status, PhaseStatus::Failed);
    assert_eq!(world.engine.progress(world.campaign.id()), None);
}

#[tokio::test(start_paused = true)]
async fn progress_extends_the_deadline() {
    let (world, job) = World::started(|runner| runner.deadline(DEADLINE)).await;
    for done in 0..5 {
        advance(A_WHILE).await;
        job.progress(done, Some(5));
    }
    advance(A_WHILE).await;
    assert!(!job.is_ended());
    job.end(Ok(RunOutcome::Completed(json!("slow"))));
    assert_eq!(world.at_rest().await.summary, Some(json!("slow")));
}

#[tokio::test(start_paused = true)]
async fn a_commit_extends_the_deadline() {
    let (world, job) = World::started(|runner| runner.deadline(DEADLINE)).await;
    for record in 0..5 {
        advance(A_WHILE).await;
        let mut batch = Batch::new();
        batch.push(&record).unwrap();
        job.commit(batch).await.expect("the job is not lost");
    }
    advance(A_WHILE).await;
    job.end(Ok(RunOutcome::Completed(json!("slow"))));
    assert_eq!(world.at_rest().await.status, PhaseStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_begins_when_the_job_is_taken() {
    let world = World::with(|runner| runner.deadline(DEADLINE), |phase| phase, |engine| engine).await;
    world.start().await;
    let rest = tokio::time::timeout(60 * DEADLINE, world.campaign.at_rest()).await;
    assert!(rest.is_err(), "nobody has taken it: {rest:?}");
    let job = world.job().await;
    advance(A_WHILE).await;
    job.end(Ok(RunOutcome::Completed(json!(null))));
    assert_eq!(world.at_rest().await.status, PhaseStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn without_a_deadline_a_worker_may_be_silent_for_ever() {
    let (world, job) = World::started(|runner| runner).await;
    let ended = tokio::time::timeout(1_000 * DEADLINE, job.ended()).await;
    assert!(ended.is_err());
    job.end(Ok(RunOutcome::Completed(json!(null))));
    assert_eq!(world.at_rest().await.status, PhaseStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn an_expired_job_is_tried_again_where_its_phase_has_a_policy() {
    let at_once = RetryPolicy {
        initial_delay_ms: 0,
        ..RetryPolicy::new(2)
    };
    let world = World::with(
        |runner| runner.deadline(DEADLINE),
        |phase| phase.retry(at_once),
        |engine| engine,
    )
    .await;
    world.engine.recover().await.unwrap();
    world.start().await;
    let lost = world.job().await;
    let again = world.job().await;
    assert!(lost.is_ended());
    assert_eq!(again.input()["ticket"]["attempt"], json!(2));
    lost.end(Ok(RunOutcome::Completed(json!("late"))));
    again.end(Ok(RunOutcome::Completed(json!("in time"))));
    assert_eq!(world.at_rest().await.summary, Some(json!("in time")));
}

#[tokio::test(start_paused = true)]
async fn a_pause_stays_a_pause_when_the_deadline_passes_before_the_worker_rests() {
    let world = World::with(
        |runner| runner.deadline(DEADLINE),
        |phase| phase,
        |engine| engine.cancellation_grace(2 * DEADLINE),
    )
    .await;
    world.start().await;
    let job = world.job().await;
    patiently(world.campaign.pause()).await.expect("it comes to rest");
    assert!(job.is_ended());
    assert_eq!(world.look().await.status, PhaseStatus::Paused);
}

#[tokio::test(start_paused = true)]
async fn a_check_has_the_limit_of_the_engine_and_no_deadline() {
    let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
    let world = World::with(
        |runner| runner.answers([phasegate_jobs::JobKind::Check]).deadline(second),
        |phase| phase,
        |engine| engine.check_timeout(minute),
    )
    .await;
    let campaign = world.campaign.clone();
    let stored = tokio::spawn(async move { campaign.configure("collect", json!({})).await });
    let job = world.job().await;
    let ended = tokio::time::timeout(A_WHILE, job.ended()).await;
    assert!(ended.is_err());
    job.problems(Vec::new());
    patiently(stored).await.unwrap().expect("it is stored");
}
