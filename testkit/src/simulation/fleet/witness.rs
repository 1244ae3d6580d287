//! What the store has accepted, in the order in which it did.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use phasegate_core::storage::{LoggedEvent, Output, ResourceWrite, StorageError, Transition};
use phasegate_core::{CampaignId, Revision, Ticket, Timestamp, Version};

/// A write that the store has accepted.
#[derive(Clone, Debug)]
pub(super) enum Accepted {
    Commit(Box<Transition>),
    Append(Output),
    Resource(ResourceWrite, Option<Revision>),
}

/// A write, with the latest moment that the store's clock had shown by then.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) by: Timestamp,
    pub(super) write: Accepted,
}

/// Keeps every write that was accepted, and what subscribers were told.
#[derive(Clone, Default)]
pub(super) struct Witness {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    written: Vec<Written>,
    launches: BTreeMap<CampaignId, Ticket>,
    refused: Vec<StorageError>,
    broken: Vec<String>,
}

impl Witness {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep(&self, by: Timestamp, write: Accepted) {
        let mut seen = self.seen();
        if let Accepted::Commit(transition) = &write {
            let mut launches = transition.events.iter().filter_map(|event| event.kind.launch());
            if let Some(launch) = launches.next_back() {
                let ticket = Ticket {
                    campaign: transition.campaign,
                    phase: launch.phase.clone(),
                    run: launch.run,
                    attempt: launch.attempt,
                };
                seen.launches.insert(transition.campaign, ticket);
            }
        }
        seen.written.push(Written { by, write });
    }

    /// Notes that the store has refused a write.
    pub(super) fn refused(&self, error: &StorageError) {
        self.seen().refused.push(error.clone());
    }

    /// Every refusal of the store, in order.
    pub(super) fn refusals(&self) -> Vec<StorageError> {
        self.seen().refused.clone()
    }

    /// The latest attempt of a campaign that was launched.
    pub(super) fn latest_launch(&self, campaign: CampaignId) -> Option<Ticket> {
        self.seen().launches.get(&campaign).cloned()
    }

    /// Notes that a promise was broken while the history went on.
    pub(super) fn broken(&self, what: String) {
        self.seen().broken.push(what);
    }

    /// The first promise that was broken while the history went on.
    pub(super) fn first_broken(&self) -> Option<String> {
        self.seen().broken.first().cloned()
    }

    pub(super) fn written(&self) -> Vec<Written> {
        self.seen().written.clone()
    }

    /// Whether an event that somebody was told of had been committed by then.
    pub(super) fn knows(&self, told: &LoggedEvent) -> bool {
        let (Some(campaign), Some(seq)) = (told.campaign_id, told.seq) else {
            return true;
        };
        self.seen().written.iter().any(|written| match &written.write {
            Accepted::Commit(transition) => holds(transition, campaign, seq),
            _ => false,
        })
    }
}

fn holds(transition: &Transition, campaign: CampaignId, seq: Version) -> bool {
    let first = transition.expected_version.0 + 1;
    transition.campaign == campaign && (first..first + transition.events.len() as u64).contains(&seq.0)
}
