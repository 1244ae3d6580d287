//! What a store reads: queries, pages and stored things.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::attributes::Attributes;
use crate::campaign::{Activity, Campaign, Intent, Mode};
use crate::event::Event;
use crate::ids::{BatchNumber, CampaignId, ResourceRef, Revision, Run, Ticket, Version};
use crate::time::Timestamp;
use crate::word_type;

/// A place in the store-wide log. Only the store that made it can read it.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// Takes the text of a cursor that a store gave out. A store refuses a cursor that it didn't make.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, to give back later.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which log to read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventScope {
    /// The log of the whole store.
    Store,
    /// The log of one campaign.
    Campaign(CampaignId),
}

/// What to wait for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChangeScope {
    /// An event of the whole store.
    Store,
    /// An event of one campaign.
    Campaign(CampaignId),
    /// That nothing of one campaign is under way ([`Campaign::is_at_rest`]), or that it is not there.
    Rest(CampaignId),
    /// A moment, or an attempt without a lease, that [`Due::next_in`] didn't know of.
    Due {
        /// The mark of that [`Due`].
        mark: u64,
    },
}

/// An event in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Event"))]
#[serde(rename_all = "camelCase")]
pub struct LoggedEvent {
    /// Its place in the store-wide log.
    pub cursor: Cursor,
    /// Its number within its campaign, gapless from 1; absent from an event of a resource.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Version>,
    /// Its campaign; absent from an event of a resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<CampaignId>,
    /// What happened, and when.
    #[serde(flatten)]
    pub event: Event,
}

/// A page of events.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventPage {
    /// The events in the order of the log.
    pub items: Vec<LoggedEvent>,
    /// The cursor to continue after, if there may be more.
    pub next_cursor: Option<Cursor>,
}

word_type! {
    /// An activity without its data. Campaigns are indexed by it.
    pub enum ActivityKind {
        /// Nothing runs, a held chain included.
        Idle = "idle",
        /// A phase runs.
        Running = "running",
        /// A phase is paused.
        Paused = "paused",
        /// A phase failed.
        Failed = "failed",
        /// A phase was stopped.
        Stopped = "stopped",
    }
}

impl From<&Activity> for ActivityKind {
    fn from(activity: &Activity) -> Self {
        match activity {
            Activity::Idle { .. } => Self::Idle,
            Activity::Running { .. } => Self::Running,
            Activity::Paused { .. } => Self::Paused,
            Activity::Failed { .. } => Self::Failed,
            Activity::Stopped { .. } => Self::Stopped,
        }
    }
}

/// Which campaigns to list. Each set member narrows the list.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CampaignFilter {
    /// Only campaigns in this activity.
    pub activity: Option<ActivityKind>,
    /// Only campaigns in this mode.
    pub mode: Option<Mode>,
    /// Only campaigns with this many passed phases.
    pub position: Option<usize>,
    /// Only campaigns of exactly this name.
    pub name: Option<String>,
    /// Only campaigns with all of these attributes.
    pub attributes: Attributes,
}

impl CampaignFilter {
    /// Whether `campaign` passes the filter.
    pub fn matches(&self, campaign: &Campaign) -> bool {
        self.activity
            .is_none_or(|activity| activity == ActivityKind::from(&campaign.activity))
            && self.mode.is_none_or(|mode| mode == campaign.mode)
            && self
                .position
                .is_none_or(|position| position == campaign.position())
            && self.name.as_ref().is_none_or(|name| *name == campaign.name)
            && self
                .attributes
                .iter()
                .all(|(key, value)| campaign.attributes.get(key) == Some(value))
    }
}

/// The order of a list of campaigns.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Order {
    /// By id, ascending: the oldest first, since the engine's ids sort by creation.
    #[default]
    OldestFirst,
    /// By id, descending.
    NewestFirst,
}

/// The query of one page of campaigns.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CampaignQuery {
    /// The filter.
    pub filter: CampaignFilter,
    /// The order.
    pub order: Order,
    /// Only campaigns after this one in that order.
    pub after: Option<CampaignId>,
    /// At most this many, 1 to 1,000.
    pub limit: usize,
}

