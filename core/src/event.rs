//! The events in a campaign's log.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::campaign::{Mode, StopReason};
use crate::failure::Failure;
use crate::ids::{Attempt, PhaseName, PipelineId, ResourcePin, Revision, Run, Version};
use crate::json::Digest;
use crate::time::Timestamp;
use crate::word_type;

/// An event: a fact and its moment. Its number is its place in the log, from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// When it happened, by the clock of the process that decided it.
    pub timestamp: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// A launched attempt, as its event describes it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
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

word_type! {
    /// What happened, without its details.
    #[non_exhaustive]
    pub enum EventType {
        /// See [`EventKind::CampaignCreated`].
        CampaignCreated = "campaign_created",
        /// See [`EventKind::PhaseConfigured`].
        PhaseConfigured = "phase_configured",
        /// See [`EventKind::PhaseConfigRemoved`].
        PhaseConfigRemoved = "phase_config_removed",
        /// See [`EventKind::ModeChanged`].
        ModeChanged = "mode_changed",
        /// See [`EventKind::PhaseStarted`].
        PhaseStarted = "phase_started",
        /// See [`EventKind::PhaseAutoStarted`].
        PhaseAutoStarted = "phase_auto_started",
        /// See [`EventKind::PhasePauseRequested`].
        PhasePauseRequested = "phase_pause_requested",
        /// See [`EventKind::PhasePaused`].
        PhasePaused = "phase_paused",
        /// See [`EventKind::PhaseResumed`].
        PhaseResumed = "phase_resumed",
        /// See [`EventKind::PhaseRecovered`].
        PhaseRecovered = "phase_recovered",
        /// See [`EventKind::PhaseStopRequested`].
        PhaseStopRequested = "phase_stop_requested",
        /// See [`EventKind::PhaseStopped`].
        PhaseStopped = "phase_stopped",
        /// See [`EventKind::PhaseCompleted`].
        PhaseCompleted = "phase_completed",
        /// See [`EventKind::PhaseFailed`].
        PhaseFailed = "phase_failed",
        /// See [`EventKind::PhaseRestarted`].
        PhaseRestarted = "phase_restarted",
        /// See [`EventKind::CampaignHeld`].
        CampaignHeld = "campaign_held",
        /// See [`EventKind::CampaignReleased`].
        CampaignReleased = "campaign_released",
        /// See [`EventKind::CampaignCompleted`].
        CampaignCompleted = "campaign_completed",
        /// See [`EventKind::CampaignDeleted`].
        CampaignDeleted = "campaign_deleted",
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum EventKind {
    /// The campaign was created.
    CampaignCreated {
        /// The campaign's name.
        name: String,
        /// The campaign's pipeline.
        pipeline: PipelineId,
        /// The campaign's phases, as they are pinned.
        phases: Vec<PhaseName>,
        /// The campaign's mode.
        mode: Mode,
    },
    /// A config was stored.
    PhaseConfigured {
        /// The phase.
        phase: PhaseName,
        /// The config's revision.
        revision: Revision,
        /// The digest of the config's canonical JSON.
        digest: Digest,
    },
    /// A config was removed.
    PhaseConfigRemoved {
        /// The phase.
        phase: PhaseName,
    },
    /// The mode changed.
    ModeChanged {
        /// The new mode.
        mode: Mode,
    },
    /// Somebody started a phase. With an attempt above 1 the run continues from its checkpoint.
    PhaseStarted(Launch),
    /// The completion of the phase before started this one.
    PhaseAutoStarted(Launch),
    /// A pause of the running phase was requested.
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
    /// The phase was found running after a crash or a shutdown, and continues.
    PhaseRecovered(Launch),
    /// A stop of the running phase was requested.
    PhaseStopRequested {
        /// The phase.
        phase: PhaseName,
    },
    /// The phase came to rest, stopped.
    PhaseStopped {
        /// The phase.
        phase: PhaseName,
        /// Why the phase stopped.
        reason: StopReason,
    },
    /// The phase completed.
    PhaseCompleted {
        /// The phase.
        phase: PhaseName,
        /// Its run.
        run: Run,
        /// Its summary, from its runner.
        summary: Value,
    },
    /// The phase failed.
    PhaseFailed {
        /// The phase.
        phase: PhaseName,
        /// Its run.
        run: Run,
        /// Why the phase failed.
        failure: Failure,
    },
    /// Somebody began a phase afresh. Later phases become not started.
    PhaseRestarted(Launch),
    /// A pause fell between two phases: the chain is held.
    CampaignHeld {
        /// The phase that would have started.
        phase: PhaseName,
    },
    /// A held chain was released without a resume.
    CampaignReleased {
        /// The phase that would have started.
        phase: PhaseName,
    },
    /// Every phase is completed.
    CampaignCompleted {},
    /// The campaign was deleted. Only this event remains of it.
    CampaignDeleted {},
}

impl EventKind {
    /// What happened, without its details.
    pub const fn event_type(&self) -> EventType {
        match self {
            Self::CampaignCreated { .. } => EventType::CampaignCreated,
            Self::PhaseConfigured { .. } => EventType::PhaseConfigured,
            Self::PhaseConfigRemoved { .. } => EventType::PhaseConfigRemoved,
            Self::ModeChanged { .. } => EventType::ModeChanged,
            Self::PhaseStarted(_) => EventType::PhaseStarted,
            Self::PhaseAutoStarted(_) => EventType::PhaseAutoStarted,
            Self::PhasePauseRequested { .. } => EventType::PhasePauseRequested,
            Self::PhasePaused { .. } => EventType::PhasePaused,
            Self::PhaseResumed(_) => EventType::PhaseResumed,
            Self::PhaseRecovered(_) => EventType::PhaseRecovered,
            Self::PhaseStopRequested { .. } => EventType::PhaseStopRequested,
            Self::PhaseStopped { .. } => EventType::PhaseStopped,
            Self::PhaseCompleted { .. } => EventType::PhaseCompleted,
            Self::PhaseFailed { .. } => EventType::PhaseFailed,
            Self::PhaseRestarted(_) => EventType::PhaseRestarted,
            Self::CampaignHeld { .. } => EventType::CampaignHeld,
            Self::CampaignReleased { .. } => EventType::CampaignReleased,
            Self::CampaignCompleted {} => EventType::CampaignCompleted,
            Self::CampaignDeleted {} => EventType::CampaignDeleted,
        }
    }

    /// The word for it in every interface, such as `phase_auto_started`.
    pub const fn name(&self) -> &'static str {
        self.event_type().as_str()
    }

    /// The phase of the event, if it has one.
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

/// An event that can't follow the state it was applied to: the log is damaged, or not Phasegate's own.
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_written_with_the_word_of_its_type() {
        for event_type in EventType::ALL {
            let members = json!({
                "type": event_type,
                "name": "spring", "pipeline": "letters", "phases": ["sort"], "mode": "step_by_step",
                "phase": "sort", "revision": 2, "digest": "ab",
                "run": 1, "attempt": 1, "configRevision": 2, "startedAt": "2025-11-24T00:00:00Z",
                "reason": "requested", "summary": null, "failure": { "code": "late", "message": "it was late" },
            });
            let kind: EventKind =
                serde_json::from_value(members).expect("it has every member that an event may have");
            assert_eq!(kind.event_type(), *event_type);
            assert_eq!(
                serde_json::to_value(&kind).expect("it is JSON")["type"],
                event_type.as_str()
            );
        }
    }
}
