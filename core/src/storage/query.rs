//! What a store reads: queries, pages and stored things.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::campaign::{Activity, Campaign, Mode};
use crate::event::Event;
use crate::ids::{BatchNumber, CampaignId, ResourceRef, Revision, Version};
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

/// An event in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Event"))]
#[serde(rename_all = "camelCase")]
pub struct LoggedEvent {
    /// Its place in the store-wide log.
    pub cursor: Cursor,
    /// Its number within the campaign, gapless from 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub seq: Version,
    /// The campaign.
    pub campaign_id: CampaignId,
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
    /// Only campaigns with this many completed phases.
    pub position: Option<usize>,
    /// Only campaigns of exactly this name.
    pub name: Option<String>,
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

/// One page of campaigns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CampaignPage {
    /// The campaigns.
    pub items: Vec<Campaign>,
    /// The last one's id, if there may be more.
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
    /// The latest batch.
    pub batch: BatchNumber,
    /// How many records there are.
    pub records: u64,
    /// The latest checkpoint.
    pub checkpoint: Option<Value>,
    /// The latest progress.
    pub progress: Option<Progress>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::{Intent, RunState, StopReason, Trigger};
    use crate::failure::Failure;
    use crate::ids::{Attempt, Run};
    use crate::time::Timestamp;

    #[test]
    fn an_activity_is_written_with_the_word_of_its_kind() {
        let run = RunState {
            run: Run(1),
            attempt: Attempt(1),
            config: Revision(2),
            resources: Vec::new(),
            started_at: Timestamp::from_unix_ms(0),
        };
        let activities = [
            Activity::Idle { held: false },
            Activity::Running {
                run: run.clone(),
                trigger: Trigger::Start,
                intent: Intent::None,
            },
            Activity::Paused { run: run.clone() },
            Activity::Failed {
                run: run.clone(),
                failure: Failure::new("late", "it was late"),
            },
            Activity::Stopped {
                run,
                reason: StopReason::Requested,
            },
        ];
        let kinds: Vec<_> = activities.iter().map(ActivityKind::from).collect();
        assert_eq!(kinds, ActivityKind::ALL);
        for (activity, kind) in activities.iter().zip(kinds) {
            assert_eq!(
                serde_json::to_value(activity).expect("it is JSON")["state"],
                kind.as_str()
            );
        }
    }
}
