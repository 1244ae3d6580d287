//! A store that fails within a run: that is no failure of the phase, which is taken up again from its checkpoint.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use phasegate::storage::{EventScope, StorageError, WriteRef};
use phasegate::{
    Batch, CampaignHandle, CampaignStatus, Engine, Mode, NewCampaign, PhaseRunner, RunContext, RunError,
    RunOutcome,
};
use phasegate_testkit::MemoryStorage;
use serde_json::json;
use tokio::time::Instant;
use tracing::Level;

use crate::support::interposed::{Between, Fault, Faulty, seen, unavailable};
use crate::support::log::Log;
use crate::support::{Doing, World, builder, definition};

/// How long anything may take, by the virtual clock.
const DEADLINE: Duration = Duration::from_secs(3600);

/// A campaign whose only phase is not yet started, in an engine that watches for what is due and sees its store through `between`.
async fn watched(between: impl Between, runner: impl PhaseRunner) -> (Engine, CampaignHandle) {
    let pipeline = builder("press").runner(definition("collect"), runner);
    let engine = Engine::builder()
        .storage(seen(&Arc::new(MemoryStorage::new()), between))
        .pipeline(pipeline.build().expect("a valid pipeline"))
        .build()
        .expect("an engine");
    engine.recover().await.expect("nothing is due");
    let new = NewCampaign::new("spring").config("collect", json!({"value": 1}));
    let campaign = engine.create(new).await.expect("it is created");
    (engine, campaign)
}

async fn status_at_rest(campaign: &CampaignHandle) -> CampaignStatus {
    let at_rest = tokio::time::timeout(DEADLINE, campaign.at_rest()).await;
    at_rest
        .expect("it comes to rest in the end")
        .expect("a view")
        .status
}

/// The types of a campaign's events from the start on, each `phase_` left out.
async fn story(engine: &Engine, campaign: &CampaignHandle) -> Vec<String> {
    let scope = EventScope::Campaign(campaign.id());
    let page = engine.storage().events(scope, None, 1_000).await.expect("a read");
    let names = page.items.iter().map(|logged| logged.event.kind.name());
    let told = names.filter_map(|name| name.strip_prefix("phase_"));
    told.skip(1).map(str::to_owned).collect()
}

fn one_record() -> Batch {
    let mut batch = Batch::new();
    batch.push(&json!({"number": 0})).expect("it has a JSON form");
    batch
        .set_checkpoint(&json!({"records": 1}))
        .expect("it has a JSON form");
    batch
}

/// Fails every second call of one name, the first one first, once it is armed.
#[derive(Clone)]
struct EverySecond {
    call: &'static str,
    error: StorageError,
    calls: Arc<AtomicU32>,
}

impl EverySecond {
    /// How many calls it lets pass before it is armed.
    fn after(unharmed: u32, call: &'static str, error: StorageError) -> Self {
        let calls = Arc::new(AtomicU32::new(0_u32.wrapping_sub(unharmed)));
        Self { call, error, calls }
    }
}

#[async_trait]
impl Between for EverySecond {
    async fn before(&self, call: &'static str) -> Result<(), StorageError> {
        if call != self.call {
            return Ok(());
        }
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        match number < u32::MAX / 2 && number.is_multiple_of(2) {
            true => Err(self.error.clone()),
            false => Ok(()),
        }
    }
}

/// When each attempt began.
#[derive(Clone, Default)]
struct Begun(Arc<Mutex<Vec<Instant>>>);

impl Begun {
    /// Notes that one begins. Should they ever begin in a tight loop, that ends here.
    async fn note(&self, ctx: &RunContext) {
        let count = {
            let mut all = self.0.lock().expect("no panic");
            all.push(Instant::now());
            all.len()
        };
        if count > 50 {
            ctx.cancelled().await;
        }
    }

    fn count(&self) -> usize {
        self.0.lock().expect("no panic").len()
    }

    /// The seconds between them.
    fn pauses(&self) -> Vec<u64> {
        let all = self.0.lock().expect("no panic");
        all.windows(2).map(|two| (two[1] - two[0]).as_secs()).collect()
    }
}

