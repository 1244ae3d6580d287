//! A campaign as it was.

use phasegate_core::storage::EventScope;
use phasegate_core::{Campaign, CampaignView, Version};

use crate::campaign::CampaignHandle;
use crate::error::EngineError;
use crate::prepare::misfit;

/// How many events are read at once.
const PAGE: usize = 1_000;

impl CampaignHandle {
    /// Its view after the event with this number: the fold of its log up to there. Configs are those of that time, checked as they
    /// would be now. `None` where it has no such event.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or [`EngineError::Storage`].
    pub async fn at(&self, version: Version) -> Result<Option<CampaignView>, EngineError> {
        let state = &self.engine().inner;
        if !(1..=self.snapshot().await?.version.0).contains(&version.0) {
            return Ok(None);
        }
        let mut campaign: Option<Campaign> = None;
        let mut after = None;
        while campaign.as_ref().is_none_or(|one| one.version != version) {
            let page = state
                .storage
                .events(EventScope::Campaign(self.id()), after, PAGE)
                .await?;
            let known = campaign.as_ref().map_or(0, |one| one.version.0);
            let wanted = usize::try_from(version.0 - known).unwrap_or(usize::MAX);
            let mut events = page.items.iter().map(|logged| &logged.event).take(wanted);
            campaign = match campaign {
                None => Campaign::fold(self.id(), events).map_err(misfit)?,
                Some(mut campaign) => {
                    events
                        .try_for_each(|event| campaign.apply(event))
                        .map_err(misfit)?;
                    Some(campaign)
                }
            };
            after = page.items.last().map(|last| last.cursor.clone());
            if after.is_none() {
                // It was deleted meanwhile.
                return Err(EngineError::NotFound { campaign: self.id() });
            }
        }
        match campaign {
            Some(campaign) => Ok(Some(state.view_of(&campaign).await?)),
            None => Ok(None),
        }
    }
}
