//! A phase that ends its process again and again is taken up alone, and costs nobody else anything.

use std::sync::Arc;
use std::time::Duration;

use phasegate::storage::Storage;
use phasegate::{CampaignHandle, CampaignId, CampaignStatus, Engine, NewCampaign, Recovery, Ticket};
use phasegate_testkit::{MemoryStorage, Stage};
use serde_json::json;

use crate::support::{builder, definition};

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
    fn next(&self) -> Process {
        let (handle, stage) = (Arc::new(self.storage.connect()), Stage::default());
        let pipeline = builder("press").runner(definition("collect"), stage.runner());
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
        let is_there = async {
            loop {
                if let Some(ticket) = self.stage.on_stage().into_iter().find(|one| one.campaign == id) {
                    return ticket;
                }
                tokio::task::yield_now().await;
                tokio::time::advance(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(600), is_there)
            .await
            .expect("it is taken up in the end")
    }
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_campaign_ends_as_a_crash_loop_and_its_neighbours_complete() {
    let processes = Processes {
        storage: MemoryStorage::new(),
    };
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
                    Some(_) => process.any_taken_up().await,
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

impl Process {
    /// Waits until any attempt is on this process' stage.
    async fn any_taken_up(&self) -> Ticket {
        let is_there = async {
            loop {
                if let Some(ticket) = self.stage.on_stage().into_iter().next() {
                    return ticket;
                }
                tokio::task::yield_now().await;
                tokio::time::advance(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(600), is_there)
            .await
            .expect("one is taken up in the end")
    }
}

#[tokio::test(start_paused = true)]
async fn six_orderly_restarts_count_nothing() {
    let processes = Processes {
        storage: MemoryStorage::new(),
    };
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
    let processes = Processes {
        storage: MemoryStorage::new(),
    };
    let process = processes.next();
    let both = [process.started("one").await, process.started("other").await];
    processes.crash(process).await;
    for _ in 0..2 {
        let process = processes.next();
        assert_eq!(process.recover().await.resumed.len(), 2);
        processes.crash(process).await;
    }
    let process = processes.next();
    let recovery = process.recover().await;
    assert_eq!(
        (recovery.resumed.len(), recovery.held_back.len()),
        (1, 1),
        "{recovery:?}"
    );
    assert!(both.contains(&recovery.resumed[0]) && both.contains(&recovery.held_back[0]));
    let alone = process.taken_up(recovery.resumed[0]).await;
    for _ in 0..100 {
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(process.stage.launches(), 1, "it is alone for 10 s");
    }
    process.stage.commit(&alone, 1).await.expect("durable");
    // It runs on, so the other one, a suspect itself, has to wait for its end.
    process.stage.complete(&alone, json!(null)).await;
    process.taken_up(recovery.held_back[0]).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_suspect_is_taken_up_as_soon_as_the_suspect_is_done() {
    let processes = Processes {
        storage: MemoryStorage::new(),
    };
    let process = processes.next();
    let both = [process.started("one").await, process.started("other").await];
    processes.crash(process).await;
    for _ in 0..2 {
        let process = processes.next();
        process.recover().await;
        processes.crash(process).await;
    }
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
