//! An embeddable engine for work that runs in **phases**, one after the other, with a **gate** between each two.
//!
//! A host defines a [`Pipeline`] of phases. Its user configures all of them first and presses start once. The engine then runs
//! the chain by itself: durably, exactly once per step, with a visible stop at a phase that lacks its configuration.
//!
//! - **Nothing is invented.** A phase runs only with a valid stored config. A full sequence starts only after a preflight of every
//!   remaining phase; a refused start lists everything that is missing.
//! - **A completion starts the next phase exactly once**, despite crashes, repetitions and races: both are one decision in one
//!   commit.
//! - **A chain waits for a missing config**, without an error: its status is `waiting_for_configuration`, and its preflight names
//!   the config.
//!
//! # A phase
//!
//! A phase is a [`Phase`] with Rust types, or a [`PhaseRunner`] with JSON. It reads the records of the phase before, and commits
//! its own in batches, each with the checkpoint that covers it. After a crash, a pause or a failure the next attempt continues
//! from the last checkpoint.
//!
//! ```
//! use phasegate::{Phase, PhaseContext, PhaseDefinition, PhaseName, RunError, RunOutcome};
//! use serde::{Deserialize, Serialize};
//!
//! struct Greet;
//!
//! #[derive(Deserialize)]
//! struct Config {
//!     names: Vec<String>,
//! }
//!
//! #[async_trait::async_trait]
//! impl Phase for Greet {
//!     type Config = Config;
//!     type Input = serde::de::IgnoredAny; // the first phase reads no records
//!     type Record = String;
//!     type Checkpoint = usize; // how many names are greeted
//!     type Summary = usize;
//!
//!     fn definition(&self) -> PhaseDefinition {
//!         let config = serde_json::json!({
//!             "type": "object",
//!             "properties": { "names": { "type": "array", "items": { "type": "string" }, "minItems": 1 } },
//!             "required": ["names"],
//!             "additionalProperties": false
//!         });
//!         PhaseDefinition::new(PhaseName::new("greet").expect("a valid name"), config).title("Greet everybody")
//!     }
//!
//!     async fn run(&self, ctx: PhaseContext<Self>) -> Result<RunOutcome<usize>, RunError> {
//!         let names = &ctx.config().names;
//!         let total = names.len();
//!         for done in ctx.checkpoint().copied().unwrap_or(0)..total {
//!             ctx.ensure_running()?; // a pause, a stop or a shutdown ends the attempt here
//!             let greeting = format!("Hello, {}!", names[done]);
//!             ctx.commit(&[greeting], &(done + 1), done as u64 + 1, Some(total as u64)).await?;
//!         }
//!         Ok(RunOutcome::Completed(total))
//!     }
//! }
//!
//! # #[cfg(feature = "redb")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! # let folder = std::env::temp_dir().join(format!("phasegate-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("campaigns.redb");
//! // In the host:
//! use phasegate::{CampaignStatus, Engine, Mode, NewCampaign, Pipeline, redb::RedbStorage};
//!
//! let engine = Engine::builder()
//!     .storage(RedbStorage::open(&path).await?)
//!     .pipeline(Pipeline::builder("greetings").phase(Greet).build()?)
//!     .build()?;
//! engine.recover().await?; // takes up what was running when the last process ended
//!
//! let spring = NewCampaign::new("spring").mode(Mode::FullSequence);
//! let campaign = engine.create(spring.config("greet", serde_json::json!({ "names": ["Ada", "Grace"] }))).await?;
//! campaign.start("greet").await?;
//! assert_eq!(campaign.at_rest().await?.status, CampaignStatus::Completed);
//!
//! let mut greetings = campaign.records("greet", 0).await?;
//! assert_eq!(greetings.next().await?.map(|one| one.get().to_owned()).as_deref(), Some("\"Hello, Ada!\""));
//! engine.shutdown().await?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # })
//! # }
//! # #[cfg(not(feature = "redb"))]
//! # fn main() {}
//! ```
//!
//! # What happens exactly once, and what at least once
//!
//! State, log, records and checkpoints change exactly once, and are durable when a call returns, power loss included. A phase's
//! effects outside the store (a DNS query, a mail) happen at least once: [`RunContext::run_key`] is the same for every attempt of
//! a run, so that the other side can recognise a repetition.
//!
//! # Features
//!
//! `redb` (on by default): the embedded store, as [`redb`]. Without it, give the engine another
//! [`Storage`](core::storage::Storage).

mod attempts;
mod builder;
mod campaign;
mod commit;
mod context;
mod create;
mod dry_run;
mod effects;
mod engine;
mod error;
mod events;
mod faults;
mod fresh_ids;
mod gather;
mod history;
mod keys;
mod keys_at_work;
mod leases;
mod log;
mod metrics;
mod once;
mod panics;
mod phase;
mod pipeline;
mod precondition;
mod prepare;
mod probe;
mod probing;
mod progress;
mod records;
mod recover;
mod report;
mod resources;
mod runner;
mod state;
mod status;
mod supervise;
mod suspects;
mod turns;
mod watched;

pub use self::metrics::describe_metrics;
pub use builder::{BuildError, EngineBuilder};
pub use campaign::CampaignHandle;
pub use commit::Receipt;
pub use context::{Batch, RunContext, Upstream, UpstreamRecord};
pub use create::NewCampaign;
pub use dry_run::DryRun;
pub use engine::Engine;
pub use error::EngineError;
pub use events::EventStream;
pub use phase::{Inputs, Phase, PhaseContext};
pub use phasegate_core as core;
pub use phasegate_core::{
    Answer, CampaignId, CampaignStatus, CampaignView, Deferred, Envelope, Failure, Mode, OnSkip,
    PhaseDefinition, PhaseName, PhaseStatus, PreflightReport, Problem, Rejection, RetryPolicy, Ticket,
};
pub use phasegate_schema as schema;
pub use pipeline::{Pipeline, PipelineBuilder, PipelineError};
pub use precondition::Precondition;
pub use probe::ResourceProbe;
pub use records::RecordStream;
pub use recover::Recovery;
pub use report::Reported;
pub use resources::ResourceUser;
pub use runner::{FieldProblem, InputChange, PhaseRunner, Resources, RunError, RunOutcome};
pub use status::StatusNow;

/// The storage port, with the types that it reads and writes.
pub use phasegate_core::storage;
/// The embedded default store: one file.
#[cfg(feature = "redb")]
pub use phasegate_storage_redb as redb;