fn damaged() -> StorageError {
    StorageError::Damaged {
        table: "runs",
        key: "1".to_owned(),
        reason: "as the test told it to".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_the_store_doesn_t_let_begin_is_taken_up_again() {
    for fault in [Fault::Error(unavailable()), Fault::Panic] {
        let faulty = Faulty::at("run_output", fault);
        let storage = Arc::new(MemoryStorage::new());
        let through = seen(&storage, faulty.clone());
        let world = World::on(storage, None, |builder| builder.storage(through));
        world.engine.recover().await.expect("nothing is due");
        let campaign = world.ready(Mode::FullSequence).await;
        campaign.start("collect").await.expect("it starts");
        world.running(&campaign, "collect").await;
        campaign.pause().await.expect("it comes to rest");
        // A first attempt asks the store for nothing before it begins.
        faulty.next(1);
        campaign.resume().await.expect("it goes on");
        let mut next = world.ticket(&campaign).await;
        next.attempt = next.attempt.next();
        tokio::time::timeout(DEADLINE, world.stage.arrived(&next))
            .await
            .expect("it is taken up in the end");
        let story = [
            "phase_started collect 1.1",
            "phase_pause_requested collect",
            "phase_paused collect",
            "phase_resumed collect 1.2",
            "phase_recovered collect 1.3",
        ];
        assert_eq!(world.story(&campaign).await, story);
        let snapshot = campaign.snapshot().await.expect("a read");
        let run = snapshot.activity.run().expect("it runs");
        assert_eq!(run.recoveries.count, 0, "no process has crashed");
    }
}

/// How a runner tells of a commit that failed.
#[derive(Clone, Copy)]
enum Tells {
    AsItIs,
    AsAFailure,
    AsAnInterruption,
    ByAPanic,
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_the_store_fails_is_no_failure_of_the_phase_however_its_runner_tells_it() {
    let unknown = StorageError::OutcomeUnknown {
        write: Box::new(WriteRef::Leases {}),
        reason: "as the test told it to".to_owned(),
    };
    let faults = [unavailable(), unknown, damaged()].map(Fault::Error);
    for fault in faults.into_iter().chain([Fault::Panic]) {
        for tells in [
            Tells::AsItIs,
            Tells::AsAFailure,
            Tells::AsAnInterruption,
            Tells::ByAPanic,
        ] {
            let faulty = Faulty::at("append", fault.clone());
            faulty.next(1);
            let commits = Doing(move |ctx: RunContext| async move {
                match (ctx.commit(one_record()).await, tells) {
                    (Ok(()), _) => Ok(RunOutcome::Completed(json!({}))),
                    (Err(error), Tells::AsItIs) => Err(error),
                    (Err(error), Tells::AsAFailure) => Err(RunError::failed("exception", error.to_string())),
                    (Err(_), Tells::AsAnInterruption) => Err(RunError::Interrupted),
                    (Err(error), Tells::ByAPanic) => panic!("{error}"),
                }
            });
            let (engine, campaign) = watched(faulty, commits).await;
            campaign.start("collect").await.expect("it starts");
            assert_eq!(status_at_rest(&campaign).await, CampaignStatus::Completed);
            assert_eq!(
                story(&engine, &campaign).await,
                ["started", "recovered", "completed"]
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_phase_that_fails_although_the_store_works_again_has_failed() {
    let faulty = Faulty::unavailable_at("append");
    faulty.next(1);
    let fails = Doing(move |ctx: RunContext| async move {
        ctx.commit(one_record()).await.expect_err("the store fails");
        ctx.commit(one_record()).await.expect("it works again");
        Err(RunError::failed("broken", "it is broken"))
    });
    let (_engine, campaign) = watched(faulty, fails).await;
    campaign.start("collect").await.expect("it starts");
    assert_eq!(status_at_rest(&campaign).await, CampaignStatus::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_the_store_fails_again_and_again_is_taken_up_after_pauses_that_grow_and_are_logged() {
    let (log, _guard) = Log::listen();
    let (begun, faulty) = (Begun::default(), Faulty::at("append", Fault::Error(damaged())));
    faulty.next(12);
    let commits = Doing({
        let begun = begun.clone();
        move |ctx: RunContext| {
            let begun = begun.clone();
            async move {
                begun.note(&ctx).await;
                ctx.commit(one_record()).await?;
                Ok(RunOutcome::Completed(json!({})))
            }
        }
    });
    let (_engine, campaign) = watched(faulty, commits).await;
    campaign.start("collect").await.expect("it starts");
    assert_eq!(status_at_rest(&campaign).await, CampaignStatus::Completed);
    let pauses = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300];
    assert_eq!(begun.pauses(), pauses);
    assert_eq!(log.with(Level::WARN, "pause_s").len(), pauses.len());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_makes_progress_each_time_is_taken_up_after_a_short_pause() {
    let begun = Begun::default();
    let commits_twice = Doing({
        let begun = begun.clone();
        move |ctx: RunContext| {
            let begun = begun.clone();
            async move {
                begun.note(&ctx).await;
                if begun.count() == 6 {
                    return Ok(RunOutcome::Completed(json!({})));
                }
                ctx.commit(one_record()).await?;
                ctx.commit(one_record()).await?;
                Ok(RunOutcome::Completed(json!({})))
            }
        }
    });
    let (_engine, campaign) = watched(EverySecond::after(1, "append", unavailable()), commits_twice).await;
    campaign.start("collect").await.expect("it starts");
    assert_eq!(status_at_rest(&campaign).await, CampaignStatus::Completed);
    assert_eq!(begun.pauses(), [1; 5]);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_end_the_store_never_takes_is_not_repeated_in_a_tight_loop() {
    let begun = Begun::default();
    let completes = Doing({
        let begun = begun.clone();
        move |ctx: RunContext| {
            let begun = begun.clone();
            async move {
                begun.note(&ctx).await;
                Ok(RunOutcome::Completed(json!({})))
            }
        }
    });
    // Behind the creation and the start, each end is refused, and each recovery is taken.
    let (_engine, campaign) = watched(EverySecond::after(2, "commit", damaged()), completes).await;
    campaign.start("collect").await.expect("it starts");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(begun.pauses(), [1, 2, 4, 8, 16]);
}

#[tokio::test(start_paused = true)]
async fn a_phase_that_comes_to_rest_while_the_store_fails_is_paused_and_not_failed() {
    let faulty = Faulty::unavailable_at("append");
    faulty.next(1);
    let heeds = Doing(|ctx: RunContext| async move {
        ctx.cancelled().await;
        ctx.commit(one_record()).await?;
        Err(RunError::Interrupted)
    });
    let (_engine, campaign) = watched(faulty, heeds).await;
    campaign.start("collect").await.expect("it starts");
    campaign.pause().await.expect("it comes to rest");
    let view = campaign.view().await.expect("a view");
    assert_eq!(view.status, CampaignStatus::Paused);
}

/// A phase that the store has failed so often that it is left alone for a while now.
async fn left_alone(faulty: &Faulty) -> (Engine, CampaignHandle) {
    faulty.next(u32::MAX);
    let commits = Doing(|ctx: RunContext| async move {
        ctx.commit(one_record()).await?;
        Ok(RunOutcome::Completed(json!({})))
    });
    let (engine, campaign) = watched(faulty.clone(), commits).await;
    campaign.start("collect").await.expect("it starts");
    tokio::time::sleep(Duration::from_secs(60)).await;
    (engine, campaign)
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_left_alone_for_a_while_is_paused_at_once() {
    let (_engine, campaign) = left_alone(&Faulty::unavailable_at("append")).await;
    let asked = Instant::now();
    campaign.pause().await.expect("it is quiet");
    assert_eq!(asked.elapsed(), Duration::ZERO);
    let view = campaign.view().await.expect("a view");
    assert_eq!(view.status, CampaignStatus::Paused);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_run_that_is_left_alone_for_a_while() {
    let (engine, _) = left_alone(&Faulty::unavailable_at("append")).await;
    let asked = Instant::now();
    engine.shutdown().await.expect("it shuts down in order");
    assert_eq!(asked.elapsed(), Duration::ZERO);
}

/// Two at once.
struct Both(Faulty, Faulty);

#[async_trait]
impl Between for Both {
    async fn before(&self, call: &'static str) -> Result<(), StorageError> {
        self.0.before(call).await?;
        self.1.before(call).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_can_t_be_given_up_yet_is_given_up_later() {
    let (append, release) = (
        Faulty::unavailable_at("append"),
        Faulty::unavailable_at("release"),
    );
    append.next(1);
    release.next(10);
    let commits = Doing(|ctx: RunContext| async move {
        ctx.commit(one_record()).await?;
        Ok(RunOutcome::Completed(json!({})))
    });
    let (_engine, campaign) = watched(Both(append, release), commits).await;
    campaign.start("collect").await.expect("it starts");
    assert_eq!(status_at_rest(&campaign).await, CampaignStatus::Completed);
}
