//! The commands to a campaign.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::campaign::Mode;
use crate::failure::Failure;
use crate::ids::{CampaignId, PhaseName, Ticket};
use crate::word_type;

/// The creation of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateCampaign {
    /// The new campaign's id. The caller makes it unique.
    pub id: CampaignId,
    /// Its name, 1 to 200 characters.
    pub name: String,
    /// Its mode.
    pub mode: Mode,
    /// The configs to store with it, all or none.
    pub configs: BTreeMap<PhaseName, Value>,
}

/// How a run ended, as reported by its runner or on its behalf.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It completed, with this summary.
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
    /// Removes the config of a phase that has not started.
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
    /// Begins afresh a phase that has run before.
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
    /// Reports that the runner is quiet: it has come to rest on request.
    Quiet {
        /// The attempt that came to rest.
        ticket: Ticket,
    },
    /// Asks the running phase to pause.
    Pause,
    /// Continues after a pause.
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

word_type! {
    /// A command without its arguments.
    pub enum CommandKind {
        /// See [`Command::Configure`].
        Configure = "configure",
        /// See [`Command::Unconfigure`].
        Unconfigure = "unconfigure",
        /// See [`Command::SetMode`].
        SetMode = "set_mode",
        /// See [`Command::Start`].
        Start = "start",
        /// See [`Command::Restart`].
        Restart = "restart",
        /// See [`Command::Report`].
        Report = "report",
        /// See [`Command::Quiet`].
        Quiet = "quiet",
        /// See [`Command::Pause`].
        Pause = "pause",
        /// See [`Command::Resume`].
        Resume = "resume",
        /// See [`Command::Stop`].
        Stop = "stop",
        /// See [`Command::Recover`].
        Recover = "recover",
        /// See [`Command::Delete`].
        Delete = "delete",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Attempt, Run};

    #[test]
    fn a_command_is_written_with_the_word_of_its_kind() {
        let phase = PhaseName::new("sort").expect("a valid name");
        let ticket = Ticket {
            campaign: CampaignId::from_u128(1),
            phase: phase.clone(),
            run: Run(1),
            attempt: Attempt(1),
        };
        let commands = [
            Command::Configure {
                configs: BTreeMap::new(),
            },
            Command::Unconfigure { phase: phase.clone() },
            Command::SetMode {
                mode: Mode::default(),
            },
            Command::Start { phase: phase.clone() },
            Command::Restart { phase, config: None },
            Command::Report {
                ticket: ticket.clone(),
                outcome: Outcome::Completed(Value::Null),
            },
            Command::Quiet {
                ticket: ticket.clone(),
            },
            Command::Pause,
            Command::Resume,
            Command::Stop,
            Command::Recover { ticket },
            Command::Delete,
        ];
        let kinds: Vec<_> = commands.iter().map(Command::kind).collect();
        assert_eq!(kinds, CommandKind::ALL);
        for command in &commands {
            let written = serde_json::to_value(command).expect("it is JSON");
            assert_eq!(written["command"], command.kind().as_str());
        }
    }
}
