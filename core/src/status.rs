//! The statuses of campaigns and phases. They are derived from the activity at the position, and never stored.

use crate::campaign::{Activity, Campaign, Intent, Mode};
use crate::facts::{Facts, PipelineMatch};
use crate::word_type;

word_type! {
    /// The status of one phase.
    pub enum PhaseStatus {
        /// It has not run, or a restart of an earlier phase has undone its run.
        NotStarted = "not_started",
        /// It is running, also while a pause or a stop is under way.
        Running = "running",
        /// It is paused.
        Paused = "paused",
        /// It failed.
        Failed = "failed",
        /// It was stopped.
        Stopped = "stopped",
        /// It is completed.
        Completed = "completed",
    }
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

    /// The word as it stands in a sentence, such as `not started`.
    pub fn spoken(self) -> String {
        self.as_str().replace('_', " ")
    }
}

word_type! {
    /// The status of a campaign.
    pub enum CampaignStatus {
        /// Nothing runs, and nothing is wrong.
        Idle = "idle",
        /// A phase is running.
        Running = "running",
        /// A phase is running and was asked to pause.
        Pausing = "pausing",
        /// A phase is running and was asked to stop.
        Stopping = "stopping",
        /// A phase is paused, or a pause fell between two phases.
        Paused = "paused",
        /// A phase was stopped.
        Stopped = "stopped",
        /// A phase failed.
        Failed = "failed",
        /// A started full sequence can't go on, since a remaining phase lacks a valid config.
        WaitingForConfiguration = "waiting_for_configuration",
        /// Every phase is completed.
        Completed = "completed",
    }
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

    /// The word as it stands in a sentence, such as `not started`.
    pub fn spoken(self) -> String {
        self.as_str().replace('_', " ")
    }
}
