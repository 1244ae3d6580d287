//! The state of a campaign: a position in its pipeline, and one activity at the position.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Failure;
use crate::ids::{Attempt, CampaignId, PhaseName, PipelineId, ResourcePin, Revision, Run, Ticket, Version};
use crate::json::Digest;
use crate::time::Timestamp;
use crate::word_type;

word_type! {
    /// How a campaign goes from one phase to the next.
    #[derive(Default)]
    pub enum Mode {
        /// Each phase is started by hand.
        #[default]
        StepByStep = "step_by_step",
        /// A completed phase starts the next by itself, in the same commit.
        FullSequence = "full_sequence",
    }
}

/// The stored config of a phase, by revision and digest. The snapshot doesn't hold its text.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigPin {
    /// The number of the event that stored it.
    pub revision: Revision,
    /// The digest of its canonical JSON.
    pub digest: Digest,
}

/// The part of a campaign's state that each phase has, at any position.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PhaseSlot {
    /// The phase.
    pub phase: PhaseName,
    /// Its stored config, if any.
    pub config: Option<ConfigPin>,
    /// Its latest run, 0 before the first.
    pub latest_run: Run,
}

/// A completed phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Completion {
    /// The attempt that completed it, with its pins.
    pub run: RunState,
    /// Its summary, from its runner.
    pub summary: Value,
    /// When it was recorded.
    pub completed_at: Timestamp,
}

/// One run in its latest attempt.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunState {
    /// The run.
    pub run: Run,
    /// Its latest attempt.
    pub attempt: Attempt,
    /// The config's revision that this attempt uses.
    pub config: Revision,
    /// The resources' revisions that this attempt uses, ordered.
    pub resources: Vec<ResourcePin>,
    /// When the run was first started.
    pub started_at: Timestamp,
}

word_type! {
    /// What started a running attempt.
    pub enum Trigger {
        /// Somebody started the phase.
        Start = "start",
        /// The completion of the phase before started it.
        Auto = "auto",
        /// Somebody resumed it.
        Resume = "resume",
        /// It was found running after a crash or a shutdown.
        Recovery = "recovery",
        /// Somebody began it afresh.
        Restart = "restart",
    }
}

word_type! {
    /// The durable request to a running phase, which holds until the phase has come to rest.
    pub enum Intent {
        /// No request: the phase runs to its end.
        None = "none",
        /// The phase is to pause.
        Pause = "pause",
        /// The phase is to stop.
        Stop = "stop",
    }
}

word_type! {
    /// Why a phase is stopped.
    pub enum StopReason {
        /// Somebody stopped it.
        Requested = "requested",
        /// At recovery the pipeline had another phase list than the campaign.
        PipelineChanged = "pipeline_changed",
    }
}

/// What a campaign does at its position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "snake_case",
    rename_all_fields = "camelCase",
    tag = "state",
    deny_unknown_fields
)]
pub enum Activity {
    /// Nothing runs.
    Idle {
        /// A pause fell between two phases: the chain waits for a resume.
        held: bool,
    },
    /// The phase at the position is running.
    Running {
        /// The attempt.
        run: RunState,
        /// How it was started.
        trigger: Trigger,
        /// The request to it since then.
        intent: Intent,
    },
    /// The phase at the position is paused.
    Paused {
        /// The attempt that was paused.
        run: RunState,
    },
    /// The phase at the position failed.
    Failed {
        /// The attempt that failed.
        run: RunState,
        /// Why.
        failure: Failure,
    },
    /// The phase at the position was stopped.
    Stopped {
        /// The attempt that was stopped.
        run: RunState,
        /// Why.
        reason: StopReason,
    },
}

impl Activity {
    /// The run at the position; `None` while idle.
    pub fn run(&self) -> Option<&RunState> {
        match self {
            Self::Idle { .. } => None,
            Self::Running { run, .. }
            | Self::Paused { run }
            | Self::Failed { run, .. }
            | Self::Stopped { run, .. } => Some(run),
        }
    }
}

/// One instance of a pipeline: the fold of its log.
///
/// The position is the number of completed phases. So all phases before it are completed with a summary, and all phases after
/// it are not started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Its name, 1 to 200 characters; not unique.
    pub name: String,
    /// The pipeline it is an instance of.
    pub pipeline: PipelineId,
    /// How it advances.
    pub mode: Mode,
    /// The phases pinned at its creation, in order.
    pub phases: Vec<PhaseSlot>,
    /// The completed phases, in order; as many as the position.
    pub completed: Vec<Completion>,
    /// What it does at its position.
    pub activity: Activity,
    /// How many events its log holds.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its latest event happened.
    pub changed_at: Timestamp,
}

impl Campaign {
    /// How many phases are completed.
    pub fn position(&self) -> usize {
        self.completed.len()
    }

    /// The phase at the position, or `None` when all are completed.
    pub fn current(&self) -> Option<&PhaseSlot> {
        self.phases.get(self.position())
    }

    /// Whether every phase is completed.
    pub fn is_completed(&self) -> bool {
        self.position() >= self.phases.len()
    }

    /// The index of a phase, or `None` for one it doesn't have.
    pub fn index_of(&self, phase: &PhaseName) -> Option<usize> {
        self.phases.iter().position(|slot| slot.phase == *phase)
    }

    /// The run with the current records of a phase, or `None` if the phase has not started.
    pub fn current_run(&self, phase: &PhaseName) -> Option<&RunState> {
        let index = self.index_of(phase)?;
        match self.completed.get(index) {
            Some(completion) => Some(&completion.run),
            None if index == self.position() => self.activity.run(),
            None => None,
        }
    }

    /// The request to the running phase, or `None` if no phase runs.
    pub fn intent(&self) -> Option<Intent> {
        match &self.activity {
            Activity::Running { intent, .. } => Some(*intent),
            _ => None,
        }
    }

    /// The ticket of the running phase, or `None` if no phase runs.
    pub fn ticket(&self) -> Option<Ticket> {
        match &self.activity {
            Activity::Running { run, .. } => self.ticket_of(run),
            _ => None,
        }
    }

    pub(crate) fn ticket_of(&self, run: &RunState) -> Option<Ticket> {
        let phase = self.current()?.phase.clone();
        Some(Ticket {
            campaign: self.id,
            phase,
            run: run.run,
            attempt: run.attempt,
        })
    }
}
