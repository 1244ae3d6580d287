//! What a campaign has of its phases.

use phasegate::EngineError;
use phasegate::core::{Campaign, PhaseName, PhaseSlot, Rejection, Revision};

use crate::problem::Problem;

/// The revision of a phase's config.
pub fn config_revision(campaign: &Campaign, phase: &PhaseName) -> Result<Option<Revision>, Problem> {
    Ok(slot_of(campaign, phase)?.config.as_ref().map(|pin| pin.revision))
}

/// What a campaign has of a phase.
pub fn slot_of<'a>(campaign: &'a Campaign, phase: &PhaseName) -> Result<&'a PhaseSlot, Problem> {
    match campaign.index_of(phase) {
        Some(index) => Ok(&campaign.phases[index]),
        None => {
            let phases = campaign.phases.iter().map(|one| one.phase.clone()).collect();
            let rejection = Rejection::UnknownPhase {
                phase: phase.clone(),
                phases,
            };
            Err(EngineError::from(rejection).into())
        }
    }
}
