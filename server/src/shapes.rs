//! The shapes of bodies and answers that are read and written here. The schemas of what the core writes come from the core, see
//! [`components`](crate::components). The tests compare every answer with the document.

use std::collections::{BTreeMap, BTreeSet};

use phasegate::core::storage::Progress;
use phasegate::core::{Event, PhaseName, PipelineDefinition, Ticket};
use phasegate::{CampaignId, CampaignView, Mode, Receipt, RetryPolicy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::as_object::AsObject;
use crate::described;

/// A campaign to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCampaign {
    /// Its name, which need not be unique.
    #[schema(min_length = 1, max_length = 200, pattern = r"\S", example = "spring")]
    pub name: String,
    /// Its pipeline; needed only where several are registered.
    #[schema(max_length = 128, example = "lead_generation")]
    pub pipeline: Option<String>,
    /// Its mode; `step_by_step` unless given.
    #[schema(value_type = Option<described::Mode>)]
    pub mode: Option<Mode>,
    /// The configs of its phases, by phase, stored with it: all of them or none.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    pub configs: Option<BTreeMap<String, Value>>,
    /// Its attributes by key: at most 32, by which its host finds it again. A key has 1 to 64 characters of a-z, 0-9, `_`, `.` and `-`, a
    /// value at most 256 characters.
    pub attributes: Option<BTreeMap<String, String>>,
    /// Its own retry policies by phase, in place of the pipeline's.
    #[schema(value_type = Option<BTreeMap<String, described::RetryPolicy>>)]
    pub retry: Option<BTreeMap<String, AsObject<RetryPolicy>>>,
    /// The phases to skip.
    pub skips: Option<BTreeSet<String>>,
}

impl From<NewCampaign> for phasegate::NewCampaign {
    fn from(new: NewCampaign) -> Self {
        let mut campaign = Self::new(new.name);
        if let Some(pipeline) = new.pipeline {
            campaign = campaign.pipeline(pipeline);
        }
        if let Some(mode) = new.mode {
            campaign = campaign.mode(mode);
        }
        for (phase, config) in new.configs.unwrap_or_default() {
            campaign = campaign.config(phase, config);
        }
        for (key, value) in new.attributes.unwrap_or_default() {
            campaign = campaign.attribute(key, value);
        }
        for (phase, AsObject(policy)) in new.retry.unwrap_or_default() {
            campaign = campaign.retry(phase, policy);
        }
        for phase in new.skips.unwrap_or_default() {
            campaign = campaign.skip(phase);
        }
        campaign
    }
}

/// A plan to be checked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanToCheck {
    /// Its pipeline; needed only where several are registered.
    #[schema(max_length = 128, example = "lead_generation")]
    pub pipeline: Option<String>,
    /// Its mode. The check is of every phase in either mode.
    #[schema(value_type = Option<described::Mode>)]
    #[expect(dead_code, reason = "a plan has one, and the check is the same in both")]
    pub mode: Option<Mode>,
    /// The configs of its phases, by phase.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    pub configs: Option<BTreeMap<String, Value>>,
}

/// What a campaign is called, and by what it is found again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Describe {
    /// Its name; the same as before unless given.
    #[schema(min_length = 1, max_length = 200, pattern = r"\S", example = "spring")]
    pub name: Option<String>,
    /// New values of attributes by key; null removes one. Those that are not named stay.
    pub attributes: Option<BTreeMap<String, Option<String>>>,
}

/// Which runs stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prune {
    /// How many of the latest runs of a phase stay. The current run always does.
    #[schema(value_type = u64, maximum = 4_294_967_295_u64)]
    pub keep_runs: u32,
    /// Only of this phase; of all unless given.
    #[schema(pattern = "^[a-z][a-z0-9_]{0,62}$")]
    pub phase: Option<String>,
}

/// The mode to set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignModeUpdateRequest)]
pub struct SetMode {
    /// The mode.
    #[schema(value_type = described::Mode)]
    pub mode: Mode,
}

/// What a restart may bring.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// A new config for the phase; the stored one is kept unless given.
    #[schema(value_type = Option<Value>)]
    pub config: Option<Value>,
}

/// The mode of a campaign.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CampaignModeUpdateResponse)]
pub struct ModeSet {
    /// The campaign.
    #[schema(format = Uuid)]
    pub campaign_id: String,
    /// Its mode now.
    #[schema(value_type = described::Mode)]
    pub mode: Mode,
}

/// What an accepted command came to. The same `Idempotency-Key` gives the same one again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Receipt)]
pub struct ReceiptBody {
    /// The campaign.
    #[schema(format = Uuid)]
    pub campaign_id: String,
    /// Its version after the command: the number of its latest event.
    #[schema(minimum = 1)]
    pub version: u64,
    /// Whether the command changed anything; one that asks for what is so already changes nothing.
    pub changed: bool,
}

impl From<Receipt> for ReceiptBody {
    fn from(receipt: Receipt) -> Self {
        Self {
            campaign_id: receipt.campaign_id.to_string(),
            version: receipt.version.0,
            changed: receipt.changed,
        }
    }
}

