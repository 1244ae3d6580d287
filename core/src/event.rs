//! The events of the log.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attributes::{AttributeChanges, Attributes};
use crate::campaign::{Mode, StopReason};
use crate::envelope::Envelope;
use crate::failure::Failure;
use crate::ids::{
    Attempt, BatchNumber, PhaseName, PipelineId, ResourceId, ResourceKind, ResourcePin, Revision, Run,
    Version,
};
use crate::json::Digest;
use crate::options::SkipReads;
use crate::retry::RetryPolicy;
use crate::run_state::RunRef;
use crate::time::Timestamp;
use crate::word_type;

/// An event: a fact and its moment. Its number is its place in the log of its campaign, from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// When it happened, by the clock of the store; never before the event before it.
    pub timestamp: Timestamp,
    /// Who asked for it, and why.
    #[serde(flatten)]
    pub envelope: Envelope,
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
    /// The run whose records it reads, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<RunRef>,
    /// When it was launched.
    pub started_at: Timestamp,
}

/// What a resume did.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(untagged)]
pub enum Resumed {
    /// It launched an attempt.
    Launched(Launch),
    /// The phase waits for its report as before.
    Waiting {
        /// The phase.
        phase: PhaseName,
        /// Its run.
        run: Run,
        /// The attempt of that run.
        attempt: Attempt,
    },
}

