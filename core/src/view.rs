//! The view of a campaign for people. It is derived from the campaign and the facts, and never stored.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::campaign::{Activity, Campaign, Mode, StopReason};
use crate::command::{Command, CommandKind};
use crate::facts::Facts;
use crate::failure::Failure;
use crate::ids::{Attempt, CampaignId, PhaseName, PipelineId, Revision, Run, Version};
use crate::machine::{configurable, decide, unconfigurable};
use crate::preflight::PreflightReport;
use crate::problem::Problems;
use crate::rejection::Rejection;
use crate::status::{CampaignStatus, PhaseStatus};
use crate::time::Timestamp;

/// The view of one phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Phase"))]
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
    /// The problems of that config. A completed phase is not checked any more and has none.
    pub problems: Problems,
    /// The run with its current records.
    pub run: Option<Run>,
    /// The latest attempt of that run.
    pub attempt: Option<Attempt>,
    /// When that run was started.
    pub started_at: Option<Timestamp>,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// The summary from its runner, when completed: any JSON.
    pub summary: Option<Value>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Why it is stopped.
    pub stop_reason: Option<StopReason>,
}

/// Why a command is not allowed now.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refusal {
    /// The code of the rejection, such as `out_of_order`.
    pub code: Cow<'static, str>,
    /// The sentence of the rejection.
    pub message: String,
}

/// One command, and whether it is allowed now.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NextCommand {
    /// The command.
    pub command: CommandKind,
    /// The phase it is for, if it takes one.
    pub phase: Option<PhaseName>,
    /// The mode it sets, if it sets one.
    pub mode: Option<Mode>,
    /// Whether it is allowed now.
    pub allowed: bool,
    /// Why not, if it isn't.
    pub refusal: Option<Refusal>,
}

/// The view of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Campaign")
)]
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
    /// The phase at the position, or null when all are completed.
    pub current_phase: Option<PhaseName>,
    /// Its phases, in order.
    pub phases: Vec<PhaseView>,
    /// The check of every remaining phase, with every blocker.
    pub preflight: PreflightReport,
    /// Each command, and whether it is allowed now.
    pub next: Vec<NextCommand>,
    /// The number of its latest event.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// Derives the view of `campaign`. `facts.stored` must hold the check of every remaining phase.
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

/// Asks the machine itself about each command, so that the view can't differ from what the machine does.
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
    for &mode in Mode::ALL {
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
