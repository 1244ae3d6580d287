//! The reference model: the rules of a campaign, written as plainly as possible, and in another way than the machine's.
//!
//! It keeps a status per phase; the machine keeps a position and one activity. It has no events, no revisions, no clock and no
//! store: a moment that is waited for is only due or not. If both agree over many random histories, both are probably right.

mod asked;
mod gates;
mod happened;

use phasegate_core::{CampaignStatus, Mode, PhaseStatus, SkipReads};

use super::step::{ConfigChoice, Description};

/// The model's answer to a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It is accepted.
    Accepted,
    /// It is refused with this code.
    Refused(&'static str),
}

/// How a process ended that another one follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// In order: it released its leases.
    Released,
    /// It crashed.
    Crashed,
}

/// A config in the model: its choice, and the number of the time it was stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct ModelConfig {
    choice: ConfigChoice,
    storing: u32,
}

/// The inputs of a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct ModelInputs {
    storing: u32,
    resource: Option<u32>,
}

/// The skip of a phase: a plan while the phase has not started, a fact once it is skipped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct ModelSkip {
    reads: SkipReads,
    reason: u8,
}

/// What a phase waits for whose outcome somebody else reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct ModelWait {
    form: bool,
    deadline: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct ModelPhase {
    status: PhaseStatus,
    config: Option<ModelConfig>,
    /// The tries of the campaign's own policy.
    own_tries: Option<u32>,
    skip: Option<ModelSkip>,
    run: u32,
    attempt: u32,
    inputs: Option<ModelInputs>,
    upstream: Option<(usize, u32)>,
    records: u64,
    has_checkpoint: bool,
    /// The tries that failed since progress, and since a person set it going.
    failed_tries: u32,
    /// The recoveries after a crash since progress, and since a person set it going.
    recoveries: u32,
    wait: Option<ModelWait>,
    failure: Option<&'static str>,
    pruned: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ModelIntent {
    Nothing,
    Pause,
    Stop,
}

/// The model of one campaign and the resource it may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    name: u8,
    tag: Option<u8>,
    mode: Mode,
    phases: Vec<ModelPhase>,
    intent: ModelIntent,
    held: bool,
    storings: u32,
    resource_enabled: bool,
    resource_revision: u32,
}

/// The view of one phase in the model: status, configured, run, attempt and records of the current run.
pub type ShownPhase = (PhaseStatus, bool, Option<u32>, Option<u32>, u64);

impl Model {
    /// A new campaign of this many phases, in `step_by_step`, with the name 0 and no tag.
    pub fn new(phases: usize) -> Self {
        let phase = ModelPhase {
            status: PhaseStatus::NotStarted,
            config: None,
            own_tries: None,
            skip: None,
            run: 0,
            attempt: 0,
            inputs: None,
            upstream: None,
            records: 0,
            has_checkpoint: false,
            failed_tries: 0,
            recoveries: 0,
            wait: None,
            failure: None,
            pruned: 0,
        };
        Self {
            name: 0,
            tag: None,
            mode: Mode::StepByStep,
            phases: vec![phase; phases],
            intent: ModelIntent::Nothing,
            held: false,
            storings: 0,
            resource_enabled: true,
            resource_revision: 1,
        }
    }

    fn with_status(&self, status: PhaseStatus) -> Option<usize> {
        self.phases.iter().position(|phase| phase.status == status)
    }

    /// The first phase that is not passed.
    fn next(&self) -> Option<usize> {
        let passed =
            |phase: &ModelPhase| matches!(phase.status, PhaseStatus::Completed | PhaseStatus::Skipped);
        self.phases.iter().position(|phase| !passed(phase))
    }

    /// The phase that a runner works on, with its run and attempt.
    pub fn running(&self) -> Option<(usize, u32, u32)> {
        let index = self.with_status(PhaseStatus::Running)?;
        Some((index, self.phases[index].run, self.phases[index].attempt))
    }

    /// The phase that waits for a report, paused or not, with its run and attempt.
    pub fn waiting(&self) -> Option<(usize, u32, u32)> {
        let index = self.phases.iter().position(|phase| phase.wait.is_some())?;
        Some((index, self.phases[index].run, self.phases[index].attempt))
    }

    /// Whether a phase is running, with a runner or without.
    fn is_busy(&self) -> bool {
        self.running().is_some() || self.with_status(PhaseStatus::WaitingForReport).is_some()
    }

    /// Whether the running phase was asked to pause or stop.
    pub fn is_asked_to_rest(&self) -> bool {
        self.intent != ModelIntent::Nothing
    }