word_type! {
    /// What happened, without its details.
    #[non_exhaustive]
    pub enum EventType {
        /// See [`EventKind::CampaignCreated`].
        CampaignCreated = "campaign_created",
        /// See [`EventKind::CampaignDescribed`].
        CampaignDescribed = "campaign_described",
        /// See [`EventKind::PhaseConfigured`].
        PhaseConfigured = "phase_configured",
        /// See [`EventKind::PhaseConfigRemoved`].
        PhaseConfigRemoved = "phase_config_removed",
        /// See [`EventKind::PhaseRetrySet`].
        PhaseRetrySet = "phase_retry_set",
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
        /// See [`EventKind::PhaseRetried`].
        PhaseRetried = "phase_retried",
        /// See [`EventKind::PhaseDeferred`].
        PhaseDeferred = "phase_deferred",
        /// See [`EventKind::PhaseRestarted`].
        PhaseRestarted = "phase_restarted",
        /// See [`EventKind::PhaseSkipPlanned`].
        PhaseSkipPlanned = "phase_skip_planned",
        /// See [`EventKind::PhaseSkipWithdrawn`].
        PhaseSkipWithdrawn = "phase_skip_withdrawn",
        /// See [`EventKind::PhaseSkipped`].
        PhaseSkipped = "phase_skipped",
        /// See [`EventKind::CampaignHeld`].
        CampaignHeld = "campaign_held",
        /// See [`EventKind::CampaignReleased`].
        CampaignReleased = "campaign_released",
        /// See [`EventKind::CampaignCompleted`].
        CampaignCompleted = "campaign_completed",
        /// See [`EventKind::CampaignDeleted`].
        CampaignDeleted = "campaign_deleted",
        /// See [`EventKind::RunPruned`].
        RunPruned = "run_pruned",
        /// See [`EventKind::ResourceStored`].
        ResourceStored = "resource_stored",
        /// See [`EventKind::ResourceRemoved`].
        ResourceRemoved = "resource_removed",
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
        /// The campaign's attributes.
        #[serde(default, skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    },
    /// The campaign has another name, or other attributes.
    CampaignDescribed {
        /// The new name, if it changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The changed attributes: each with its new value, or null where it was removed.
        #[serde(default, skip_serializing_if = "AttributeChanges::is_empty")]
        attributes: AttributeChanges,
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
    /// The campaign has its own retry policy for a phase now, or none any more.
    PhaseRetrySet {
        /// The phase.
        phase: PhaseName,
        /// The policy; without one the pipeline's is in force.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<RetryPolicy>,
    },
    /// The mode changed.
    ModeChanged {
        /// The new mode.
        mode: Mode,
    },
    /// Somebody started a phase. With an attempt above 1 the run continues from its checkpoint.
    PhaseStarted(Launch),
    /// The completion or the skip of the phase before started this one.
    PhaseAutoStarted(Launch),
    /// A pause of the running phase was requested.
    PhasePauseRequested {
        /// The phase.
        phase: PhaseName,
        /// Its run.
        run: Run,
        /// The attempt of that run.
        attempt: Attempt,
    },
    /// The phase came to rest, paused.
    PhasePaused {
        /// The phase.
        phase: PhaseName,
        /// Its run.
        run: Run,
        /// The attempt of that run.
        attempt: Attempt,
    },
    /// Somebody resumed the paused phase.
    PhaseResumed(Resumed),
    /// The phase was found running after a crash or a shutdown, and continues.
    PhaseRecovered {
        /// The attempt that continues it.
        #[serde(flatten)]
        launch: Launch,
        /// How many recoveries count since the run made progress, this one included if it counts.
        recoveries: u32,
        /// The latest batch with progress when that count began.
        base_batch: BatchNumber,
    },
    /// A stop of the running phase was requested.
    PhaseStopRequested {
        /// The phase.
        phase: PhaseName,
        /// Its run.
        run: Run,
        /// The attempt of that run.
        attempt: Attempt,
    },
    /// The phase came to rest, stopped.
    PhaseStopped {
        /// The phase.
        phase: PhaseName,
        /// Its run.
        run: Run,
        /// The attempt of that run.
        attempt: Attempt,
        /// Why the phase stopped.
        stop_reason: StopReason,
    },
    /// The phase completed.
    PhaseCompleted {
        /// The phase.
        phase: PhaseName,
        /// Its run.
        run: Run,
        /// The attempt of that run.
        attempt: Attempt,
        /// How many records the run has.
        records: u64,
        /// Its summary, from its runner.
        summary: Value,
        /// The digest of the outcome.
        digest: Digest,
    },
    /// The phase failed.
    PhaseFailed {
        /// The phase.
        phase: PhaseName,
        /// Its run.
        run: Run,
        /// The attempt of that run.
        attempt: Attempt,
        /// Why the phase failed.
        failure: Failure,
        /// How many tries have failed since the run made progress, this one included.
        tries: u32,
        /// The latest batch with progress when that count began.
        base_batch: BatchNumber,
        /// When it is tried again by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
        /// The digest of the outcome, if it was reported.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<Digest>,
    },
    /// The retry policy tried the failed phase again.
    PhaseRetried(Launch),
    /// The runner left the outcome of the phase to somebody else.
    PhaseDeferred {
        /// The phase.
        phase: PhaseName,
        /// Its run.
        run: Run,
        /// The attempt of that run.
        attempt: Attempt,
        /// What is asked of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// The JSON Schema of the summary that they give.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        form: Option<Value>,
        /// When it is too late.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline_at: Option<Timestamp>,
    },
    /// Somebody began a phase afresh. Later phases become not started.
    PhaseRestarted(Launch),
    /// A phase is to be skipped when the campaign gets to it.
    PhaseSkipPlanned {
        /// The phase.
        phase: PhaseName,
        /// What the phase after it will read.
        reads: SkipReads,
    },
    /// A phase is not to be skipped after all.
    PhaseSkipWithdrawn {
        /// The phase.
        phase: PhaseName,
    },
    /// A phase was skipped.
    PhaseSkipped {
        /// The phase.
        phase: PhaseName,
        /// What the phase after it reads.
        reads: SkipReads,
        /// The run that this is, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        upstream: Option<RunRef>,
    },
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
    /// Every phase is passed.
    CampaignCompleted {},
    /// The campaign was deleted. Only this event remains of it.
    CampaignDeleted {},
    /// Older runs of a phase are hidden, and the store reclaims their records.
    RunPruned {
        /// The phase.
        phase: PhaseName,
        /// The pruned runs: up to this one, with all before it.
        run: Run,
    },
    /// A resource was stored. It is an event of the store, and of no campaign.
    ResourceStored {
        /// Its kind.
        kind: ResourceKind,
        /// Its id within the kind.
        id: ResourceId,
        /// Its new revision.
        revision: Revision,
        /// The digest of its document without the members that are only written.
        digest: Digest,
    },
    /// A resource was removed. It is an event of the store, and of no campaign.
    ResourceRemoved {
        /// Its kind.
        kind: ResourceKind,
        /// Its id within the kind.
        id: ResourceId,
        /// Its last revision.
        revision: Revision,
    },
}

impl EventKind {
    /// What happened, without its details.
    pub const fn event_type(&self) -> EventType {
        match self {
            Self::CampaignCreated { .. } => EventType::CampaignCreated,
            Self::CampaignDescribed { .. } => EventType::CampaignDescribed,
            Self::PhaseConfigured { .. } => EventType::PhaseConfigured,
            Self::PhaseConfigRemoved { .. } => EventType::PhaseConfigRemoved,
            Self::PhaseRetrySet { .. } => EventType::PhaseRetrySet,
            Self::ModeChanged { .. } => EventType::ModeChanged,
            Self::PhaseStarted(_) => EventType::PhaseStarted,
            Self::PhaseAutoStarted(_) => EventType::PhaseAutoStarted,
            Self::PhasePauseRequested { .. } => EventType::PhasePauseRequested,
            Self::PhasePaused { .. } => EventType::PhasePaused,
            Self::PhaseResumed(_) => EventType::PhaseResumed,
            Self::PhaseRecovered { .. } => EventType::PhaseRecovered,
            Self::PhaseStopRequested { .. } => EventType::PhaseStopRequested,
            Self::PhaseStopped { .. } => EventType::PhaseStopped,
            Self::PhaseCompleted { .. } => EventType::PhaseCompleted,
            Self::PhaseFailed { .. } => EventType::PhaseFailed,
            Self::PhaseRetried(_) => EventType::PhaseRetried,
            Self::PhaseDeferred { .. } => EventType::PhaseDeferred,
            Self::PhaseRestarted(_) => EventType::PhaseRestarted,
            Self::PhaseSkipPlanned { .. } => EventType::PhaseSkipPlanned,
            Self::PhaseSkipWithdrawn { .. } => EventType::PhaseSkipWithdrawn,
            Self::PhaseSkipped { .. } => EventType::PhaseSkipped,
            Self::CampaignHeld { .. } => EventType::CampaignHeld,
            Self::CampaignReleased { .. } => EventType::CampaignReleased,
            Self::CampaignCompleted {} => EventType::CampaignCompleted,
            Self::CampaignDeleted {} => EventType::CampaignDeleted,
            Self::RunPruned { .. } => EventType::RunPruned,
            Self::ResourceStored { .. } => EventType::ResourceStored,
            Self::ResourceRemoved { .. } => EventType::ResourceRemoved,
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
            | Self::PhaseRetrySet { phase, .. }
            | Self::PhasePauseRequested { phase, .. }
            | Self::PhasePaused { phase, .. }
            | Self::PhaseResumed(Resumed::Waiting { phase, .. })
            | Self::PhaseStopRequested { phase, .. }
            | Self::PhaseStopped { phase, .. }
            | Self::PhaseCompleted { phase, .. }
            | Self::PhaseFailed { phase, .. }
            | Self::PhaseDeferred { phase, .. }
            | Self::PhaseSkipPlanned { phase, .. }
            | Self::PhaseSkipWithdrawn { phase }
            | Self::PhaseSkipped { phase, .. }
            | Self::CampaignHeld { phase }
            | Self::CampaignReleased { phase }
            | Self::RunPruned { phase, .. } => Some(phase),
            Self::CampaignCreated { .. }
            | Self::CampaignDescribed { .. }
            | Self::ModeChanged { .. }
            | Self::CampaignCompleted {}
            | Self::CampaignDeleted {}
            | Self::ResourceStored { .. }
            | Self::ResourceRemoved { .. } => None,
            launched => launched.launch().map(|launch| &launch.phase),
        }
    }

    /// The attempt that it launched, if it launched one.
    pub fn launch(&self) -> Option<&Launch> {
        match self {
            Self::PhaseStarted(launch)
            | Self::PhaseAutoStarted(launch)
            | Self::PhaseResumed(Resumed::Launched(launch))
            | Self::PhaseRecovered { launch, .. }
            | Self::PhaseRetried(launch)
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
                "phase": "sort", "revision": 2, "digest": Digest::of(&json!({})),
                "run": 1, "attempt": 1, "configRevision": 2, "startedAt": "2025-11-24T00:00:00Z",
                "stopReason": "requested", "summary": null, "failure": { "code": "late", "message": "it was late" },
                "records": 3, "tries": 1, "recoveries": 1, "baseBatch": 0, "reads": "empty", "kind": "proxy", "id": "one",
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
