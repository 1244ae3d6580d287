//! A phase that ends its process again and again is taken up alone, and costs nobody else anything.

use std::sync::Arc;
use std::time::Duration;

use phasegate::storage::{ChangeScope, Storage};
use phasegate::{
    CampaignHandle, CampaignId, CampaignStatus, Engine, Failure, NewCampaign, Recovery, RetryPolicy, Ticket,
};
use phasegate_testkit::{MemoryStorage, Stage};
use serde_json::json;

use crate::support::{builder, definition};

/// How long anything may take, by the virtual clock.
const DEADLINE: Duration = Duration::from_secs(600);
/// When a phase that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// One process after the other on one store.
struct Processes {
    storage: MemoryStorage,
}

/// A process: an engine with a handle of its own on the store, which its end takes away.
struct Process {
    engine: Engine,
    handle: Arc<MemoryStorage>,
    stage: Stage,
}

impl Processes {
    fn new() -> Self {
        Self {
            storage: MemoryStorage::new(),
        }
    }

    fn next(&self) -> Process {
        let (handle, stage) = (Arc::new(self.storage.connect()), Stage::default());
        let retry = RetryPolicy {
            initial_delay_ms: RETRY_AFTER.as_millis() as u64,
            jitter: 0.0,
            ..RetryPolicy::new(3)
        };
        let pipeline = builder("press").runner(definition("collect").retry(retry), stage.runner());
        let engine = Engine::builder()
            .shared_storage(Arc::clone(&handle) as Arc<dyn Storage>)
            .pipeline(pipeline.build().expect("a valid pipeline"))
            .build()
            .expect("an engine");
        Process {
            engine,
            handle,
            stage,
        }
    }

    /// Ends a process without any order: its handle is gone, and its leases run out.
    async fn crash(&self, process: Process) {
        process.handle.close().await.expect("it is closed");
        process.stage.close();
        self.storage.end_leases();
    }

    /// Campaigns whose phases are suspects by now: their processes ended three times.
    async fn suspects<const N: usize>(&self, names: [&str; N]) -> [CampaignId; N] {
        let process = self.next();
        let mut ids = Vec::new();
        for name in names {
            ids.push(process.started(name).await);
        }
        self.crash(process).await;
        for _ in 0..2 {
            let process = self.next();
            assert_eq!(process.recover().await.resumed.len(), N);
            self.crash(process).await;
        }
        ids.try_into().expect("as many as names")
    }

    /// A process in which a suspect waits to be tried again beside another campaign's phase, which runs.
    async fn held_back(&self) -> (Process, CampaignId, Ticket) {
        let [suspect] = self.suspects(["flaky"]).await;
        let process = self.next();
        assert_eq!(process.recover().await.resumed, [suspect]);
        let ticket = process.taken_up(suspect).await;
        process.stage.fail(&ticket, Failure::new("flaky", "flaky")).await;
        let campaign = process.campaign(suspect).await;
        let scope = ChangeScope::Campaign(suspect);
        while campaign.view().await.expect("a view").status != CampaignStatus::Retrying {
            let latest = self.storage.latest().await.expect("a read");
            let changed = self.storage.changed(scope, latest, DEADLINE).await;
            assert!(changed.expect("a store"), "it fails");
        }
        let other = process.started("other").await;
        self.storage.clock().advance(RETRY_AFTER);
        // It looks at what is due many times.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let on_stage = process.stage.on_stage();
        let [other_s] = &on_stage[..] else {
            panic!("{on_stage:?}")
        };
        assert_eq!(other_s.campaign, other);
        (process, suspect, other_s.clone())
    }
}

impl Process {
    async fn started(&self, name: &str) -> CampaignId {
        let new = NewCampaign::new(name).config("collect", json!({"value": 1}));
        let campaign = self.engine.create(new).await.expect("it is created");
        campaign.start("collect").await.expect("it starts");
        self.stage.arrived(&self.ticket(campaign.id()).await).await;
        campaign.id()
    }

    async fn ticket(&self, id: CampaignId) -> Ticket {
        let snapshot = self.campaign(id).await.snapshot().await.expect("a read");
        snapshot.ticket().expect("it runs")
    }

    async fn campaign(&self, id: CampaignId) -> CampaignHandle {
        self.engine.campaign(id).await.expect("it is there")
    }

    async fn recover(&self) -> Recovery {
        self.engine.recover().await.expect("it recovers")
    }

    /// Waits until an attempt of the campaign is on this process' stage.
    async fn taken_up(&self, id: CampaignId) -> Ticket {
        self.arrival(|ticket| ticket.campaign == id).await
    }

