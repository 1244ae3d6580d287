//! A pipeline of three phases on a stage, in a store in memory.

#![allow(dead_code, reason = "the test of metrics uses a part of it")]

pub mod interposed;
pub mod log;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::storage::{EventScope, Storage};
use phasegate::storage::ChangeScope;
use phasegate::{
    CampaignHandle, Engine, EngineBuilder, Mode, NewCampaign, PhaseDefinition, PhaseName, PhaseRunner,
    Pipeline, PipelineBuilder, RunContext, RunError, RunOutcome, Ticket,
};
use phasegate_testkit::{MemoryStorage, Stage};
use serde_json::{Value, json};

pub const PHASES: [&str; 3] = ["collect", "refine", "publish"];

/// A runner that does what a function says.
pub struct Doing<F>(pub F);

#[async_trait]
impl<F, R> PhaseRunner for Doing<F>
where
    F: Fn(RunContext) -> R + Send + Sync + 'static,
    R: Future<Output = Result<RunOutcome, RunError>> + Send + 'static,
{
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        (self.0)(ctx).await
    }
}

/// A campaign of the one phase `collect`, configured and started, in an engine of its own.
pub async fn started(runner: impl PhaseRunner, timeout: Option<Duration>) -> (Engine, CampaignHandle) {
    let mut builder = builder("press").runner(definition("collect"), runner);
    if let Some(timeout) = timeout {
        builder = builder.change("collect", |phase| phase.timeout(timeout));
    }
    let engine = Engine::builder()
        .storage(MemoryStorage::new())
        .pipeline(builder.build().expect("a valid pipeline"))
        .build()
        .expect("an engine");
    let new = NewCampaign::new("spring").config("collect", json!({"value": 1}));
    let campaign = engine.create(new).await.expect("it is created");
    campaign.start("collect").await.expect("it starts");
    (engine, campaign)
}

/// Starts `collect` in a full sequence and gives its ticket.
pub async fn running(world: &World) -> (CampaignHandle, Ticket) {
    let campaign = world.ready(Mode::FullSequence).await;
    campaign.start("collect").await.expect("it starts");
    let ticket = world.running(&campaign, "collect").await;
    (campaign, ticket)
}

pub struct World {
    pub storage: Arc<MemoryStorage>,
    pub stage: Stage,
    pub engine: Engine,
}

pub fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["value"],
        "properties": {
            "value": {"type": "integer", "minimum": 0},
            "tokenId": {"type": "string", "x-phasegate-resource": "token"}
        },
        "additionalProperties": false
    })
}

pub fn definition(name: &str) -> PhaseDefinition {
    let name = PhaseName::new(name).expect("a valid phase name");
    PhaseDefinition::new(name, schema())
}

/// Begins a pipeline with the kind of resource that the schema names.
pub fn builder(id: &str) -> PipelineBuilder {
    Pipeline::builder(id).resource_kind("token", "Token", json!({"type": "object"}))
}

pub fn pipeline(stage: &Stage, timeout: Option<Duration>) -> Pipeline {
    let mut builder = builder("press");
    for phase in PHASES {
        builder = builder.runner(definition(phase), stage.runner());
        if let Some(timeout) = timeout {
            builder = builder.change(phase, |phase| phase.timeout(timeout));
        }
    }
    builder.build().expect("a valid pipeline")
}

impl World {
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub fn with(change: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Self {
        Self::on(Arc::new(MemoryStorage::new()), None, change)
    }

    pub fn on(
        storage: Arc<MemoryStorage>,
        timeout: Option<Duration>,
        change: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Self {
        let stage = Stage::default();
        let builder = Engine::builder().shared_storage(Arc::clone(&storage) as Arc<dyn Storage>);
        let engine = change(builder.pipeline(pipeline(&stage, timeout)))
            .build()
            .expect("an engine");
        Self {
            storage,
            stage,
            engine,
        }
    }

    /// A campaign whose phases are all configured.
    pub async fn ready(&self, mode: Mode) -> CampaignHandle {
        let mut new = NewCampaign::new("spring").mode(mode);
        for phase in PHASES {
            new = new.config(phase, json!({"value": 1}));
        }
        self.engine.create(new).await.expect("it is created")
    }

    pub async fn ticket(&self, campaign: &CampaignHandle) -> Ticket {
        let snapshot = self.storage.campaign(campaign.id()).await.expect("a read");
        snapshot
            .campaign
            .and_then(|campaign| campaign.ticket())
            .expect("a phase runs")
    }

    /// Waits until the phase runs, and gives its ticket.
    pub async fn running(&self, campaign: &CampaignHandle, phase: &str) -> Ticket {
        loop {
            let latest = self.storage.latest().await.expect("a read");
            let snapshot = self
                .storage
                .campaign(campaign.id())
                .await
                .expect("a read")
                .campaign
                .expect("a campaign");
            if let Some(ticket) = snapshot.ticket().filter(|ticket| ticket.phase.as_str() == phase) {
                self.stage.arrived(&ticket).await;
                return ticket;
            }
            self.storage
                .changed(ChangeScope::Store, latest, Duration::from_secs(60))
                .await
                .expect("a change");
        }
    }

    /// Lets the phase run and complete.
    pub async fn play(&self, campaign: &CampaignHandle, phase: &str) {
        let ticket = self.running(campaign, phase).await;
        self.stage.complete(&ticket, json!({"phase": phase})).await;
    }

    /// The campaign's log in short: type, phase, and run.attempt of what was launched.
    pub async fn log(&self, campaign: &CampaignHandle) -> Vec<String> {
        let page = self
            .storage
            .events(EventScope::Campaign(campaign.id()), None, 1_000)
            .await
            .expect("a read");
        let line = |kind: &phasegate::core::EventKind| {
            let mut line = kind.name().to_owned();
            if let Some(phase) = kind.phase() {
                line.push_str(&format!(" {phase}"));
            }
            if let Some(launch) = kind.launch() {
                line.push_str(&format!(" {}.{}", launch.run, launch.attempt));
            }
            line
        };
        page.items.iter().map(|logged| line(&logged.event.kind)).collect()
    }

    /// The log from the first start on.
    pub async fn story(&self, campaign: &CampaignHandle) -> Vec<String> {
        let log = self.log(campaign).await;
        let begin = log
            .iter()
            .position(|line| line.starts_with("phase_started"))
            .unwrap_or(log.len());
        log[begin..].to_vec()
    }
}