impl Default for CampaignQuery {
    /// The first hundred of all campaigns, oldest first.
    fn default() -> Self {
        Self {
            filter: CampaignFilter::default(),
            order: Order::default(),
            after: None,
            limit: 100,
        }
    }
}

/// A campaign, and the time by the store's clock when it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct CampaignRead {
    /// The snapshot; `None` if it was never created or is deleted.
    pub campaign: Option<Arc<Campaign>>,
    /// The time.
    pub now: Timestamp,
}

/// One page of campaigns. It may be short, or empty, and still have a next one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CampaignPage {
    /// The campaigns.
    pub items: Vec<Campaign>,
    /// The id to go on after, if there may be more.
    pub next: Option<CampaignId>,
}

/// How far a run has come, in items of its own counting.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Progress {
    /// How many are done.
    pub done: u64,
    /// How many there will be in all, if that is known.
    pub total: Option<u64>,
}

/// How far a run's durable output has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunOutput {
    /// The latest batch; 0 before the first.
    pub batch: BatchNumber,
    /// The latest batch that was progress: it had records, or another checkpoint than before.
    pub progress_batch: BatchNumber,
    /// How many records there are.
    pub records: u64,
    /// The latest checkpoint.
    pub checkpoint: Option<Value>,
    /// The latest progress.
    pub progress: Option<Progress>,
}

/// A run of a phase.
#[derive(Clone, Debug, PartialEq)]
pub struct RunInfo {
    /// The run.
    pub run: Run,
    /// The number of the event that launched its first attempt.
    pub launched: Version,
    /// How far its output has come.
    pub output: RunOutput,
}

/// One page of the runs of a phase.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunPage {
    /// The runs, oldest first, without the pruned ones.
    pub items: Vec<RunInfo>,
    /// The run to go on after, if there may be more.
    pub next: Option<Run>,
}

/// Something that waits to be taken up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DueItem {
    /// A running attempt whose lease is over.
    Attempt {
        /// The attempt.
        ticket: Ticket,
        /// Whether its lease was released in order.
        released: bool,
    },
    /// A campaign whose moment has come.
    Moment {
        /// The campaign.
        campaign: CampaignId,
    },
}

impl DueItem {
    /// The campaign that it is of.
    pub fn campaign(&self) -> CampaignId {
        match self {
            Self::Attempt { ticket, .. } => ticket.campaign,
            Self::Moment { campaign } => *campaign,
        }
    }
}

/// What waits to be taken up, and when more will.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Due {
    /// What waits now.
    pub items: Vec<DueItem>,
    /// How long until the next moment comes or lease ends, as far as the store knows; `None` if it knows of none.
    pub next_in: Option<Duration>,
    /// The state of the store's knowledge, for [`ChangeScope::Due`].
    pub mark: u64,
}

/// What became of the leases that were to be renewed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Renewal {
    /// The attempts whose lease is over or somebody else's.
    pub lost: Vec<Ticket>,
    /// The attempts that were asked to pause or to stop.
    pub asked: Vec<(Ticket, Intent)>,
}

/// Which leases a store keeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LeaseKind {
    /// They expire by its clock, unless they are renewed.
    Expiring,
    /// They last while the store is held. After the next open all are over.
    WhileHeld,
}

/// The secret that the tokens of answers are made with. The store draws it when it is created, and keeps it.
#[derive(Clone, Eq, PartialEq)]
pub struct TokenSecret(pub [u8; 32]);

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(..)")
    }
}

/// One page of records.
#[derive(Clone, Debug, Default)]
pub struct RecordPage {
    /// The index of the first record here.
    pub from: u64,
    /// The records, as the JSON texts that were appended.
    pub records: Vec<Box<RawValue>>,
    /// The index to continue at, if there are more.
    pub next: Option<u64>,
}

/// A stored resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its kind and id.
    pub resource: ResourceRef,
    /// Its revision.
    pub revision: Revision,
    /// Its document with its secrets: never show it unchanged.
    pub document: Value,
}

impl Resource {
    /// Whether configs may use it: its document doesn't say `"enabled": false`.
    pub fn is_enabled(&self) -> bool {
        self.document.get("enabled") != Some(&Value::Bool(false))
    }
}
