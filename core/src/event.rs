//! The facts in a campaign's log.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::campaign::{Mode, StopReason};
use crate::failure::Failure;
use crate::ids::{Attempt, PhaseName, PipelineId, ResourcePin, Revision, Run, Version};
use crate::json::Digest;
use crate::time::Timestamp;

/// A fact and its moment. Its number is its place in the log, from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened, by the clock of the process that decided it.
    pub timestamp: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// An attempt that was launched, as its event tells it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Launch {
    /// The phase.
    pub phase: PhaseName,
    /// Its run.
    pub run: Run,
    /// The attempt of that run.
    pub attempt: Attempt,
    /// The config's revision that it uses.
    pub config_revision: Revision,
    /// The resources' revisions that it uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourcePin>,
    /// When it was launched.
    pub started_at: Timestamp,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum EventKind {
    /// The campaign came into being.
    CampaignCreated {
        /// Its name.
        name: String,
        /// Its pipeline.
        pipeline: PipelineId,
        /// The phases it pins.
        phases: Vec<PhaseName>,
        /// Its mode.
        mode: Mode,
    },
    /// A config was stored.
    PhaseConfigured {
        /// The phase.
        phase: PhaseName,
        /// The config's revision.
        revision: Revision,
        /// The digest of its canonical JSON.
        digest: Digest,
    },
    /// A config was taken away.
    PhaseConfigRemoved {
        /// The phase.
        phase: PhaseName,
    },
    /// The mode changed.
    ModeChanged {
        /// The new mode.
        mode: Mode,
    },
    /// Somebody started a phase; with an attempt above 1 the run continues from its checkpoint.
    PhaseStarted(Launch),
    /// The completion of the phase before started this one.
    PhaseAutoStarted(Launch),
    /// A pause was asked of the running phase.
    PhasePauseRequested {
        /// The phase.
        phase: PhaseName,
    },
    /// The phase came to rest, paused.
    PhasePaused {
        /// The phase.
        phase: PhaseName,
    },
    /// Somebody resumed the paused phase.
    PhaseResumed(Launch),
    /// The phase was found running after a crash or shutdown and goes on.
    PhaseRecovered(Launch),
    /// A stop was asked of the running phase.
    PhaseStopRequested {
        /// The phase.
        phase: PhaseName,
    },
    /// The phase came to rest, stopped.
    PhaseStopped {
        /// The phase.
        phase: PhaseName,
        /// Why.
        reason: StopReason,
    },
    /// The phase completed.
    PhaseCompleted {
        /// The phase.
        phase: PhaseName,
        /// Its run.
        run: Run,
        /// What its runner said of it.
        summary: Value,
    },
    /// The phase failed.
    PhaseFailed {
        /// The phase.
        phase: PhaseName,
        /// Its run.
        run: Run,
        /// Why.
        failure: Failure,
    },
    /// Somebody began a phase afresh; later phases are not started any more.
    PhaseRestarted(Launch),
    /// A pause fell between two phases: the chain is held.
    CampaignHeld {
        /// The phase that would have started.
        phase: PhaseName,
    },
    /// A held chain was let go without being resumed.
    CampaignReleased {
        /// The phase that would have started.
        phase: PhaseName,
    },
    /// Every phase is completed.
    CampaignCompleted {},
    /// The campaign was deleted; the only event that remains of it.
    CampaignDeleted {},
}

impl EventKind {
    /// The word for it in every interface, such as `phase_auto_started`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CampaignCreated { .. } => "campaign_created",
            Self::PhaseConfigured { .. } => "phase_configured",
            Self::PhaseConfigRemoved { .. } => "phase_config_removed",
            Self::ModeChanged { .. } => "mode_changed",
            Self::PhaseStarted(_) => "phase_started",
            Self::PhaseAutoStarted(_) => "phase_auto_started",
            Self::PhasePauseRequested { .. } => "phase_pause_requested",
            Self::PhasePaused { .. } => "phase_paused",
            Self::PhaseResumed(_) => "phase_resumed",
            Self::PhaseRecovered(_) => "phase_recovered",
            Self::PhaseStopRequested { .. } => "phase_stop_requested",
            Self::PhaseStopped { .. } => "phase_stopped",
            Self::PhaseCompleted { .. } => "phase_completed",
            Self::PhaseFailed { .. } => "phase_failed",
            Self::PhaseRestarted(_) => "phase_restarted",
            Self::CampaignHeld { .. } => "campaign_held",
            Self::CampaignReleased { .. } => "campaign_released",
            Self::CampaignCompleted {} => "campaign_completed",
            Self::CampaignDeleted {} => "campaign_deleted",
        }
    }

    /// The phase it is about, if it is about one.
    pub fn phase(&self) -> Option<&PhaseName> {
        match self {
            Self::PhaseConfigured { phase, .. }
            | Self::PhaseConfigRemoved { phase }
            | Self::PhasePauseRequested { phase }
            | Self::PhasePaused { phase }
            | Self::PhaseStopRequested { phase }
            | Self::PhaseStopped { phase, .. }
            | Self::PhaseCompleted { phase, .. }
            | Self::PhaseFailed { phase, .. }
            | Self::CampaignHeld { phase }
            | Self::CampaignReleased { phase } => Some(phase),
            Self::CampaignCreated { .. }
            | Self::ModeChanged { .. }
            | Self::CampaignCompleted {}
            | Self::CampaignDeleted {} => None,
            launched => launched.launch().map(|launch| &launch.phase),
        }
    }

    /// The attempt that it launched, if it launched one.
    pub fn launch(&self) -> Option<&Launch> {
        match self {
            Self::PhaseStarted(launch)
            | Self::PhaseAutoStarted(launch)
            | Self::PhaseResumed(launch)
            | Self::PhaseRecovered(launch)
            | Self::PhaseRestarted(launch) => Some(launch),
            _ => None,
        }
    }
}

/// An event that can't follow the state it was applied to: the log is damaged, or was written by something else.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("event {version} ({event}) can't follow the state before it: {reason}")]
pub struct Misfit {
    /// The number that the event would have had.
    pub version: Version,
    /// The event's type.
    pub event: &'static str,
    /// What doesn't fit.
    pub reason: &'static str,
}
