//! The statuses of campaigns and phases: derived from the activity at the position, never stored.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::campaign::{Activity, Campaign, Intent, Mode};
use crate::facts::{Facts, PipelineMatch};

/// The status of one phase.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseStatus {
    /// It has not run, or a restart of an earlier phase undid that.
    NotStarted,
    /// It is running, a pause or stop under way included.
    Running,
    /// It is paused.
    Paused,
    /// It failed.
    Failed,
    /// It was stopped.
    Stopped,
    /// It is completed.
    Completed,
}

impl PhaseStatus {
    /// The status of the phase at `index` of `campaign`.
    pub fn of(campaign: &Campaign, index: usize) -> Self {
        match index.cmp(&campaign.position()) {
            std::cmp::Ordering::Less => Self::Completed,
            std::cmp::Ordering::Greater => Self::NotStarted,
            std::cmp::Ordering::Equal => match campaign.activity {
                Activity::Idle { .. } => Self::NotStarted,
                Activity::Running { .. } => Self::Running,
                Activity::Paused { .. } => Self::Paused,
                Activity::Failed { .. } => Self::Failed,
                Activity::Stopped { .. } => Self::Stopped,
            },
        }
    }

    /// The word for it in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Completed => "completed",
        }
    }
}

impl fmt::Display for PhaseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str().replace('_', " "))
    }
}

/// The status of a campaign.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignStatus {
    /// Nothing runs, and nothing is wrong.
    Idle,
    /// A phase is running.
    Running,
    /// A phase is running and was asked to pause.
    Pausing,
    /// A phase is running and was asked to stop.
    Stopping,
    /// A phase is paused, or a pause fell between two phases.
    Paused,
    /// A phase was stopped.
    Stopped,
    /// A phase failed.
    Failed,
    /// A started full sequence can't go on, since a remaining phase lacks a valid config.
    WaitingForConfiguration,
    /// Every phase is completed.
    Completed,
}

impl CampaignStatus {
    /// The status of `campaign`, given the check of its remaining phases.
    pub fn of(campaign: &Campaign, facts: &Facts) -> Self {
        match &campaign.activity {
            Activity::Running {
                intent: Intent::None, ..
            } => Self::Running,
            Activity::Running {
                intent: Intent::Pause,
                ..
            } => Self::Pausing,
            Activity::Running {
                intent: Intent::Stop, ..
            } => Self::Stopping,
            Activity::Paused { .. } | Activity::Idle { held: true } => Self::Paused,
            Activity::Failed { .. } => Self::Failed,
            Activity::Stopped { .. } => Self::Stopped,
            Activity::Idle { held: false } if campaign.is_completed() => Self::Completed,
            Activity::Idle { held: false } => {
                let chain_began = campaign.mode == Mode::FullSequence && campaign.position() > 0;
                let checked = facts.pipeline == PipelineMatch::Same;
                if chain_began && checked && !facts.preflight(campaign).is_ready() {
                    Self::WaitingForConfiguration
                } else {
                    Self::Idle
                }
            }
        }
    }

    /// The word for it in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Pausing => "pausing",
            Self::Stopping => "stopping",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::WaitingForConfiguration => "waiting_for_configuration",
            Self::Completed => "completed",
        }
    }
}

impl fmt::Display for CampaignStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str().replace('_', " "))
    }
}
