//! The statuses of campaigns and phases. They are derived from the activity at the position, and never stored.

use crate::campaign::{Activity, Campaign, Doing, Intent, Mode, Passed};
use crate::facts::{Facts, PipelineMatch};
use crate::known::Known;
use crate::word_type;

word_type! {
    /// The status of one phase.
    pub enum PhaseStatus {
        /// It has not run, or a restart of an earlier phase has undone its run.
        NotStarted = "not_started",
        /// It is running, also while a pause or a stop is under way.
        Running = "running",
        /// Its runner has left its outcome to somebody else, who has not reported it yet.
        WaitingForReport = "waiting_for_report",
        /// It failed, and is tried again by itself.
        Retrying = "retrying",
        /// It is paused.
        Paused = "paused",
        /// It failed.
        Failed = "failed",
        /// It was stopped.
        Stopped = "stopped",
        /// It is completed.
        Completed = "completed",
        /// It was skipped.
        Skipped = "skipped",
    }
}

impl PhaseStatus {
    /// The status of the phase at `index` of `campaign`.
    pub fn of(campaign: &Campaign, index: usize) -> Self {
        match index.cmp(&campaign.position()) {
            std::cmp::Ordering::Less => match campaign.passed[index] {
                Passed::Completed(_) => Self::Completed,
                Passed::Skipped(_) => Self::Skipped,
            },
            std::cmp::Ordering::Greater => Self::NotStarted,
            std::cmp::Ordering::Equal => match campaign.activity {
                Activity::Idle { .. } => Self::NotStarted,
                Activity::Running {
                    doing: Doing::Working { .. },
                    ..
                } => Self::Running,
                Activity::Running {
                    doing: Doing::Waiting { .. },
                    ..
                } => Self::WaitingForReport,
                Activity::Paused { .. } => Self::Paused,
                Activity::Failed {
                    retry_at: Some(_), ..
                } => Self::Retrying,
                Activity::Failed { retry_at: None, .. } => Self::Failed,
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
        /// A phase waits for somebody to report its outcome.
        WaitingForReport = "waiting_for_report",
        /// A phase failed, and is tried again by itself.
        Retrying = "retrying",
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
        Self::known(campaign, &Known::new(campaign, facts))
    }

    /// The status of `campaign` without any check. Only [`WaitingForConfiguration`](Self::WaitingForConfiguration) is uncertain: with
    /// the checks it may be [`Idle`](Self::Idle).
    pub fn unchecked(campaign: &Campaign) -> Self {
        Self::of(campaign, &Facts::as_pinned(campaign))
    }

    pub(crate) fn known(campaign: &Campaign, known: &Known<'_>) -> Self {
        match &campaign.activity {
            Activity::Running { doing, .. } => match doing {
                Doing::Working { intent: Intent::None } => Self::Running,
                Doing::Working {
                    intent: Intent::Pause,
                } => Self::Pausing,
                Doing::Working { intent: Intent::Stop } => Self::Stopping,
                Doing::Waiting { .. } => Self::WaitingForReport,
            },
            Activity::Paused { .. } | Activity::Idle { held: true } => Self::Paused,
            Activity::Failed {
                retry_at: Some(_), ..
            } => Self::Retrying,
            Activity::Failed { retry_at: None, .. } => Self::Failed,
            Activity::Stopped { .. } => Self::Stopped,
            Activity::Idle { held: false } if campaign.is_completed() => Self::Completed,
            Activity::Idle { held: false } => {
                let chain_began = campaign.mode == Mode::FullSequence && campaign.position() > 0;
                let checked = known.pipeline() == PipelineMatch::Same;
                if chain_began && checked && !known.preflight(campaign).is_ready() {
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
