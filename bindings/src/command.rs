//! The commands that a host gives, as JSON.

use std::collections::BTreeMap;

use phasegate::core::Command;
use phasegate::{Mode, PhaseName};
use serde::Deserialize;
use serde_json::Value;

/// The commands that a host gives; the others are the engine's own.
#[derive(Deserialize)]
#[serde(
    tag = "command",
    rename_all = "snake_case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub(crate) enum HostCommand {
    Configure { configs: BTreeMap<PhaseName, Value> },
    Unconfigure { phase: PhaseName },
    SetMode { mode: Mode },
    Start { phase: PhaseName },
    Restart { phase: PhaseName, config: Option<Value> },
    Pause {},
    Resume {},
    Stop {},
    Delete {},
}

impl From<HostCommand> for Command {
    fn from(command: HostCommand) -> Self {
        match command {
            HostCommand::Configure { configs } => Self::Configure { configs },
            HostCommand::Unconfigure { phase } => Self::Unconfigure { phase },
            HostCommand::SetMode { mode } => Self::SetMode { mode },
            HostCommand::Start { phase } => Self::Start { phase },
            HostCommand::Restart { phase, config } => Self::Restart { phase, config },
            HostCommand::Pause {} => Self::Pause,
            HostCommand::Resume {} => Self::Resume,
            HostCommand::Stop {} => Self::Stop,
            HostCommand::Delete {} => Self::Delete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasegate::core::CommandKind;
    use serde_json::json;

    #[test]
    fn a_host_gives_commands_by_their_words_apart_from_those_of_the_engine() {
        for kind in CommandKind::ALL {
            // Others lack a member at most.
            let read = serde_json::from_value::<HostCommand>(json!({ "command": kind }));
            let is_known = !read.is_err_and(|error| error.to_string().contains("unknown variant"));
            let is_own = [CommandKind::Report, CommandKind::Quiet, CommandKind::Recover].contains(kind);
            assert_eq!(is_known, !is_own, "{kind}");
        }
    }
}
