//! Turns: the commits of one campaign go one after the other within a process.

use phasegate_core::CampaignId;
use tokio::sync::{Mutex, MutexGuard};

const STRIPES: usize = 1_024;

/// Lets the commits of one campaign take turns, so that a burst of commands doesn't fight over one version.
///
/// Correctness doesn't rest on it (the store refuses what was decided for an older version), and no code of the host runs
/// during a turn. Campaigns that share a stripe wait for each other now and then.
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
