//! The shapes of bodies and answers: what is read and written here, and what the OpenAPI document says of the views that the
//! engine writes itself. The tests compare every answer with the document.

use std::collections::BTreeMap;

use phasegate::core::storage::Progress;
use phasegate::core::{PhaseName, Ticket};
use phasegate::{CampaignView, Receipt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// How a campaign goes from one phase to the next.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Each phase is started by hand.
    StepByStep,
    /// A completed phase starts the next by itself, in the same commit.
    FullSequence,
}

impl From<Mode> for phasegate::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::StepByStep => Self::StepByStep,
            Mode::FullSequence => Self::FullSequence,
        }
    }
}

/// The status of a campaign.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "the document's shape of `CampaignStatus`")]
pub enum CampaignStatus {
    Idle,
    Running,
    Pausing,
    Stopping,
    Paused,
    Stopped,
    Failed,
    WaitingForConfiguration,
    Completed,
}

/// The status of a phase.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "the document's shape of `PhaseStatus`")]
pub enum PhaseStatus {
    NotStarted,
    Running,
    Paused,
    Failed,
    Stopped,
    Completed,
}

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
    #[schema(value_type = Mode)]
    pub mode: phasegate::Mode,
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
#[derive(Serialize)]
pub struct CampaignBody {
    /// What the engine says of it.
    #[serde(flatten)]
    pub view: CampaignView,
    /// How many records each phase's current run has.
    pub records: BTreeMap<PhaseName, u64>,
    /// How far the running phase has come.
    pub progress: Option<ProgressBody>,
}

/// How far a running phase has come.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressBody {
    pub phase: PhaseName,
    pub run: u32,
    pub attempt: u32,
    pub done: u64,
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

/// What is only in the document: the engine's own JSON.
pub mod shown {
    #![expect(dead_code, reason = "the document's shapes of what the engine writes itself")]

    use utoipa::ToSchema;

    use super::{BTreeMap, CampaignStatus, Mode, PhaseStatus};

