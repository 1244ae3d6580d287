//! Why a command is refused. The campaign is unchanged.

use serde::Serialize;

use crate::error_codes;
use crate::ids::{PhaseName, PipelineId, Ticket};
use crate::limits::MAX_NAME_CHARS;
use crate::measure::{Excess, too_deep, too_large};
use crate::preflight::PreflightReport;
use crate::problem::Problems;
use crate::status::{CampaignStatus, PhaseStatus};

fn list(phases: &[PhaseName]) -> String {
    phases
        .iter()
        .map(PhaseName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Why a campaign refused a command. The campaign is unchanged.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Rejection {
    /// A campaign's name is empty, blank or too long, or has a character that could disguise other text.
    #[error("{}", invalid_name(*chars, character.as_deref()))]
    InvalidName {
        /// How many characters it has.
        chars: usize,
        /// The character that it may not have, such as `U+202E`.
        character: Option<String>,
    },
    /// An attribute of a campaign can't be taken.
    #[error("the attribute {key:?} can't be set: {problem}")]
    InvalidAttribute {
        /// Its key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A retry policy is out of its ranges.
    #[error("the retry policy of {phase} can't be used: {problem}")]
    InvalidRetry {
        /// The phase.
        phase: PhaseName,
        /// What is wrong with it.
        problem: String,
    },
    /// The host registered no pipeline of that id.
    #[error("there is no pipeline {pipeline}: register it with the engine, or name another")]
    UnknownPipeline {
        /// The id that was asked for.
        pipeline: PipelineId,
    },
    /// The pipeline has another phase list than the campaign.
    #[error(
        "pipeline {pipeline} has other phases now than this campaign, so it can't go on: register the pipeline as it \
         was, or create a new campaign"
    )]
    PipelineChanged {
        /// The pipeline.
        pipeline: PipelineId,
    },
    /// The pipeline has no such phase.
    #[error("there is no phase {phase}: the phases are {}", list(phases))]
    UnknownPhase {
        /// The name that was asked for.
        phase: PhaseName,
        /// The phases there are, in order.
        phases: Vec<PhaseName>,
    },
    /// One or more configs are not valid; none was stored.
    #[error("the config is wrong in {}, so nothing was changed: {problems}", places(problems.total()))]
    ConfigInvalid {
        /// Every problem of every phase.
        problems: Problems,
    },
    /// A phase that runs, is paused or is passed can't be changed.
    #[error("{phase} is {}, so it can't be changed: {}", status.spoken(), unlock(*status))]
    PhaseLocked {
        /// The phase.
        phase: PhaseName,
        /// Its status.
        status: PhaseStatus,
    },
    /// The config of a phase that has started can't be taken away.
    #[error(
        "{phase} is {}, so its config can't be removed: configure it anew, or restart it with another config",
        status.spoken()
    )]
    PhaseStarted {
        /// The phase.
        phase: PhaseName,
        /// Its status.
        status: PhaseStatus,
    },
    /// Another phase is the one to start.
    #[error("{phase} can't start now: {}", order_hint(phase, *status, expected.as_ref()))]
    OutOfOrder {
        /// The phase that was asked for.
        phase: PhaseName,
        /// Its status.
        status: PhaseStatus,
        /// The phase that is next, or `None` when all are completed.
        expected: Option<PhaseName>,
    },
    /// Phases that must be ready lack a valid config.
    #[error("nothing was started, since a valid config is missing for {}: {report}", list(&report.missing_phases()))]
    PreflightFailed {
        /// The check of every phase that had to be ready.
        report: PreflightReport,
    },
    /// A phase runs already.
    #[error("{phase} is running already: wait for it, or pause or stop it first")]
    AlreadyRunning {
        /// The running phase.
        phase: PhaseName,
    },
    /// The phase is paused.
    #[error("{phase} is paused: resume it, or restart it to begin afresh")]
    Paused {
        /// The paused phase.
        phase: PhaseName,
    },
    /// What the paused phase works with has changed, and its runner can't continue with the change.
    #[error(
        "a config or resource that {phase} works with has changed, and it can't continue with the change: restart it to \
         begin afresh"
    )]
    InputChanged {
        /// The paused phase.
        phase: PhaseName,
    },
    /// The pipeline doesn't let the phase be skipped.
    #[error("{phase} can't be skipped: its pipeline forbids it")]
    SkipForbidden {
        /// The phase.
        phase: PhaseName,
    },
    /// Nothing would be left to run.
    #[error("{phase} can't be skipped: it is the last phase that is left to run")]
    NothingLeft {
        /// The phase.
        phase: PhaseName,
    },
    /// A report doesn't fit the form that the phase asks for.
    #[error("the answer is wrong in {}, so nothing was recorded: {problems}", places(problems.total()))]
    AnswerInvalid {
        /// Every problem of it.
        problems: Problems,
    },
    /// The phase has not run yet, so it can't begin afresh.
    #[error("{phase} has not started yet, so there is nothing to restart: start it")]
    NotStarted {
        /// The phase.
        phase: PhaseName,
    },
    /// A pause is under way.
    #[error("{phase} is pausing: wait until it is paused, then resume it")]
    Pausing {
        /// The phase.
        phase: PhaseName,
    },
    /// A stop is under way.
    #[error("{phase} is stopping: wait until it is stopped, then start it")]
    Stopping {
        /// The phase.
        phase: PhaseName,
    },
    /// Nothing runs that could be paused or stopped.
    #[error("nothing to pause or stop: the campaign is {}", status.spoken())]
    NotRunning {
        /// The campaign's status.
        status: CampaignStatus,
    },
    /// Nothing is paused that could be resumed.
    #[error("nothing to resume: the campaign is {}", status.spoken())]
    NotPaused {
        /// The campaign's status.
        status: CampaignStatus,
    },
    /// A report came from an attempt that is not the running one.
    #[error("{ticket} is stale: {}", match current { Some(now) => format!("{now} is running"), None => "nothing runs".to_owned() })]
    StaleTicket {
        /// The ticket that was presented.
        ticket: Ticket,
        /// The ticket that is current, if a phase runs.
        current: Option<Ticket>,
    },
    /// A document is larger than its limit. Where other configs of the same command are wrong too, it is a problem with the
    /// keyword `too_large` instead.
    #[error("{}", too_large(what, *size, *limit))]
    TooLarge {
        /// What is too large, such as `config of dns_validation`.
        what: String,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A document is nested too deeply. Where other configs of the same command are wrong too, it is a problem with the
    /// keyword `too_deep` instead.
    #[error("{}", too_deep(what, *depth, *limit))]
    TooDeep {
        /// What is too deep, such as `summary of dns_validation`.
        what: String,
        /// Its depth: how many lists and objects are open at once.
        depth: usize,
        /// The largest depth that it may have.
        limit: usize,
    },
}

