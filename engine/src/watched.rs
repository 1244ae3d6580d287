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
    /// Watches all of them from now on.
    pub(crate) fn all(&self) {
        *self.campaigns.lock().unwrap_or_else(PoisonError::into_inner) = Some(WatchedCampaigns::All);
    }

    /// Watches this one too from now on.
    pub(crate) fn one(&self, id: CampaignId) {
        let mut campaigns = self.campaigns.lock().unwrap_or_else(PoisonError::into_inner);
        match campaigns.get_or_insert_with(|| WatchedCampaigns::Only(BTreeSet::new())) {
            WatchedCampaigns::Only(ids) => {
                ids.insert(id);
            }
            WatchedCampaigns::All => {}
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