    /// Waits until an attempt that is wanted is on this process' stage.
    async fn arrival(&self, is_wanted: impl Fn(&Ticket) -> bool) -> Ticket {
        tokio::time::timeout(DEADLINE, self.stage.arrival(is_wanted))
            .await
            .expect("it is taken up in the end")
    }
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_campaign_ends_as_a_crash_loop_and_its_neighbours_complete() {
    let processes = Processes::new();
    let process = processes.next();
    let mut good = Vec::new();
    for number in 0..10 {
        good.push(process.started(&format!("good {number}")).await);
    }
    let poisoned = process.started("poisoned").await;
    processes.crash(process).await;

    // Whenever the poisoned campaign's phase is taken up, the process ends. The others get along wherever they are taken up.
    let mut ended = 1;
    let last = loop {
        let process = processes.next();
        let mut recovery = process.recover().await;
        let mut is_taken_up = recovery.resumed.contains(&poisoned);
        if !is_taken_up && !recovery.settled.contains(&poisoned) {
            assert!(recovery.held_back.contains(&poisoned), "{recovery:?}");
            // One after the other is taken up alone, and completes.
            while !is_taken_up {
                let alone = process.stage.on_stage();
                let [ticket] = &alone[..] else { panic!("{alone:?}") };
                assert_ne!(ticket.campaign, poisoned);
                process.stage.complete(ticket, json!(null)).await;
                process
                    .campaign(ticket.campaign)
                    .await
                    .at_rest()
                    .await
                    .expect("it comes to rest");
                let left = good.iter().position(|one| *one == ticket.campaign);
                good.remove(left.expect("it is one of them"));
                let next = match good.first() {
                    Some(_) => process.arrival(|_| true).await,
                    None => process.taken_up(poisoned).await,
                };
                is_taken_up = next.campaign == poisoned;
            }
            recovery.resumed.push(poisoned);
        }
        if !is_taken_up {
            break process;
        }
        ended += 1;
        assert!(ended < 20, "it ends");
        processes.crash(process).await;
    };
    let view = last.campaign(poisoned).await.view().await.expect("a view");
    assert_eq!(view.status, CampaignStatus::Failed);
    let failure = view.phases[0].failure.clone().expect("it failed");
    assert_eq!(failure.code, "crash_loop");
    assert_eq!(
        ended, 6,
        "the first process, and one for each of the five recoveries"
    );
    for id in good {
        let ticket = last.taken_up(id).await;
        last.stage.complete(&ticket, json!(null)).await;
        let view = last.campaign(id).await.at_rest().await.expect("it comes to rest");
        assert_eq!(view.status, CampaignStatus::Completed);
    }
}

#[tokio::test(start_paused = true)]
async fn six_orderly_restarts_count_nothing() {
    let processes = Processes::new();
    let process = processes.next();
    let id = process.started("long").await;
    let mut process = process;
    for _ in 0..6 {
        let (left, ()) = tokio::join!(process.engine.shutdown(), async { process.stage.close() });
        left.expect("it shuts down in order");
        process = processes.next();
        assert_eq!(process.recover().await.resumed, [id]);
        process.taken_up(id).await;
    }
    let snapshot = process.campaign(id).await.snapshot().await.expect("a read");
    assert_eq!(snapshot.activity.run().expect("it runs").recoveries.count, 0);
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_makes_progress_is_trusted_and_the_others_are_taken_up() {
    let processes = Processes::new();
    let both = processes.suspects(["one", "other"]).await;
    let process = processes.next();
    let recovery = process.recover().await;
    assert_eq!(
        (recovery.resumed.len(), recovery.held_back.len()),
        (1, 1),
        "{recovery:?}"
    );
    assert!(both.contains(&recovery.resumed[0]) && both.contains(&recovery.held_back[0]));
    let alone = process.taken_up(recovery.resumed[0]).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(process.stage.launches(), 1, "it is alone for 10 s");
    process.stage.commit(&alone, 1).await.expect("durable");
    // It runs on, so the other one, a suspect itself, has to wait for its end.
    process.stage.complete(&alone, json!(null)).await;
    process.taken_up(recovery.held_back[0]).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_suspect_is_taken_up_as_soon_as_the_suspect_is_done() {
    let processes = Processes::new();
    let both = processes.suspects(["one", "other"]).await;
    let process = processes.next();
    let recovery = process.recover().await;
    let alone = process.taken_up(recovery.resumed[0]).await;
    process.stage.complete(&alone, json!(null)).await;
    let began = tokio::time::Instant::now();
    process.taken_up(recovery.held_back[0]).await;
    assert!(both.contains(&recovery.held_back[0]));
    let waited = began.elapsed();
    assert!(waited < Duration::from_secs(5), "nothing hinders it: {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_is_to_be_tried_again_waits_until_nothing_else_runs() {
    let processes = Processes::new();
    let (process, suspect, other_s) = processes.held_back().await;
    process.stage.complete(&other_s, json!(null)).await;
    let again = process.taken_up(suspect).await;
    assert_eq!(again.attempt.0, 5);
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_is_to_be_tried_again_and_is_held_back_is_taken_up_by_an_engine_that_has_room() {
    let processes = Processes::new();
    let (_busy, suspect, _) = processes.held_back().await;
    let free = processes.next();
    free.recover().await;
    free.taken_up(suspect).await;
}
