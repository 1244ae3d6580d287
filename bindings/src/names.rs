//! The names that a host gives to campaigns and phases.

use phasegate::{CampaignId, EngineError, PhaseName};
use serde_json::json;

use crate::error::HostError;

/// The id of a campaign. One that can't be read is not found.
pub(crate) fn campaign_id(id: &str) -> Result<CampaignId, HostError> {
    id.parse().map_err(|_| {
        let data = [("campaign".to_owned(), json!(id))].into_iter().collect();
        HostError::new("not_found", format!("there is no campaign {id:?}"), data)
    })
}

/// The name of a phase.
pub(crate) fn phase_name(name: &str) -> Result<PhaseName, HostError> {
    Ok(PhaseName::new(name).map_err(EngineError::from)?)
}
