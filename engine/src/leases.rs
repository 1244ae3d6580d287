//! Renewing the leases of the attempts at work. One task does it, and only while there are any.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use phasegate_core::storage::LeaseKind;
use tokio::time::{Instant, timeout};

use crate::attempts::InterruptReason;
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
            if timeout(every, self.renew()).await.unwrap_or(false) {
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

    /// Renews the leases of the attempts at work; `false` when the store didn't answer.
    async fn renew(&self) -> bool {
        // One whose commit is under way is not lost, though the store may not know it yet.
        let tickets = self.attempts.leased();
        let renewal = match self.storage.renew(self.owner, self.lease_ttl, &tickets).await {
            Ok(renewal) => renewal,
            Err(error) => {
                tracing::warn!(%error, "the leases of running phases could not be renewed");
                return false;
            }
        };
        for ticket in &renewal.lost {
            if let Some(attempt) = self.attempts.get(ticket) {
                tracing::warn!(%ticket, "the lease of a running phase is lost: it is left to another engine");
                attempt.interrupt(InterruptReason::Lost);
            }
        }
        for (ticket, _) in &renewal.asked {
            if let Some(attempt) = self.attempts.get(ticket) {
                attempt.interrupt(InterruptReason::Rest);
            }
        }
        true
    }
}
