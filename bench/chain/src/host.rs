//! The host whose engine is measured: all that this crate uses of Phasegate.
//!
//! It changes with Phasegate's API, and only then: a revision is measured with the `host.rs` that it has.

use std::path::Path;

use anyhow::ensure;
use async_trait::async_trait;
use phasegate::redb::RedbStorage;
use phasegate::{
    Batch, CampaignHandle, CampaignStatus, Engine, Mode, NewCampaign, PhaseDefinition, PhaseRunner, Pipeline,
    RunContext, RunError, RunOutcome,
};
use serde_json::{Value, json};

use crate::records;

/// The phases of a chain.
const CHAIN: [&str; 4] = ["first", "second", "third", "fourth"];

/// An engine on a store in a new file, with one pipeline.
pub struct Host {
    engine: Engine,
}

/// A campaign that is ready to be started.
pub struct Ready(CampaignHandle);

impl Host {
    /// Opens a store, and an engine whose chains have four phases that do nothing.
    pub async fn with_chains(folder: &Path) -> anyhow::Result<Self> {
        let pipeline = CHAIN.iter().fold(Pipeline::builder("chain"), |pipeline, phase| {
            pipeline.runner(definition(phase), Idle)
        });
        Self::open(folder, pipeline.build()?).await
    }

    /// Opens a store, and an engine whose chains have three phases that do nothing, and a fourth that appends `batches` times.
    pub async fn with_appends(folder: &Path, batches: u64) -> anyhow::Result<Self> {
        let [idle @ .., last] = &CHAIN;
        let pipeline = idle.iter().fold(Pipeline::builder("appends"), |pipeline, phase| {
            pipeline.runner(definition(phase), Idle)
        });
        let pipeline = pipeline.runner(definition(last), Appending { batches });
        Self::open(folder, pipeline.build()?).await
    }

    async fn open(folder: &Path, pipeline: Pipeline) -> anyhow::Result<Self> {
        let storage = RedbStorage::open(folder.join("store.redb")).await?;
        let engine = Engine::builder().storage(storage).pipeline(pipeline).build()?;
        Ok(Self { engine })
    }

    /// Creates a campaign in `full_sequence` with a config for each phase.
    pub async fn create(&self, number: u64) -> anyhow::Result<Ready> {
        let campaign = NewCampaign::new(format!("campaign {number}")).mode(Mode::FullSequence);
        let campaign = CHAIN.iter().fold(campaign, |campaign, phase| {
            campaign.config(
                *phase,
                json!({ "keyword": format!("phasegate {number}"), "limit": 10 }),
            )
        });
        Ok(Ready(self.engine.create(campaign).await?))
    }

    /// Starts a campaign, and waits until its last phase has completed, as its caller does.
    pub async fn run(&self, Ready(campaign): Ready) -> anyhow::Result<()> {
        campaign.start(CHAIN[0]).await?;
        let status = campaign.at_rest().await?.status;
        ensure!(status == CampaignStatus::Completed, "the campaign is {status:?}");
        Ok(())
    }

    /// Closes the store in order.
    pub async fn close(self) -> anyhow::Result<()> {
        Ok(self.engine.shutdown().await?)
    }
}

fn definition(phase: &str) -> PhaseDefinition {
    // From JSON, as a manifest has it: what a later revision adds to it is left out here.
    let definition = json!({
        "name": phase,
        "title": phase,
        "configSchema": {
            "type": "object",
            "properties": {
                "keyword": { "type": "string", "minLength": 1 },
                "limit": { "type": "integer", "minimum": 1 },
            },
            "required": ["keyword"],
            "additionalProperties": false,
        },
    });
    serde_json::from_value(definition).expect("a phase by the form of a manifest")
}

/// A phase that does nothing.
struct Idle;

#[async_trait]
impl PhaseRunner for Idle {
    async fn run(&self, _: RunContext) -> Result<RunOutcome, RunError> {
        Ok(RunOutcome::Completed(Value::Null))
    }
}

/// A phase that appends batches, one after the other.
struct Appending {
    batches: u64,
}

#[async_trait]
impl PhaseRunner for Appending {
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        for number in 1..=self.batches {
            let mut batch = Batch::new();
            for record in records::batch(number) {
                batch.push(&record)?;
            }
            batch.set_checkpoint(&number)?;
            batch.set_progress(number, Some(self.batches));
            ctx.commit(batch).await?;
        }
        Ok(RunOutcome::Completed(Value::Null))
    }
}