    /// A campaign, as it is shown.
    #[derive(ToSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Campaign {
        /// Its id.
        #[schema(format = Uuid)]
        id: String,
        /// Its name.
        name: String,
        /// Its pipeline.
        pipeline: String,
        /// Its mode.
        mode: Mode,
        /// Its status.
        status: CampaignStatus,
        /// How many phases are completed.
        position: u32,
        /// The phase at the position, or null when all are completed.
        #[schema(required)]
        current_phase: Option<String>,
        /// Its phases, in order.
        phases: Vec<Phase>,
        /// The check of every remaining phase.
        preflight: Preflight,
        /// Each command, and whether it is allowed now.
        next: Vec<NextCommand>,
        /// The number of its latest event, which is also its entity tag.
        #[schema(minimum = 1)]
        version: u64,
        /// When it was created.
        #[schema(format = DateTime)]
        created_at: String,
        /// When it last changed.
        #[schema(format = DateTime)]
        changed_at: String,
        /// How many records each phase's current run has, by phase.
        records: BTreeMap<String, u64>,
        /// How far the running phase has come, where one runs in this process.
        #[schema(required)]
        progress: Option<Progress>,
    }

    /// How far a running phase has come, in items of its own counting.
    #[derive(ToSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Progress {
        /// The phase.
        phase: String,
        /// Its run.
        run: u32,
        /// The attempt of that run.
        attempt: u32,
        /// How many are done.
        done: u64,
        /// How many there will be, when that is known.
        #[schema(required)]
        total: Option<u64>,
    }

    /// One phase of a campaign.
    #[derive(ToSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Phase {
        /// Its name.
        phase: String,
        /// Its status.
        status: PhaseStatus,
        /// Whether a config is stored for it.
        configured: bool,
        /// The revision of that config, which is also its entity tag.
        #[schema(required)]
        config_revision: Option<u64>,
        /// What is wrong with that config; of completed phases nothing is checked any more.
        problems: Problems,
        /// The run whose records are its current view.
        #[schema(required)]
        run: Option<u32>,
        /// The latest attempt of that run.
        #[schema(required)]
        attempt: Option<u32>,
        /// When that run was started.
        #[schema(required, format = DateTime)]
        started_at: Option<String>,
        /// When it was completed.
        #[schema(required, format = DateTime)]
        completed_at: Option<String>,
        /// What its runner said of it, when completed: any JSON.
        #[schema(required, value_type = Value)]
        summary: Option<serde_json::Value>,
        /// Why it failed.
        #[schema(required)]
        failure: Option<Failure>,
        /// Why it is stopped: `asked`, or `pipeline_changed`.
        #[schema(required)]
        stop_reason: Option<String>,
    }

    /// Why a run failed.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub struct Failure {
        /// A stable word for a program.
        code: String,
        /// A sentence for a person.
        message: String,
    }

    /// Things that are wrong with configs: at most 100 of them, and how many there are in all.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub struct Problems {
        /// The first of them.
        #[schema(max_items = 100)]
        items: Vec<ConfigError>,
        /// How many there are.
        total: u64,
    }

    /// One thing that is wrong with a config.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub struct ConfigError {
        /// The phase whose config it is.
        phase: String,
        /// The JSON Pointer (RFC 6901) to the field; empty for the config as a whole.
        pointer: String,
        /// What was broken: a JSON Schema keyword, or a word such as `config_missing` or `resource_missing`.
        keyword: String,
        /// A sentence for a person.
        message: String,
    }

    /// The check of every remaining phase.
    #[derive(ToSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Preflight {
        /// Whether every phase could start.
        ready: bool,
        /// The phases whose config is missing or invalid, in pipeline order.
        missing_phases: Vec<String>,
        /// What is wrong, at most 100 of it; a phase without a config has one error, `config_missing`.
        #[schema(max_items = 100)]
        errors: Vec<ConfigError>,
        /// How many errors there are in all.
        total_errors: u64,
    }

    /// One command, and whether it is allowed now.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub struct NextCommand {
        /// The command: `configure`, `unconfigure`, `start`, `restart`, `set_mode`, `pause`, `resume`, `stop` or `delete`.
        command: String,
        /// The phase it is for, where it takes one.
        #[schema(required)]
        phase: Option<String>,
        /// The mode it sets, where it sets one.
        #[schema(required)]
        mode: Option<Mode>,
        /// Whether it is allowed now.
        allowed: bool,
        /// Why not, if it isn't.
        #[schema(required)]
        refusal: Option<Refusal>,
    }

    /// Why a command is not allowed now.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub struct Refusal {
        /// The code that the command would be refused with.
        code: String,
        /// The sentence that it would be refused with.
        message: String,
    }

    /// A page of campaigns, the newest first.
    #[derive(ToSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct CampaignPage {
        /// The campaigns. With a status or a name asked for, a page may be short, or empty, although more follow.
        items: Vec<Campaign>,
        /// Where to go on, when there may be more.
        #[schema(required)]
        next_cursor: Option<String>,
    }

    /// A fact in a campaign's log. Which members stand in it beside the first five depends on its type.
    #[derive(ToSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Event {
        /// Its place in the store-wide log; also the `id` of a server-sent event.
        cursor: String,
        /// Its number within the campaign, gapless from 1.
        #[schema(minimum = 1)]
        seq: u64,
        /// What happened.
        r#type: EventType,
        /// The campaign.
        #[schema(format = Uuid)]
        campaign_id: String,
        /// When it happened.
        #[schema(format = DateTime)]
        timestamp: String,
        /// The campaign's name: of `campaign_created`.
        name: Option<String>,
        /// The campaign's pipeline: of `campaign_created`.
        pipeline: Option<String>,
        /// The campaign's phases: of `campaign_created`.
        phases: Option<Vec<String>>,
        /// The mode: of `campaign_created` and `mode_changed`.
        mode: Option<Mode>,
        /// The phase that it is about.
        phase: Option<String>,
        /// The config's revision: of `phase_configured`.
        revision: Option<u64>,
        /// The config's digest: of `phase_configured`.
        digest: Option<String>,
        /// The run: of launches, `phase_completed` and `phase_failed`.
        run: Option<u32>,
        /// The attempt that was launched.
        attempt: Option<u32>,
        /// The config's revision that the attempt uses.
        config_revision: Option<u64>,
        /// The resources' revisions that the attempt uses.
        resources: Option<Vec<ResourcePin>>,
        /// When the attempt was launched.
        #[schema(format = DateTime)]
        started_at: Option<String>,
        /// Why: of `phase_stopped`.
        reason: Option<String>,
        /// What the runner said: of `phase_completed`; any JSON.
        summary: Option<serde_json::Value>,
        /// Why: of `phase_failed`.
        failure: Option<Failure>,
    }

    /// One server-sent event, as its fields are written in the stream.
    #[derive(ToSchema)]
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

    /// The revision of a resource that a run uses.
    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    pub struct ResourcePin {
        /// Its kind.
        kind: String,
        /// Its id.
        id: String,
        /// Its revision.
        revision: u64,
    }

    /// What happened.
    #[derive(ToSchema)]
    #[serde(rename_all = "snake_case")]
    pub enum EventType {
        CampaignCreated,
        PhaseConfigured,
        PhaseConfigRemoved,
        ModeChanged,
        PhaseStarted,
        PhaseAutoStarted,
        PhasePauseRequested,
        PhasePaused,
        PhaseResumed,
        PhaseRecovered,
        PhaseStopRequested,
        PhaseStopped,
        PhaseCompleted,
        PhaseFailed,
        PhaseRestarted,
        CampaignHeld,
        CampaignReleased,
        CampaignCompleted,
        CampaignDeleted,
    }

    /// A page of events.
    #[derive(ToSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct EventPage {
        /// The events in the order of the log.
        items: Vec<Event>,
        /// Where to go on, when there may be more: give it as `cursor`.
        #[schema(required)]
        next_cursor: Option<String>,
    }

    /// A page of records.
    #[derive(ToSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct RecordPage {
        /// The records, as the phase wrote them: any JSON. With a filter a page may be short, or empty, although more follow.
        items: Vec<serde_json::Value>,
        /// Where to go on, when there may be more. It stays with the run that it began in.
        #[schema(required)]
        next_cursor: Option<String>,
    }

    /// A pipeline: its manifest.
    #[derive(ToSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Pipeline {
        /// Its id.
        id: String,
        /// What a person calls it.
        title: String,
        /// Its phases in the order they run.
        phases: Vec<PhaseDefinition>,
        /// The kinds of resources that configs may refer to.
        resource_kinds: Vec<ResourceKind>,
    }

    /// One phase of a pipeline.
    #[derive(ToSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct PhaseDefinition {
        /// Its name.
        name: String,
        /// What a person calls it.
        title: String,
        /// The JSON Schema (draft 2020-12) of its config.
        config_schema: serde_json::Value,
    }

    /// One kind of resource.
    #[derive(ToSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct ResourceKind {
        /// The kind.
        kind: String,
        /// What a person calls it.
        title: String,
        /// The JSON Schema (draft 2020-12) of its documents.
        schema: serde_json::Value,
        /// The JSON Schema of what a probe is told, where resources of this kind can be probed.
        probe_schema: Option<serde_json::Value>,
    }

    /// The registered pipelines.
    #[derive(ToSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct PipelinePage {
        /// The pipelines in the order of their ids.
        items: Vec<Pipeline>,
        /// Always null: there is one page.
        #[schema(required)]
        next_cursor: Option<String>,
    }

    /// Why a call was refused or failed: a problem document (RFC 9457). Members beside these belong to its code.
    #[derive(ToSchema)]
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
}