/// A campaign, as it is shown.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CampaignResponse")]
pub struct CampaignBody {
    /// What the engine says of it.
    #[serde(flatten)]
    pub view: CampaignView,
    /// How many records each phase's current run has, by phase.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub records: BTreeMap<PhaseName, u64>,
    /// How far the running phase has come, where one runs in this process.
    pub progress: Option<ProgressBody>,
}

/// What a command would do.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DryRun")]
pub struct DryRunBody {
    /// Whether the command would be accepted now.
    pub accepted: bool,
    /// The events that it would make; none if what it asks for is so already. Absent from a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<EventToCome>>,
    /// The campaign after them. Absent after a deletion, and from a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignBody>,
    /// Why the command would be refused, as the problem document of its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Value>,
}

/// An event that a command would make. It has no number and no cursor yet.
#[derive(Serialize, JsonSchema)]
pub struct EventToCome {
    #[serde(flatten)]
    event: Event,
}

impl From<Event> for EventToCome {
    fn from(event: Event) -> Self {
        Self { event }
    }
}

/// A config that is stored.
#[derive(Serialize, JsonSchema)]
pub struct StoredConfig {
    /// Its phase.
    pub phase: PhaseName,
    /// Its revision.
    pub revision: u64,
    /// The config, as it was stored.
    pub config: Value,
}

/// The stored configs of a campaign.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigPage {
    /// The configs in the order of the phases.
    pub items: Vec<StoredConfig>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
}

/// A run of a phase.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Run)]
pub struct RunBody {
    /// Its number within its phase.
    #[schema(minimum = 1)]
    pub run: u32,
    /// The number of the event that launched its first attempt.
    #[schema(minimum = 1)]
    pub launched_seq: u64,
    /// How many records it has.
    pub records: u64,
    /// Whether it is the phase's run now. Older ones, and those that a restart has undone, are history.
    pub is_current: bool,
}

/// A page of runs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunPage {
    /// The runs, the oldest first.
    pub items: Vec<RunBody>,
    /// Where to go on, when there are more.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// How far a running phase has come, in items of its own counting.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Progress")]
pub struct ProgressBody {
    /// The phase.
    pub phase: PhaseName,
    /// Its run.
    pub run: u32,
    /// The attempt of that run.
    pub attempt: u32,
    /// How many are done.
    pub done: u64,
    /// How many there will be, when that is known.
    pub total: Option<u64>,
}

impl From<(Ticket, Progress)> for ProgressBody {
    fn from((ticket, progress): (Ticket, Progress)) -> Self {
        Self {
            phase: ticket.phase,
            run: ticket.run.0,
            attempt: ticket.attempt.0,
            done: progress.done,
            total: progress.total,
        }
    }
}

/// A stored resource, without its secrets.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resource {
    /// Its kind.
    pub kind: String,
    /// Its id within the kind.
    pub id: String,
    /// Its revision, which is also its entity tag.
    pub revision: u64,
    /// Whether configs may use it.
    pub enabled: bool,
    /// Its document, without the members that its schema marks as `writeOnly`.
    #[schema(value_type = Value)]
    pub document: Value,
    /// The JSON Pointers of the secrets that are stored and not shown.
    pub secrets: Vec<String>,
}

/// A page of resources.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourcePage {
    /// The resources in the order of their ids.
    pub items: Vec<Resource>,
    /// Where to go on, when there are more.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// A page of campaigns.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignPage {
    /// The campaigns. With a status, a name or an attribute asked for, a page may be short, or empty, although more follow.
    pub items: Vec<CampaignBody>,
    /// Where to go on, when there may be more.
    pub next_cursor: Option<CampaignId>,
}

/// A page of records.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordPage {
    /// The records, as the phase wrote them: any JSON. With a filter a page may be short, or empty, although more follow.
    #[schemars(with = "Vec<Value>")]
    pub items: Vec<Box<RawValue>>,
    /// Where to go on, when there may be more. It stays with the run that it began in.
    pub next_cursor: Option<String>,
}

/// The registered pipelines.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PipelinePage<'a> {
    /// The pipelines in the order of their ids.
    pub items: Vec<&'a PipelineDefinition>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
}

/// One server-sent event, as its fields are written in the stream.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "the document's shape of what is written member by member"
)]
pub struct ServerSentEvent {
    /// The event's cursor, for `Last-Event-ID`; progress has none.
    id: Option<String>,
    /// The event's type.
    event: Option<String>,
    /// The event, as JSON: an `Event`, or, where the type is `progress`, `Progress` with `type` and `campaignId`.
    data: Option<String>,
    /// How many milliseconds to wait before a reconnection.
    retry: Option<u32>,
}

/// Why a call was refused or failed: a problem document (RFC 9457). Members beside these belong to its code.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "the document's shape of what is written member by member"
)]
pub struct Problem {
    /// Always `about:blank`: `code` says what happened.
    r#type: String,
    /// The name of the status.
    title: String,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// A stable word for a program.
    code: String,
    /// A sentence for a person, which says what to do.
    detail: String,
}
