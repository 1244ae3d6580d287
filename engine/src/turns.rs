//! Turns: within a process the commits of one campaign follow each other.

use phasegate_core::CampaignId;
use tokio::sync::{Mutex, MutexGuard};

/// The longest wait for a change before a look whether there was one nevertheless.
pub(crate) const LONGEST_LOOK: std::time::Duration = std::time::Duration::from_secs(30);

const STRIPES: usize = 1_024;

/// Lets the commits of one campaign take turns, so that a burst of commands doesn't fight over one version.
///
/// Turns are for speed only: the store refuses a decision for an older version anyway. No code of the host runs during a turn.
/// Campaigns that share a stripe sometimes wait for each other.
pub(crate) struct Turns {
    stripes: Vec<Mutex<()>>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
        }
    }

    pub(crate) async fn wait(&self, campaign: CampaignId) -> MutexGuard<'_, ()> {
        let stripe = (campaign.as_u128() % STRIPES as u128) as usize;
        self.stripes[stripe].lock().await
    }
}
