//! The conditions under which a command is sent.

use phasegate_core::storage::Expected;
use phasegate_core::{Campaign, PhaseName, Version};

use crate::error::EngineError;

/// A condition that must still hold when a command is carried out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Precondition {
    /// The campaign is at this version.
    Version(Version),
    /// The stored config of a phase is as expected.
    Config {
        /// The phase.
        phase: PhaseName,
        /// Its config.
        expected: Expected,
    },
}

impl Precondition {
    /// Refuses a campaign for which it doesn't hold.
    pub(crate) fn check(&self, campaign: &Campaign) -> Result<(), EngineError> {
        let holds = match self {
            Self::Version(version) => campaign.version == *version,
            Self::Config { phase, expected } => {
                let config = campaign
                    .index_of(phase)
                    .and_then(|index| campaign.phases[index].config.as_ref());
                match expected {
                    Expected::Any => true,
                    Expected::Absent => config.is_none(),
                    Expected::Revision(revision) => config.is_some_and(|pin| pin.revision == *revision),
                }
            }
        };
        if holds {
            return Ok(());
        }
        Err(EngineError::PreconditionFailed {
            campaign: campaign.id,
            precondition: self.clone(),
        })
    }
}

impl std::fmt::Display for Precondition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => write!(f, "it is at version {version}"),
            Self::Config { phase, expected } => match expected {
                Expected::Any => write!(f, "{phase} has any config or none"),
                Expected::Absent => write!(f, "{phase} has no config"),
                Expected::Revision(revision) => write!(f, "the config of {phase} is at revision {revision}"),
            },
        }
    }
}
