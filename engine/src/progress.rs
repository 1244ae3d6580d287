//! The progress of the running phases, in memory only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use phasegate_core::storage::Progress;
use phasegate_core::{CampaignId, Ticket};

type LatestProgress = HashMap<CampaignId, (Ticket, Option<Progress>)>;

/// The latest progress of each running attempt in this process.
#[derive(Clone, Default)]
pub(crate) struct ProgressBoard {
    latest: Arc<Mutex<LatestProgress>>,
}

impl ProgressBoard {
    fn with<T>(&self, f: impl FnOnce(&mut LatestProgress) -> T) -> T {
        f(&mut self.latest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins to listen to an attempt instead of any other attempt of its campaign.
    pub(crate) fn open(&self, ticket: &Ticket, progress: Option<Progress>) {
        self.with(|latest| latest.insert(ticket.campaign, (ticket.clone(), progress)));
    }

    /// Takes the progress of the current attempt. A context may outlive its attempt; its progress is then ignored.
    pub(crate) fn set(&self, ticket: &Ticket, progress: Progress) {
        self.with(|latest| {
            if let Some((heard, shown)) = latest.get_mut(&ticket.campaign)
                && heard == ticket
            {
                *shown = Some(progress);
            }
        });
    }

    pub(crate) fn get(&self, campaign: CampaignId) -> Option<(Ticket, Progress)> {
        self.with(|latest| {
            let (ticket, progress) = latest.get(&campaign)?;
            Some((ticket.clone(), (*progress)?))
        })
    }

    /// The latest progress of every current attempt, ordered by campaign.
    pub(crate) fn all(&self) -> Vec<(Ticket, Progress)> {
        let mut all: Vec<_> = self.with(|latest| {
            latest
                .values()
                .filter_map(|(ticket, progress)| Some((ticket.clone(), (*progress)?)))
                .collect()
        });
        all.sort_by_key(|(ticket, _): &(Ticket, Progress)| ticket.campaign);
        all
    }

    /// Forgets an ended attempt, unless another attempt has replaced it.
    pub(crate) fn clear(&self, ticket: &Ticket) {
        self.with(|latest| {
            if latest
                .get(&ticket.campaign)
                .is_some_and(|(heard, _)| heard == ticket)
            {
                latest.remove(&ticket.campaign);
            }
        });
    }
}
