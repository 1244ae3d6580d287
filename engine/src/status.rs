//! The status of a campaign, with no more checks than it depends on.

use phasegate_core::{Campaign, CampaignStatus, PreflightReport};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::state::EngineState;

/// A campaign's status, and the check that it depends on.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StatusNow {
    /// The status.
    pub status: CampaignStatus,
    /// The check of the remaining phases where it decides the status: whether a chain waits for configuration. Such a status may
    /// change without an event, since a resource may.
    pub checked: Option<PreflightReport>,
}

impl Engine {
    /// The status of a campaign that was read from the store. The configs are checked only where the status depends on them.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`] when it is deleted in the meantime, or [`EngineError::Storage`].
    pub async fn status(&self, campaign: &Campaign) -> Result<StatusNow, EngineError> {
        self.inner.status(campaign).await
    }
}

impl EngineState {
    /// See [`Engine::status`].
    pub(crate) async fn status(&self, campaign: &Campaign) -> Result<StatusNow, EngineError> {
        // Without facts every campaign that could wait does wait.
        let status = CampaignStatus::unchecked(campaign);
        if status != CampaignStatus::WaitingForConfiguration {
            return Ok(StatusNow {
                status,
                checked: None,
            });
        }
        let view = self.view_of(campaign).await?;
        Ok(StatusNow {
            status: view.status,
            checked: Some(view.preflight),
        })
    }
}
