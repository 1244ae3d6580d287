//! Renewing the leases of the attempts at work. One task does it, and only while there are any.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use phasegate_core::Ticket;
use phasegate_core::storage::{LeaseKind, StorageError};
use tokio::time::{Instant, timeout};

use crate::attempts::InterruptReason;
use crate::panics::caught;
use crate::state::EngineState;

impl EngineState {
    /// Begins to renew leases, unless that goes on already.
    pub(crate) fn keep_leases(self: &Arc<Self>) {
        if !self.keeps_leases.swap(true, Ordering::AcqRel) {
            let inner = Arc::clone(self);
            self.tasks
                .spawn_on(async move { inner.renew_leases().await }, &self.handle);
        }
    }

    /// Renews leases until a shutdown has ended every attempt. A runner that takes its grace keeps its lease meanwhile.
    async fn renew_leases(self: Arc<Self>) {
        let every = self.lease_ttl / 3;
        // Since when the leases last at least: from before the store was asked for them.
        let mut since = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = self.nothing_left_to_hold() => return,
                () = tokio::time::sleep(every) => {}
            }
            let asked = Instant::now();
            if self.attempts.len() == 0 {
                since = asked;
                continue;
            }
            // A store that doesn't answer renews nothing.
            if timeout(every, caught(self.renew()))
                .await
                .is_ok_and(|renewed| renewed.is_ok())
            {
                since = asked;
            } else if self.storage.lease_kind() == LeaseKind::Expiring
                && since.elapsed() + every >= self.lease_ttl
            {
                // Before another engine may begin, this one has stopped.
                tracing::warn!("the leases of running phases are late: their runners are stopped");
                for attempt in self.attempts.all() {
                    attempt.interrupt(InterruptReason::Lost);
                }
            }
        }
    }

    async fn nothing_left_to_hold(&self) {
        self.shutdown.cancelled().await;
        self.attempts.none_left().await;
    }

    /// Renews the leases of the attempts at work.
    async fn renew(&self) -> Result<(), StorageError> {
        // One whose commit is under way is not lost, though the store may not know it yet.
        let tickets = self.attempts.leased();
        let renewal = self.storage.renew(self.owner, self.lease_ttl, &tickets).await;
        let renewal = renewal.inspect_err(|error| {
            tracing::warn!(%error, "the leases of running phases could not be renewed");
        })?;
        for ticket in &renewal.lost {
            let Some(attempt) = self.attempts.get(ticket) else {
                continue;
            };
            if self.is_over(ticket).await {
                attempt.interrupt(InterruptReason::Over);
            } else {
                tracing::warn!(%ticket, "the lease of a running phase is lost: it is left to another engine");
                attempt.interrupt(InterruptReason::Lost);
            }
        }
        for (ticket, _) in &renewal.asked {
            if let Some(attempt) = self.attempts.get(ticket) {
                attempt.interrupt(InterruptReason::Rest);
            }
        }
        Ok(())
    }

    /// Whether the run of an attempt has come to its end, as it does when that is committed during a renewal. Else only the lease is
    /// over, and another engine has taken the run up or may do so.
    async fn is_over(&self, ticket: &Ticket) -> bool {
        match self.storage.campaign(ticket.campaign).await {
            Ok(read) => {
                let working = read.campaign.and_then(|campaign| campaign.working_ticket());
                working.is_none_or(|now| (now.phase, now.run) != (ticket.phase.clone(), ticket.run))
            }
            Err(_) => false,
        }
    }
}
