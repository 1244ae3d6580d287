//! How far the running phases have come: cheap, in memory, and gone with the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use phasegate_core::storage::Progress;
use phasegate_core::{CampaignId, Ticket};

/// The latest progress of each running attempt in this process.
#[derive(Clone, Default)]
pub(crate) struct ProgressBoard {
    latest: Arc<Mutex<HashMap<CampaignId, (Ticket, Progress)>>>,
}

impl ProgressBoard {
    fn with<T>(&self, f: impl FnOnce(&mut HashMap<CampaignId, (Ticket, Progress)>) -> T) -> T {
        f(&mut self.latest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, ticket: &Ticket, progress: Progress) {
        self.with(|latest| match latest.get_mut(&ticket.campaign) {
            Some((newest, _))
                if (newest.run, newest.attempt) > (ticket.run, ticket.attempt)
                    && newest.phase == ticket.phase => {}
            _ => {
                latest.insert(ticket.campaign, (ticket.clone(), progress));
            }
        });
    }

    pub(crate) fn get(&self, campaign: CampaignId) -> Option<(Ticket, Progress)> {
        self.with(|latest| latest.get(&campaign).cloned())
    }

    /// Forgets an attempt that ended, unless another one reports already.
    pub(crate) fn clear(&self, ticket: &Ticket) {
        self.with(|latest| {
            if latest
                .get(&ticket.campaign)
                .is_some_and(|(shown, _)| shown == ticket)
            {
                latest.remove(&ticket.campaign);
            }
        });
    }
}
