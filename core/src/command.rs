//! The commands: what a host, a person or a program may ask of a campaign.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attributes::{AttributeChanges, Attributes};
use crate::campaign::Mode;
use crate::ids::{CampaignId, PhaseName};
use crate::retry::RetryPolicy;
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
    /// Its attributes.
    pub attributes: Attributes,
    /// The configs to store with it, all or none.
    pub configs: BTreeMap<PhaseName, Value>,
    /// Its own retry policies.
    pub retry: BTreeMap<PhaseName, RetryPolicy>,
    /// The phases to skip.
    pub skips: BTreeSet<PhaseName>,
}

impl CreateCampaign {
    /// A campaign without attributes, configs, policies or skips, in `step_by_step`.
    pub fn new(id: CampaignId, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            mode: Mode::default(),
            attributes: Attributes::new(),
            configs: BTreeMap::new(),
            retry: BTreeMap::new(),
            skips: BTreeSet::new(),
        }
    }
}

/// What a host, a person or a program may ask of one campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "command",
    rename_all = "snake_case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Command {
    /// Gives another name, other attributes, or both.
    Describe {
        /// The name.
        #[serde(default)]
        name: Option<String>,
        /// The changes of the attributes.
        #[serde(default)]
        attributes: AttributeChanges,
    },
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
    /// Sets the campaign's own retry policy for a phase, or takes it away.
    SetRetry {
        /// The phase.
        phase: PhaseName,
        /// The policy; without one the pipeline's is in force.
        #[serde(default)]
        policy: Option<RetryPolicy>,
    },
    /// Starts the first phase that is neither passed nor marked to be skipped.
    Start {
        /// The phase.
        phase: PhaseName,
    },
    /// Begins afresh a phase that has run before, or was skipped.
    Restart {
        /// The phase.
        phase: PhaseName,
        /// A new config for it.
        #[serde(default)]
        config: Option<Value>,
    },
    /// Skips a phase, or plans to.
    Skip {
        /// The phase.
        phase: PhaseName,
    },
    /// Withdraws the plan to skip a phase.
    Unskip {
        /// The phase.
        phase: PhaseName,
    },
    /// Asks the running phase to pause.
    Pause {},
    /// Continues after a pause.
    Resume {},
    /// Asks the running phase to stop.
    Stop {},
    /// Hides older runs, and lets the store reclaim their records.
    Prune {
        /// How many of the latest runs of a phase stay. The current run always does.
        keep_runs: u32,
        /// Only of this phase.
        #[serde(default)]
        phase: Option<PhaseName>,
    },
    /// Deletes the campaign.
    Delete {},
}

word_type! {
    /// A command without its arguments.
    pub enum CommandKind {
        /// See [`Command::Describe`].
        Describe = "describe",
        /// See [`Command::Configure`].
        Configure = "configure",
        /// See [`Command::Unconfigure`].
        Unconfigure = "unconfigure",
        /// See [`Command::SetMode`].
        SetMode = "set_mode",
        /// See [`Command::SetRetry`].
        SetRetry = "set_retry",
        /// See [`Command::Start`].
        Start = "start",
        /// See [`Command::Restart`].
        Restart = "restart",
        /// See [`Command::Skip`].
        Skip = "skip",
        /// See [`Command::Unskip`].
        Unskip = "unskip",
        /// See [`Command::Pause`].
        Pause = "pause",
        /// See [`Command::Resume`].
        Resume = "resume",
        /// See [`Command::Stop`].
        Stop = "stop",
        /// See [`Command::Prune`].
        Prune = "prune",
        /// See [`Command::Delete`].
        Delete = "delete",
    }
}

impl Command {
    /// The command without its arguments.
    pub const fn kind(&self) -> CommandKind {
        match self {
            Self::Describe { .. } => CommandKind::Describe,
            Self::Configure { .. } => CommandKind::Configure,
            Self::Unconfigure { .. } => CommandKind::Unconfigure,
            Self::SetMode { .. } => CommandKind::SetMode,
            Self::SetRetry { .. } => CommandKind::SetRetry,
            Self::Start { .. } => CommandKind::Start,
            Self::Restart { .. } => CommandKind::Restart,
            Self::Skip { .. } => CommandKind::Skip,
            Self::Unskip { .. } => CommandKind::Unskip,
            Self::Pause {} => CommandKind::Pause,
            Self::Resume {} => CommandKind::Resume,
            Self::Stop {} => CommandKind::Stop,
            Self::Prune { .. } => CommandKind::Prune,
            Self::Delete {} => CommandKind::Delete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_written_with_the_word_of_its_kind() {
        let phase = || PhaseName::new("sort").expect("a valid name");
        let commands = [
            Command::Describe {
                name: None,
                attributes: AttributeChanges::new(),
            },
            Command::Configure {
                configs: BTreeMap::new(),
            },
            Command::Unconfigure { phase: phase() },
            Command::SetMode {
                mode: Mode::default(),
            },
            Command::SetRetry {
                phase: phase(),
                policy: None,
            },
            Command::Start { phase: phase() },
            Command::Restart {
                phase: phase(),
                config: None,
            },
            Command::Skip { phase: phase() },
            Command::Unskip { phase: phase() },
            Command::Pause {},
            Command::Resume {},
            Command::Stop {},
            Command::Prune {
                keep_runs: 1,
                phase: None,
            },
            Command::Delete {},
        ];
        let kinds: Vec<_> = commands.iter().map(Command::kind).collect();
        assert_eq!(kinds, CommandKind::ALL);
        for command in &commands {
            let written = serde_json::to_value(command).expect("it is JSON");
            assert_eq!(written["command"], command.kind().as_str());
        }
    }
}
