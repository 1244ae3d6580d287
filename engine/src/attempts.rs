//! The attempts that this process runs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use phasegate_core::Ticket;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// Why an attempt is interrupted, the weakest reason first. Of two the stronger one counts, whichever comes first.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) enum InterruptReason {
    /// It took too long.
    Timeout,
    /// A pause or a stop was requested.
    Rest,
    /// The process shuts down. The phase stays running in the store, and the next engine recovers it, or makes a fact of its intent.
    Shutdown,
    /// Its lease is lost: another engine may work on it.
    Lost,
    /// Its outcome is recorded already, or its campaign is deleted: the store takes nothing more from it.
    Over,
}

/// One attempt in this process, from just before its commit until its end is recorded.
pub(crate) struct LocalAttempt {
    /// Cancelled to ask the runner to come to rest.
    pub(crate) cancellation: CancellationToken,
    /// Cancelled when it has made progress: a durable batch with records or a checkpoint.
    pub(crate) progressed: CancellationToken,
    /// Cancelled when the attempt is over in this process.
    pub(crate) ended: CancellationToken,
    /// Whether its commit is known to be done, so that the store has its lease.
    is_committed: AtomicBool,
    reason: watch::Sender<Option<InterruptReason>>,
}

impl LocalAttempt {
    /// Notes that its commit is done.
    pub(crate) fn committed(&self) {
        self.is_committed.store(true, Ordering::Release);
    }

    /// Asks the runner to come to rest.
    pub(crate) fn interrupt(&self, reason: InterruptReason) {
        self.reason
            .send_modify(|current| *current = (*current).max(Some(reason)));
        self.cancellation.cancel();
    }

    pub(crate) fn reason(&self) -> Option<InterruptReason> {
        *self.reason.borrow()
    }

    /// Waits for a while, or until a reason comes after which the run isn't launched again. A timeout is none.
    pub(crate) async fn left_alone(&self, pause: Duration) {
        let mut reason = self.reason.subscribe();
        let ends = reason.wait_for(|reason| *reason > Some(InterruptReason::Timeout));
        // Either way it was left alone long enough.
        let _ = tokio::time::timeout(pause, ends).await;
    }
}

/// All attempts in this process, by ticket.
#[derive(Default)]
pub(crate) struct Attempts {
    by_ticket: Mutex<BTreeMap<Ticket, Arc<LocalAttempt>>>,
    /// Told when there is none left.
    none_left: Notify,
}

impl Attempts {
    fn with<T>(&self, f: impl FnOnce(&mut BTreeMap<Ticket, Arc<LocalAttempt>>) -> T) -> T {
        f(&mut self.by_ticket.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Enters an attempt before its commit, so that a pause right after the commit finds it.
    ///
    /// `None` when the ticket is entered already: another commit of it is under way, and at most one of the two can succeed.
    pub(crate) fn reserve(self: &Arc<Self>, ticket: &Ticket) -> Option<Reservation> {
        let attempt = Arc::new(LocalAttempt {
            cancellation: CancellationToken::new(),
            progressed: CancellationToken::new(),
            ended: CancellationToken::new(),
            is_committed: AtomicBool::new(false),
            reason: watch::Sender::new(None),
        });
        self.with(|map| match map.entry(ticket.clone()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(slot) => {
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

    /// The tickets of all of them.
    pub(crate) fn tickets(&self) -> Vec<Ticket> {
        self.with(|map| map.keys().cloned().collect())
    }

    /// The tickets whose leases this process holds, as far as it knows.
    pub(crate) fn leased(&self) -> Vec<Ticket> {
        let is_leased = |attempt: &LocalAttempt| attempt.is_committed.load(Ordering::Acquire);
        self.with(|map| {
            let leased = map.iter().filter(|(_, attempt)| is_leased(attempt));
            leased.map(|(ticket, _)| ticket.clone()).collect()
        })
    }

    pub(crate) fn all(&self) -> Vec<Arc<LocalAttempt>> {
        self.with(|map| map.values().cloned().collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.with(|map| map.len())
    }

    /// Waits until there is none.
    pub(crate) async fn none_left(&self) {
        loop {
            let told = self.none_left.notified();
            if self.len() == 0 {
                return;
            }
            told.await;
        }
    }
}

/// The entry of an attempt. Dropping it removes the entry and wakes everyone who waits for the attempt's end.
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
        let none_left = self.attempts.with(|map| {
            map.remove(&self.ticket);
            map.is_empty()
        });
        if none_left {
            self.attempts.none_left.notify_waiters();
        }
        self.attempt.ended.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use InterruptReason::{Lost, Over, Rest, Shutdown, Timeout};
    use phasegate_core::{Attempt, CampaignId, PhaseName, Run};

    /// The reason that is left after these, one after the other.
    fn after(reasons: [InterruptReason; 2]) -> InterruptReason {
        let ticket = Ticket {
            campaign: CampaignId::from_u128(1),
            phase: PhaseName::new("collect").expect("a valid name"),
            run: Run(1),
            attempt: Attempt(1),
        };
        let reservation = Arc::new(Attempts::default()).reserve(&ticket);
        let attempt = reservation.expect("nobody has it").attempt.clone();
        for reason in reasons {
            attempt.interrupt(reason);
        }
        attempt.reason().expect("it is interrupted")
    }

    #[test]
    fn of_two_reasons_the_stronger_one_stays_whichever_comes_first() {
        let from_weakest = [Timeout, Rest, Shutdown, Lost, Over];
        for (index, stronger) in from_weakest.into_iter().enumerate() {
            for weaker in from_weakest.into_iter().take(index) {
                assert_eq!(after([weaker, stronger]), stronger, "{weaker:?} comes first");
                assert_eq!(after([stronger, weaker]), stronger, "{weaker:?} comes last");
            }
        }
    }
}
