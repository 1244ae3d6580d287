//! The shapes of bodies and answers that are read and written here. The schemas of what the core writes come from the core, see
//! [`components`](crate::components). The tests compare every answer with the document.

use std::collections::BTreeMap;

use phasegate::core::storage::Progress;
use phasegate::core::{PhaseName, PipelineDefinition, Ticket};
use phasegate::{CampaignId, CampaignView, Mode, Receipt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

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
}

/// The mode to set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
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
#[schemars(rename = "Campaign")]
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

/// A page of campaigns, the newest first.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignPage {
    /// The campaigns. With a status or a name asked for, a page may be short, or empty, although more follow.
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
