//! What follows a commit: attempts that are over are interrupted, the new one is launched, and the log line is written.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use phasegate_core::storage::StorageError;
use phasegate_core::{Campaign, CampaignStatus, Intent, Ticket};

use crate::attempts::{InterruptReason, Reservation};
use crate::gather::Gathered;
use crate::log;
use crate::panics::caught;
use crate::prepare::Prepared;
use crate::state::EngineState;
use crate::supervise::{Launched, supervise};

impl EngineState {
    /// Follows up a commit.
    pub(crate) async fn after_commit(
        self: &Arc<Self>,
        prepared: Box<Prepared>,
        reservation: Option<Reservation>,
    ) {
        let Prepared {
            before,
            after,
            events,
            gathered,
            ..
        } = *prepared;
        let after = after.as_ref();
        let working = after.and_then(|after| after.working_ticket());
        if let Some(ended) = before
            .working_ticket()
            .filter(|ticket| working.as_ref() != Some(ticket))
            && let Some(attempt) = self.attempts.get(&ended)
        {
            attempt.interrupt(InterruptReason::Over);
        }
        // The intent is durable, so it takes effect here; another read of the store might fail.
        if let (Some(ticket), Some(Intent::Pause | Intent::Stop)) =
            (&working, after.and_then(|after| after.intent()))
            && before.intent() != after.and_then(|after| after.intent())
            && let Some(attempt) = self.attempts.get(ticket)
        {
            attempt.interrupt(InterruptReason::Rest);
        }
        log::events(&before, &events);
        let Some(after) = after else { return };
        if CampaignStatus::unchecked(after) == CampaignStatus::WaitingForConfiguration {
            Box::pin(self.warn_if_blocked(&before, after)).await;
        }
        if let Some(reservation) = reservation
            && let Err(ticket) = self.launch(Arc::clone(after), gathered, reservation)
        {
            self.give_up_in_the_end(&ticket).await;
        }
    }

    /// Launches a runner; gives the ticket back where it can't.
    fn launch(
        self: &Arc<Self>,
        campaign: Arc<Campaign>,
        mut gathered: Gathered,
        reservation: Reservation,
    ) -> Result<(), Ticket> {
        let ticket = reservation.ticket().clone();
        reservation.attempt.committed();
        if self.shutdown.is_cancelled() {
            return Err(ticket);
        }
        let (Some(pipeline), Some(config)) = (
            self.pipeline_of(&campaign),
            gathered.configs.remove(&ticket.phase),
        ) else {
            // Only a checked config of the campaign's own pipeline opens a gate.
            tracing::error!(%ticket, "an attempt was committed without its config; recover() will take it up");
            return Err(ticket);
        };
        if !self.watched.has(ticket.campaign) && !self.told_unwatched.swap(true, Ordering::AcqRel) {
            tracing::warn!(
                "phases run in an engine that never called recover(): retries and deadlines are not watched"
            );
        }
        let resources = gathered.resources_of(&ticket.phase);
        let launched = Launched {
            ticket,
            pipeline: pipeline.clone(),
            campaign,
            config,
            resources,
        };
        self.tasks
            .spawn_on(supervise(Arc::clone(self), launched, reservation), &self.handle);
        if self.shutdown.is_cancelled() {
            self.interrupt_all();
        }
        Ok(())
    }

    /// Gives up the lease of an attempt whose end is not recorded, so that it is taken up again.
    pub(crate) async fn give_up(&self, ticket: &Ticket) -> Result<(), StorageError> {
        let tickets = std::slice::from_ref(ticket);
        caught(async { self.storage.release(self.owner, tickets).await }).await
    }

    /// Logs one WARN when a commit makes a chain wait.
    async fn warn_if_blocked(&self, before: &Campaign, after: &Campaign) {
        let Some(missing) = self.waits_for(after).await else {
            return;
        };
        if self.waits_for(before).await.is_none() {
            tracing::warn!(campaign = %after.id, missing_phases = missing, "waiting for configuration");
        }
    }

    /// The phases that lack a valid config, if the campaign waits for configuration.
    async fn waits_for(&self, campaign: &Campaign) -> Option<String> {
        let now = self.status(campaign).await.ok()?;
        let checked = now.checked?;
        (now.status == CampaignStatus::WaitingForConfiguration).then(|| log::names(&checked.missing_phases()))
    }
}
