//! Which campaigns an engine watches.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use phasegate_core::CampaignId;

/// The campaigns that this engine watches for what becomes due.
#[derive(Default)]
pub(crate) struct Watched {
    campaigns: Mutex<Option<WatchedCampaigns>>,
}

enum WatchedCampaigns {
    All,
    Only(BTreeSet<CampaignId>),
}

impl Watched {
    /// Watches all of them from now on; gives whether nothing was watched before.
    pub(crate) fn all(&self) -> bool {
        let mut campaigns = self.campaigns.lock().unwrap_or_else(PoisonError::into_inner);
        campaigns.replace(WatchedCampaigns::All).is_none()
    }

    /// Watches this one too from now on; gives whether nothing was watched before.
    pub(crate) fn one(&self, id: CampaignId) -> bool {
        let mut campaigns = self.campaigns.lock().unwrap_or_else(PoisonError::into_inner);
        match campaigns.as_mut() {
            None => {
                *campaigns = Some(WatchedCampaigns::Only([id].into()));
                true
            }
            Some(WatchedCampaigns::Only(ids)) => {
                ids.insert(id);
                false
            }
            Some(WatchedCampaigns::All) => false,
        }
    }

    pub(crate) fn has(&self, id: CampaignId) -> bool {
        match &*self.campaigns.lock().unwrap_or_else(PoisonError::into_inner) {
            None => false,
            Some(WatchedCampaigns::All) => true,
            Some(WatchedCampaigns::Only(ids)) => ids.contains(&id),
        }
    }
}
