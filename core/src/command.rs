//! What a campaign can be asked to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::campaign::Mode;
use crate::failure::Failure;
use crate::ids::{CampaignId, PhaseName, Ticket};

/// The creation of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateCampaign {
    /// The new campaign's id, which the caller made unique.
    pub id: CampaignId,
    /// Its name, 1 to 200 characters.
    pub name: String,
    /// Its mode.
    pub mode: Mode,
    /// The configs to store with it, all or none.
    pub configs: BTreeMap<PhaseName, Value>,
}

/// How a run ended, as its runner or somebody on its behalf reports it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It completed, and says this of itself.
    Completed(Value),
    /// It failed.
    Failed(Failure),
}

/// A command to one campaign.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "command", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Command {
    /// Stores configs: all of them or none.
    Configure {
        /// The configs by phase.
        configs: BTreeMap<PhaseName, Value>,
    },
    /// Takes the config of a phase away that has not started.
    Unconfigure {
        /// The phase.
        phase: PhaseName,
    },
    /// Sets the mode. It starts nothing.
    SetMode {
        /// The mode.
        mode: Mode,
    },
    /// Starts the phase at the position.
    Start {
        /// The phase.
        phase: PhaseName,
    },
    /// Begins a phase afresh that has run before.
    Restart {
        /// The phase.
        phase: PhaseName,
        /// A new config for it.
        config: Option<Value>,
    },
    /// Reports how the running phase ended.
    Report {
        /// The attempt that is reported.
        ticket: Ticket,
        /// How it ended.
        outcome: Outcome,
    },
    /// Tells that the runner is quiet: it has come to rest because it was asked to.
    Quiet {
        /// The attempt that came to rest.
        ticket: Ticket,
    },
    /// Asks the running phase to pause.
    Pause,
    /// Goes on after a pause.
    Resume,
    /// Asks the running phase to stop.
    Stop,
    /// Takes over a phase that was found running without a runner.
    Recover {
        /// The attempt that was found.
        ticket: Ticket,
    },
    /// Deletes the campaign.
    Delete,
}

/// A command without its arguments.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandKind {
    /// See [`Command::Configure`].
    Configure,
    /// See [`Command::Unconfigure`].
    Unconfigure,
    /// See [`Command::SetMode`].
    SetMode,
    /// See [`Command::Start`].
    Start,
    /// See [`Command::Restart`].
    Restart,
    /// See [`Command::Report`].
    Report,
    /// See [`Command::Quiet`].
    Quiet,
    /// See [`Command::Pause`].
    Pause,
    /// See [`Command::Resume`].
    Resume,
    /// See [`Command::Stop`].
    Stop,
    /// See [`Command::Recover`].
    Recover,
    /// See [`Command::Delete`].
    Delete,
}

impl CommandKind {
    /// The word for it in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configure => "configure",
            Self::Unconfigure => "unconfigure",
            Self::SetMode => "set_mode",
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Report => "report",
            Self::Quiet => "quiet",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::Recover => "recover",
            Self::Delete => "delete",
        }
    }
}

impl Command {
    /// The command without its arguments.
    pub const fn kind(&self) -> CommandKind {
        match self {
            Self::Configure { .. } => CommandKind::Configure,
            Self::Unconfigure { .. } => CommandKind::Unconfigure,
            Self::SetMode { .. } => CommandKind::SetMode,
            Self::Start { .. } => CommandKind::Start,
            Self::Restart { .. } => CommandKind::Restart,
            Self::Report { .. } => CommandKind::Report,
            Self::Quiet { .. } => CommandKind::Quiet,
            Self::Pause => CommandKind::Pause,
            Self::Resume => CommandKind::Resume,
            Self::Stop => CommandKind::Stop,
            Self::Recover { .. } => CommandKind::Recover,
            Self::Delete => CommandKind::Delete,
        }
    }
}
