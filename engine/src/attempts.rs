//! The attempts that this process runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use phasegate_core::Ticket;
use tokio_util::sync::CancellationToken;

/// Why an attempt shall come to rest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum InterruptReason {
    /// A pause or stop was asked of it.
    Rest,
    /// It took too long.
    Timeout,
    /// Its outcome is recorded already, or its campaign is deleted: nothing it does counts any more.
    Over,
    /// The process shuts down: the state stays as it is, and the next start recovers it.
    Shutdown,
}

/// One attempt in this process, from just before its commit until its end is recorded.
pub(crate) struct LocalAttempt {
    /// Cancelled when the runner shall come to rest.
    pub(crate) cancellation: CancellationToken,
    /// Cancelled when nothing of the attempt goes on here any more.
    pub(crate) ended: CancellationToken,
    reason: Mutex<Option<InterruptReason>>,
}

impl LocalAttempt {
    /// Asks the runner to come to rest. A later reason replaces an earlier one, except that `Over` stays.
    pub(crate) fn interrupt(&self, reason: InterruptReason) {
        let mut current = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != Some(InterruptReason::Over) {
            *current = Some(reason);
        }
        drop(current);
        self.cancellation.cancel();
    }

    pub(crate) fn reason(&self) -> Option<InterruptReason> {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All attempts in this process, by ticket.
#[derive(Default)]
pub(crate) struct Attempts {
    by_ticket: Mutex<HashMap<Ticket, Arc<LocalAttempt>>>,
}

impl Attempts {
    fn with<T>(&self, f: impl FnOnce(&mut HashMap<Ticket, Arc<LocalAttempt>>) -> T) -> T {
        f(&mut self.by_ticket.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Enters an attempt before its commit, so that a pause which follows the commit finds it.
    ///
    /// `None` when it is there already: then a commit of the same ticket is under way elsewhere, and at most one of the
    /// two can succeed.
    pub(crate) fn reserve(self: &Arc<Self>, ticket: &Ticket) -> Option<Reservation> {
        let attempt = Arc::new(LocalAttempt {
            cancellation: CancellationToken::new(),
            ended: CancellationToken::new(),
            reason: Mutex::new(None),
        });
        self.with(|map| match map.entry(ticket.clone()) {
            std::collections::hash_map::Entry::Occupied(_) => None,
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(Arc::clone(&attempt));
                Some(Reservation {
                    attempts: Arc::clone(self),
                    ticket: ticket.clone(),
                    attempt,
                })
            }
        })
    }

    pub(crate) fn get(&self, ticket: &Ticket) -> Option<Arc<LocalAttempt>> {
        self.with(|map| map.get(ticket).cloned())
    }

    pub(crate) fn all(&self) -> Vec<Arc<LocalAttempt>> {
        self.with(|map| map.values().cloned().collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.with(|map| map.len())
    }
}

/// The entry of an attempt; dropping it takes the entry out and tells whoever waits for its end.
pub(crate) struct Reservation {
    attempts: Arc<Attempts>,
    ticket: Ticket,
    pub(crate) attempt: Arc<LocalAttempt>,
}

impl Reservation {
    pub(crate) fn ticket(&self) -> &Ticket {
        &self.ticket
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.attempts.with(|map| map.remove(&self.ticket));
        self.attempt.ended.cancel();
    }
}