impl From<Excess> for Rejection {
    fn from(excess: Excess) -> Self {
        match excess {
            Excess::TooLarge { what, size, limit } => Self::TooLarge { what, size, limit },
            Excess::TooDeep { what, depth, limit } => Self::TooDeep { what, depth, limit },
        }
    }
}

fn invalid_name(chars: usize, character: Option<&str>) -> String {
    match character {
        Some(character) => {
            format!(
                "a campaign's name can't have the character {character}, which could disguise other text: leave it out"
            )
        }
        None => format!(
            "a campaign's name has 1 to {MAX_NAME_CHARS} characters, not all of them blank, and this one has {chars}: choose another"
        ),
    }
}

fn places(problems: usize) -> String {
    if problems == 1 {
        "one place".to_owned()
    } else {
        format!("{problems} places")
    }
}

const fn unlock(status: PhaseStatus) -> &'static str {
    match status {
        PhaseStatus::Completed => "restart it with the new config",
        PhaseStatus::Skipped => "restart it to run it",
        PhaseStatus::Paused => "stop it first, or restart it with the new config",
        _ => "stop it first",
    }
}

fn order_hint(phase: &PhaseName, status: PhaseStatus, expected: Option<&PhaseName>) -> String {
    match (status, expected) {
        (PhaseStatus::Completed | PhaseStatus::Skipped, _) => {
            format!("it is {}; restart {phase} to run it afresh", status.spoken())
        }
        (_, Some(expected)) => format!("{expected} comes first"),
        (_, None) => "every phase is passed".to_owned(),
    }
}

error_codes! {
    Rejection {
        InvalidName { chars, character } = "invalid_name",
        InvalidAttribute { key, problem } = "invalid_attribute",
        InvalidRetry { phase, problem } = "invalid_retry",
        UnknownPipeline { pipeline } = "unknown_pipeline",
        PipelineChanged { pipeline } = "pipeline_changed",
        UnknownPhase { phase, phases } = "unknown_phase",
        ConfigInvalid { problems } = "config_invalid",
        PhaseLocked { phase, status } = "phase_locked",
        PhaseStarted { phase, status } = "phase_started",
        OutOfOrder { phase, status, expected } = "out_of_order",
        PreflightFailed { report } = "preflight_failed",
        AlreadyRunning { phase } = "already_running",
        Paused { phase } = "paused",
        InputChanged { phase } = "input_changed",
        SkipForbidden { phase } = "skip_forbidden",
        NothingLeft { phase } = "nothing_left",
        AnswerInvalid { problems } = "answer_invalid",
        NotStarted { phase } = "not_started",
        Pausing { phase } = "pausing",
        Stopping { phase } = "stopping",
        NotRunning { status } = "not_running",
        NotPaused { status } = "not_paused",
        StaleTicket { ticket, current } = "stale_ticket",
        TooLarge { what, size, limit } = "too_large",
        TooDeep { what, depth, limit } = "too_deep",
    }
}
