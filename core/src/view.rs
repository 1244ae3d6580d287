//! The view of a campaign for people. It is derived from the campaign and the facts, and never stored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attributes::{AttributeChanges, Attributes};
use crate::campaign::{Activity, Campaign, Mode, Passed, StopReason};
use crate::command::{Command, CommandKind};
use crate::envelope::Envelope;
use crate::event::{Event, EventKind};
use crate::facts::{Facts, Needs};
use crate::failure::Failure;
use crate::ids::{Attempt, CampaignId, PhaseName, PipelineId, Revision, Run, Version};
use crate::known::Known;
use crate::machine::{Decision, decide_with};
use crate::options::SkipReads;
use crate::preflight::PreflightReport;
use crate::problem::Problems;
use crate::rejection::Rejection;
use crate::retry::RetryPolicy;
use crate::signal::Input;
use crate::status::{CampaignStatus, PhaseStatus};
use crate::time::Timestamp;

/// The skip of a phase, planned or done.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SkipView {
    /// What the phase after it reads.
    pub reads: SkipReads,
    /// Why, if that was said.
    pub reason: Option<String>,
}

/// What a phase waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WaitView {
    /// What is asked of whoever reports it.
    pub note: Option<String>,
    /// The JSON Schema of the summary that they give.
    pub form: Option<Value>,
    /// When it is too late.
    pub deadline_at: Option<Timestamp>,
}

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
    /// The problems of that config. A phase that is passed or is to be skipped is not checked and has none.
    pub problems: Problems,
    /// The campaign's own retry policy for it, in place of the pipeline's.
    pub retry: Option<RetryPolicy>,
    /// Its skip, planned or done.
    pub skip: Option<SkipView>,
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
    /// When it is tried again by itself.
    pub retry_at: Option<Timestamp>,
    /// Why it is stopped.
    pub stop_reason: Option<StopReason>,
    /// What it waits for, if its outcome is left to somebody else.
    pub waits_for: Option<WaitView>,
}

/// Why a command is not allowed now.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "ToldRefusal", into = "ToldRefusal")]
pub struct Refusal(Why);

/// A view lists dozens of refusals, and most are never read: the sentence is made when it is asked for.
#[derive(Clone, Debug)]
enum Why {
    Decided(Rejection),
    Told(ToldRefusal),
}

/// A refusal as it is shown.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Refusal")
)]
struct ToldRefusal {
    /// The code of the rejection, such as `out_of_order`.
    code: Cow<'static, str>,
    /// The sentence of the rejection.
    message: String,
}

impl Refusal {
    /// The code of the rejection, such as `out_of_order`.
    pub fn code(&self) -> &str {
        match &self.0 {
            Why::Decided(rejection) => rejection.code(),
            Why::Told(told) => &told.code,
        }
    }

    /// The sentence of the rejection.
    pub fn message(&self) -> String {
        match &self.0 {
            Why::Decided(rejection) => rejection.to_string(),
            Why::Told(told) => told.message.clone(),
        }
    }
}

impl PartialEq for Refusal {
    fn eq(&self, other: &Self) -> bool {
        self.code() == other.code() && self.message() == other.message()
    }
}

impl Eq for Refusal {}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self(Why::Decided(rejection))
    }
}

impl From<ToldRefusal> for Refusal {
    fn from(told: ToldRefusal) -> Self {
        Self(Why::Told(told))
    }
}

impl From<Refusal> for ToldRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal.0 {
            Why::Decided(rejection) => Self {
                code: rejection.code().into(),
                message: rejection.to_string(),
            },
            Why::Told(told) => told,
        }
    }
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
    /// Its attributes.
    pub attributes: Attributes,
    /// Its pipeline.
    pub pipeline: PipelineId,
    /// Its mode.
    pub mode: Mode,
    /// Its status.
    pub status: CampaignStatus,
    /// How many phases are passed, each completed or skipped.
    pub position: usize,
    /// The phase at the position, or null when all are passed.
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
    /// When it does something by itself: a retry, or a deadline.
    pub due_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// What a view shows of events, by their numbers: the snapshot only refers to it.
#[derive(Clone, Debug, Default)]
pub struct Told {
    summaries: BTreeMap<Version, Value>,
    waits: BTreeMap<Version, (Option<String>, Option<Value>)>,
}

impl Told {
    /// The numbers of the events that the view of `campaign` shows something of.
    pub fn by(campaign: &Campaign) -> Vec<Version> {
        let completed = campaign.passed.iter().filter_map(|passed| match passed {
            Passed::Completed(completion) => Some(completion.event),
            Passed::Skipped(_) => None,
        });
        let deferral = campaign.activity.deferral().map(|deferral| deferral.event);
        completed.chain(deferral).collect()
    }

    /// Takes from an event what a view shows of it.
    pub fn add(&mut self, number: Version, event: &Event) {
        match &event.kind {
            EventKind::PhaseCompleted { summary, .. } => {
                self.summaries.insert(number, summary.clone());
            }
            EventKind::PhaseDeferred { note, form, .. } => {
                self.waits.insert(number, (note.clone(), form.clone()));
            }
            _ => {}
        }
    }
}

/// Derives the view of `campaign`. `facts.stored` should hold the check of every remaining phase; see [`try_view`].
pub fn view(campaign: &Campaign, facts: &Facts, told: &Told) -> CampaignView {
    view_with(campaign, &Known::new(campaign, facts), told)
}

