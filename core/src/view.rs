//! What a person is shown: derived from a campaign and the facts, never stored.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::campaign::{Activity, Campaign, Intent, Mode, StopReason};
use crate::command::{Command, CommandKind};
use crate::event::Failure;
use crate::facts::{Facts, PipelineMatch};
use crate::ids::{Attempt, CampaignId, PhaseName, PipelineId, Revision, Run, Version};
use crate::machine::{configurable, decide, unconfigurable};
use crate::preflight::PreflightReport;
use crate::problem::Problems;
use crate::rejection::Rejection;
use crate::time::Timestamp;

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

/// One phase, as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseView {
    /// Its name.
    pub phase: PhaseName,
    /// Its status.
    pub status: PhaseStatus,
    /// Whether a config is stored for it.
    pub configured: bool,
    /// The revision of that config.
    pub config_revision: Option<Revision>,
    /// What is wrong with that config; of completed phases nothing is checked any more.
    pub problems: Problems,
    /// The run whose records are its current view.
    pub run: Option<Run>,
    /// The latest attempt of that run.
    pub attempt: Option<Attempt>,
    /// When that run was started.
    pub started_at: Option<Timestamp>,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// What its runner said of it, when completed.
    pub summary: Option<Value>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Why it is stopped.
    pub stop_reason: Option<StopReason>,
}

/// Why a command is not allowed now.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// The code of the rejection, such as `out_of_order`.
    pub code: Cow<'static, str>,
    /// The sentence of the rejection.
    pub message: String,
}

/// One command, and whether it is allowed now.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NextCommand {
    /// The command.
    pub command: CommandKind,
    /// The phase it is for, where it takes one.
    pub phase: Option<PhaseName>,
    /// The mode it sets, where it sets one.
    pub mode: Option<Mode>,
    /// Whether it is allowed now.
    pub allowed: bool,
    /// Why not, if it isn't.
    pub refusal: Option<Refusal>,
}

/// A campaign, as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CampaignView {
    /// Its id.
    pub id: CampaignId,
    /// Its name.
    pub name: String,
    /// Its pipeline.
    pub pipeline: PipelineId,
    /// Its mode.
    pub mode: Mode,
    /// Its status.
    pub status: CampaignStatus,
    /// How many phases are completed.
    pub position: usize,
    /// The phase at the position, or none when all are completed.
    pub current_phase: Option<PhaseName>,
    /// Its phases, in order.
    pub phases: Vec<PhaseView>,
    /// The check of every remaining phase: every blocker, where it isn't ready.
    pub preflight: PreflightReport,
    /// Each command, and whether it is allowed now.
    pub next: Vec<NextCommand>,
    /// The number of its latest event.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// Derives what is shown of `campaign`. `facts.stored` holds the check of every remaining phase.
pub fn view(campaign: &Campaign, facts: &Facts) -> CampaignView {
    let phases = campaign.phases.iter().enumerate().map(|(index, slot)| {
        let status = PhaseStatus::of(campaign, index);
        let run = campaign.current_run(&slot.phase);
        let completion = campaign.completed.get(index);
        let (failure, stop_reason) = match &campaign.activity {
            Activity::Failed { failure, .. } if status == PhaseStatus::Failed => {
                (Some(failure.clone()), None)
            }
            Activity::Stopped { reason, .. } if status == PhaseStatus::Stopped => (None, Some(*reason)),
            _ => (None, None),
        };
        PhaseView {
            phase: slot.phase.clone(),
            status,
            configured: slot.config.is_some(),
            config_revision: slot.config.as_ref().map(|pin| pin.revision),
            problems: match completion {
                Some(_) => Problems::none(),
                None => facts.check(&slot.phase, slot.config.as_ref()).problems,
            },
            run: run.map(|run| run.run),
            attempt: run.map(|run| run.attempt),
            started_at: run.map(|run| run.started_at),
            completed_at: completion.map(|completion| completion.completed_at),
            summary: completion.map(|completion| completion.summary.clone()),
            failure,
            stop_reason,
        }
    });
    CampaignView {
        id: campaign.id,
        name: campaign.name.clone(),
        pipeline: campaign.pipeline.clone(),
        mode: campaign.mode,
        status: CampaignStatus::of(campaign, facts),
        position: campaign.position(),
        current_phase: campaign.current().map(|slot| slot.phase.clone()),
        phases: phases.collect(),
        preflight: facts.preflight(campaign),
        next: next(campaign, facts),
        version: campaign.version,
        created_at: campaign.created_at,
        changed_at: campaign.changed_at,
    }
}

/// Asks the machine itself about each command, so that what is shown can't differ from what is done.
fn next(campaign: &Campaign, facts: &Facts) -> Vec<NextCommand> {
    let mut commands = Vec::new();
    let mut add = |command, phase: Option<&PhaseName>, mode, answer: Result<(), Rejection>| {
        let refusal = answer.err().map(|why| Refusal {
            code: why.code().into(),
            message: why.to_string(),
        });
        let allowed = refusal.is_none();
        commands.push(NextCommand {
            command,
            phase: phase.cloned(),
            mode,
            allowed,
            refusal,
        });
    };
    let ask = |command: &Command| decide(campaign, facts, command, campaign.changed_at).map(drop);
    for slot in &campaign.phases {
        let phase = &slot.phase;
        add(
            CommandKind::Configure,
            Some(phase),
            None,
            configurable(campaign, facts, phase),
        );
        add(
            CommandKind::Unconfigure,
            Some(phase),
            None,
            unconfigurable(campaign, facts, phase),
        );
        add(
            CommandKind::Start,
            Some(phase),
            None,
            ask(&Command::Start { phase: phase.clone() }),
        );
        let restart = Command::Restart {
            phase: phase.clone(),
            config: None,
        };
        add(CommandKind::Restart, Some(phase), None, ask(&restart));
    }
    for mode in [Mode::StepByStep, Mode::FullSequence] {
        add(
            CommandKind::SetMode,
            None,
            Some(mode),
            ask(&Command::SetMode { mode }),
        );
    }
    for command in [Command::Pause, Command::Resume, Command::Stop, Command::Delete] {
        add(command.kind(), None, None, ask(&command));
    }
    commands
}