    /// Whether the campaign does something by itself after some time: a retry, or the end of a deadline.
    pub fn is_due_some_day(&self) -> bool {
        let has_deadline = |phase: &ModelPhase| phase.wait.is_some_and(|wait| wait.deadline);
        self.with_status(PhaseStatus::Retrying).is_some() || self.phases.iter().any(has_deadline)
    }

    /// The status of the campaign.
    pub fn status(&self) -> CampaignStatus {
        let Some(index) = self.next() else {
            return CampaignStatus::Completed;
        };
        match (self.phases[index].status, self.intent) {
            (PhaseStatus::Running, ModelIntent::Nothing) => CampaignStatus::Running,
            (PhaseStatus::Running, ModelIntent::Pause) => CampaignStatus::Pausing,
            (PhaseStatus::Running, ModelIntent::Stop) => CampaignStatus::Stopping,
            (PhaseStatus::WaitingForReport, _) => CampaignStatus::WaitingForReport,
            (PhaseStatus::Retrying, _) => CampaignStatus::Retrying,
            (PhaseStatus::Paused, _) => CampaignStatus::Paused,
            (PhaseStatus::Failed, _) => CampaignStatus::Failed,
            (PhaseStatus::Stopped, _) => CampaignStatus::Stopped,
            _ if self.held => CampaignStatus::Paused,
            _ if self.mode == Mode::FullSequence && index > 0 && !self.gate(index) => {
                CampaignStatus::WaitingForConfiguration
            }
            _ => CampaignStatus::Idle,
        }
    }

    /// Whether the latest run of a phase has a checkpoint.
    pub fn has_checkpoint(&self, index: usize) -> bool {
        self.phases[index].has_checkpoint
    }

    /// The views of its phases.
    pub fn shown(&self) -> Vec<ShownPhase> {
        let shown = |phase: &ModelPhase| {
            let has_run = phase.has_current_run();
            let records = if has_run { phase.records } else { 0 };
            (
                phase.status,
                phase.config.is_some(),
                has_run.then_some(phase.run),
                has_run.then_some(phase.attempt),
                records,
            )
        };
        self.phases.iter().map(shown).collect()
    }

    /// The code of the failure of each phase that failed, retrying or not.
    pub fn failures(&self) -> Vec<Option<&'static str>> {
        self.phases.iter().map(|phase| phase.failure).collect()
    }

    /// The skip of each phase, planned or done: what is read then, and the number of its reason.
    pub fn skips(&self) -> Vec<Option<(SkipReads, u8)>> {
        let skip = |phase: &ModelPhase| phase.skip.map(|skip| (skip.reads, skip.reason));
        self.phases.iter().map(skip).collect()
    }

    /// The phase and the run that the current run of each phase reads.
    pub fn upstreams(&self) -> Vec<Option<(usize, u32)>> {
        let upstream = |phase: &ModelPhase| phase.upstream.filter(|_| phase.has_current_run());
        self.phases.iter().map(upstream).collect()
    }

    /// The latest pruned run of each phase, 0 where none is.
    pub fn pruned(&self) -> Vec<u32> {
        self.phases.iter().map(|phase| phase.pruned).collect()
    }

    /// The tries of the campaign's own policy for each phase.
    pub fn own_tries(&self) -> Vec<Option<u32>> {
        self.phases.iter().map(|phase| phase.own_tries).collect()
    }

    /// The number of its name, and that of its tag.
    pub fn described(&self) -> (u8, Option<u8>) {
        (self.name, self.tag)
    }

    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The stored config of each phase.
    pub fn configs(&self) -> Vec<Option<ConfigChoice>> {
        let choice = |phase: &ModelPhase| phase.config.map(|stored| stored.choice);
        self.phases.iter().map(choice).collect()
    }

    /// Whether the resource may be used.
    pub fn resource_enabled(&self) -> bool {
        self.resource_enabled
    }

    /// Whether the reported outcome of this attempt, `Completed` or `Failed`, is still part of the campaign. A failure is, too, while
    /// it is to be tried again.
    pub fn stands(&self, index: usize, run: u32, attempt: u32, status: PhaseStatus) -> bool {
        let phase = &self.phases[index];
        let same_status = match phase.status {
            PhaseStatus::Retrying => status == PhaseStatus::Failed,
            other => status == other,
        };
        same_status && (phase.run, phase.attempt) == (run, attempt)
    }

    fn describe_as(&mut self, description: Description) -> Answer {
        match description {
            Description::Name(name) => self.name = name,
            Description::Tag(tag) => self.tag = tag,
            Description::Blank => return Answer::Refused("invalid_name"),
            Description::BadKey => return Answer::Refused("invalid_attribute"),
        }
        Answer::Accepted
    }
}

impl ModelPhase {
    fn has_current_run(&self) -> bool {
        !matches!(self.status, PhaseStatus::NotStarted | PhaseStatus::Skipped)
    }
}
