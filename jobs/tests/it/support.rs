//! A pipeline of one phase whose work is jobs.

use std::sync::Arc;
use std::time::Duration;

use phasegate::core::PhaseView;
use phasegate::storage::Storage;
use phasegate::{CampaignHandle, Engine, EngineBuilder, NewCampaign, PhaseDefinition, PhaseName, Pipeline};
use phasegate_jobs::{Job, JobQueue, JobRunner};
use phasegate_testkit::MemoryStorage;
use serde_json::json;

/// The longest that a test waits, by the clock that it runs under.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

pub struct World {
    pub storage: Arc<MemoryStorage>,
    pub engine: Engine,
    pub queue: JobQueue,
    pub campaign: CampaignHandle,
}

impl World {
    /// A campaign that is configured and was not started.
    pub async fn with(
        runner: impl FnOnce(JobRunner) -> JobRunner,
        phase: impl FnOnce(PhaseDefinition) -> PhaseDefinition,
        engine: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Self {
        let queue = JobQueue::new();
        let storage = Arc::new(MemoryStorage::new());
        let shared = Arc::clone(&storage) as Arc<dyn Storage>;
        let engine = engine(Engine::builder().shared_storage(shared))
            .pipeline(pipeline(&queue, runner, phase))
            .build()
            .unwrap();
        let campaign = engine.create(NewCampaign::new("spring")).await.unwrap();
        Self {
            storage,
            engine,
            queue,
            campaign,
        }
    }

    /// Configures and starts it, and takes its job. The worker answers nothing else.
    pub async fn started(runner: impl FnOnce(JobRunner) -> JobRunner) -> (Self, Arc<Job>) {
        let world = Self::with(runner, |phase| phase, |engine| engine).await;
        world.start().await;
        let job = world.job().await;
        (world, job)
    }

    pub async fn start(&self) {
        self.campaign.configure("collect", json!({})).await.unwrap();
        self.campaign.start("collect").await.unwrap();
    }

    pub async fn job(&self) -> Arc<Job> {
        patiently(self.queue.next()).await.expect("a job")
    }

    /// Waits until it is at rest, and looks at its phase.
    pub async fn at_rest(&self) -> PhaseView {
        let view = patiently(self.campaign.at_rest()).await.unwrap();
        view.phases[0].clone()
    }

    pub async fn look(&self) -> PhaseView {
        self.campaign.view().await.unwrap().phases[0].clone()
    }
}

pub async fn patiently<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it doesn't hang")
}

fn pipeline(
    queue: &JobQueue,
    runner: impl FnOnce(JobRunner) -> JobRunner,
    phase: impl FnOnce(PhaseDefinition) -> PhaseDefinition,
) -> Pipeline {
    let name = PhaseName::new("collect").unwrap();
    let runner = runner(JobRunner::new(queue.clone(), "press", &name));
    Pipeline::builder("press")
        .runner(
            phase(PhaseDefinition::new(name, json!({"type": "object"}))),
            runner,
        )
        .build()
        .unwrap()
}