/// Derives the view of `campaign` as [`view`] does, or says which facts it lacks.
///
/// # Errors
///
/// The facts that are missing.
pub fn try_view(campaign: &Campaign, facts: &Facts, told: &Told) -> Result<CampaignView, Needs> {
    let known = Known::new(campaign, facts);
    let view = view_with(campaign, &known, told);
    let missing = known.missing();
    match missing.is_empty() {
        true => Ok(view),
        false => Err(missing),
    }
}

fn view_with(campaign: &Campaign, known: &Known<'_>, told: &Told) -> CampaignView {
    CampaignView {
        id: campaign.id,
        name: campaign.name.clone(),
        attributes: campaign.attributes.clone(),
        pipeline: campaign.pipeline.clone(),
        mode: campaign.mode,
        status: CampaignStatus::known(campaign, known),
        position: campaign.position(),
        current_phase: campaign.current().map(|slot| slot.phase.clone()),
        phases: (0..campaign.phases.len())
            .map(|index| phase_view(campaign, index, known, told))
            .collect(),
        preflight: known.preflight(campaign),
        next: next(campaign, known),
        version: campaign.version,
        due_at: campaign.due(),
        created_at: campaign.created_at,
        changed_at: campaign.changed_at,
    }
}

fn phase_view(campaign: &Campaign, index: usize, known: &Known<'_>, told: &Told) -> PhaseView {
    let slot = &campaign.phases[index];
    let run = campaign.current_run(&slot.phase);
    let (completion, skip) = match campaign.passed.get(index) {
        Some(Passed::Completed(completion)) => (Some(completion), None),
        Some(Passed::Skipped(skip)) => (None, Some(&skip.mark)),
        None => (None, slot.mark.as_ref()),
    };
    let at_position = Some(&campaign.activity).filter(|_| index == campaign.position());
    let (mut failure, mut retry_at, mut stop_reason) = (None, None, None);
    match at_position {
        Some(Activity::Failed {
            failure: why,
            retry_at: when,
            ..
        }) => (failure, retry_at) = (Some(why.clone()), *when),
        Some(Activity::Stopped { reason, .. }) => stop_reason = Some(*reason),
        _ => {}
    }
    let deferral = at_position.and_then(Activity::deferral);
    let waits_for = deferral.map(|deferral| {
        let (note, form) = told.waits.get(&deferral.event).cloned().unwrap_or_default();
        WaitView {
            note,
            form,
            deadline_at: deferral.deadline_at,
        }
    });
    PhaseView {
        phase: slot.phase.clone(),
        status: PhaseStatus::of(campaign, index),
        configured: slot.config.is_some(),
        config_revision: slot.config.as_ref().map(|pin| pin.revision),
        problems: match (completion, skip) {
            (None, None) => known.check(&slot.phase, slot.config.as_ref()).problems,
            _ => Problems::none(),
        },
        retry: slot.retry.clone(),
        skip: skip.map(|mark| SkipView {
            reads: mark.reads,
            reason: mark.reason.clone(),
        }),
        run: run.map(|run| run.run),
        attempt: run.map(|run| run.attempt),
        started_at: run.map(|run| run.started_at),
        completed_at: completion.map(|completion| completion.completed_at),
        summary: completion.and_then(|completion| told.summaries.get(&completion.event).cloned()),
        failure,
        retry_at,
        stop_reason,
        waits_for,
    }
}

/// Asks the machine itself about each command, so that the view can't differ from what the machine does.
fn next(campaign: &Campaign, known: &Known<'_>) -> Vec<NextCommand> {
    let mut next = Vec::with_capacity(campaign.phases.len() * CommandKind::ALL.len() + Mode::ALL.len());
    let mut add = |command, phase: Option<&PhaseName>, mode, answer: Result<(), Rejection>| {
        let refusal = answer.err().map(Refusal::from);
        next.push(NextCommand {
            command,
            phase: phase.cloned(),
            mode,
            allowed: refusal.is_none(),
            refusal,
        });
    };
    let nobody = Envelope::none();
    let decision = Decision::ask(campaign, known, &nobody);
    let ask = |command: Command| {
        let input = Input::from(command);
        decide_with(campaign, known, &input, campaign.changed_at).map(drop)
    };
    for slot in &campaign.phases {
        let phase = &slot.phase;
        let of = || phase.clone();
        for kind in CommandKind::ALL {
            let answer = match kind {
                CommandKind::Configure => decision.configurable(phase),
                CommandKind::Unconfigure => decision.unconfigurable(phase),
                CommandKind::SetRetry => decision.retry_settable(phase),
                CommandKind::Start => ask(Command::Start { phase: of() }),
                CommandKind::Restart => ask(Command::Restart {
                    phase: of(),
                    config: None,
                }),
                CommandKind::Skip => ask(Command::Skip { phase: of() }),
                CommandKind::Unskip => ask(Command::Unskip { phase: of() }),
                CommandKind::Describe
                | CommandKind::SetMode
                | CommandKind::Pause
                | CommandKind::Resume
                | CommandKind::Stop
                | CommandKind::Prune
                | CommandKind::Delete => continue,
            };
            add(*kind, Some(phase), None, answer);
        }
    }
    for &mode in Mode::ALL {
        add(
            CommandKind::SetMode,
            None,
            Some(mode),
            ask(Command::SetMode { mode }),
        );
    }
    let of_campaign = [
        Command::Describe {
            name: None,
            attributes: AttributeChanges::new(),
        },
        Command::Pause {},
        Command::Resume {},
        Command::Stop {},
        Command::Prune {
            keep_runs: 1,
            phase: None,
        },
        Command::Delete {},
    ];
    for command in of_campaign {
        add(command.kind(), None, None, ask(command));
    }
    next
}
