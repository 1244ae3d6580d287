//! The pure core of Phasegate: the state machine of a campaign and the storage port.
//!
//! Everything here is synchronous, deterministic and total. There is no clock, no file, no randomness and no async
//! runtime in this crate; lints forbid them. Nor is there a validator of JSON Schemas. Time, ids and the state of the
//! world come in as arguments, the problems of configs among them, and decisions go out as events:
//!
//! - [`create`] and [`decide`] turn a command and the [`Facts`] of the moment into events, or refuse it with a
//!   [`Rejection`].
//! - [`Campaign::apply`] folds one event into a campaign. A stored snapshot always equals the fold of its log.
//! - [`view`] derives the statuses, the blockers and the allowed commands that a person sees.
//! - [`Storage`](storage::Storage) is the port that a database implements.
//!
//! Most programs use the crate `phasegate`, which wraps this one in an async engine.

mod attributes;
mod campaign;
mod code;
mod command;
mod diagram;
mod envelope;
mod event;
mod facts;
mod failure;
mod ids;
#[doc(hidden)]
pub mod in_macros;
mod json;
mod json_text;
mod known;
mod label;
pub mod limits;
mod machine;
mod measure;
mod options;
mod pipeline;
mod pointer;
mod preflight;
mod problem;
mod rejection;
mod retry;
mod run_state;
mod shorten;
mod signal;
mod status;
pub mod storage;
pub mod stored;
mod time;
mod view;
mod word;

pub use attributes::{AttributeChanges, Attributes};
pub use campaign::{
    Activity, Campaign, Completion, ConfigPin, CurrentRun, Deferral, Doing, Intent, Mark, Mode, Passed,
    PhaseSlot, Skip, StopReason, Trigger,
};
pub use code::ErrorCode;
pub use command::{Command, CommandKind, CreateCampaign};
pub use diagram::mermaid;
pub use envelope::{Envelope, EnvelopeError};
pub use event::{Event, EventKind, EventType, Launch, Misfit, Resumed};
pub use facts::{ConfigFacts, Facts, Needs, OutputFacts, PipelineMatch, RegisteredPhase};
pub use failure::Failure;
pub use ids::{
    Attempt, BatchNumber, CampaignId, CommitId, InvalidName, OwnerId, PhaseName, PipelineId, ResourceId,
    ResourceKind, ResourcePin, ResourceRef, Revision, Run, Ticket, Version,
};
pub use json::{Digest, canonical_json};
pub use json_text::{JsonTextError, OtherEncoding, json_text, read_json};
pub use machine::{create, decide, needs, try_decide};
pub use measure::{Excess, Measure, Part};
pub use options::{DEFAULT_MAX_RECOVERIES, OnSkip, PhaseOptions, SkipReads};
pub use pipeline::{PhaseDefinition, PipelineDefinition, ResourceKindDefinition};
pub use pointer::member_pointer;
pub use preflight::{PhasePreflight, PreflightReport};
pub use problem::{Problem, Problems};
pub use rejection::Rejection;
pub use retry::{MAX_RETRY_DELAY_MS, RetryPolicy};
pub use run_state::{Count, Pins, RunRef, RunState};
pub use shorten::shorten;
pub use signal::{Answer, Deferred, Input, LastBatch, Outcome, Signal};
pub use status::{CampaignStatus, PhaseStatus};
pub use time::Timestamp;
pub use view::{CampaignView, NextCommand, PhaseView, Refusal, SkipView, Told, WaitView, try_view, view};
