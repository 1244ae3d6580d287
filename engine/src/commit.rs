//! Carrying out an input: prepare, commit, and begin again when another commit was first.

use std::sync::Arc;

use phasegate_core::storage::{
    CampaignRead, ChangeScope, ConfigWrite, IdempotencyEntry, IdempotencyKey, Output, StorageError,
    Transition,
};
use phasegate_core::{
    CampaignId, Command, Event, EventKind, Facts, Input, Intent, OutputFacts, PhaseName, Signal, Ticket,
    Timestamp, Version,
};
use serde::{Deserialize, Serialize};

use crate::attempts::InterruptReason;
use crate::error::EngineError;
use crate::gather::Gathered;
use crate::keys::UsedKey;
use crate::log;
use crate::precondition::Precondition;
use crate::prepare::Prepared;
use crate::state::EngineState;

/// The receipt of an accepted command.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The campaign's version after the command.
    pub version: Version,
    /// Whether the command changed anything. A command whose effect is there already changes nothing.
    pub changed: bool,
}

/// Beside the input itself, what a commit is to expect and to write.
#[derive(Default)]
pub(crate) struct Terms {
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) precondition: Option<Precondition>,
    /// The lease of the attempt before must be over.
    pub(crate) if_over: bool,
    /// Whether the lease of the attempt that is to be recovered was released in order.
    pub(crate) released: Option<bool>,
    /// The last batch of the run that ends.
    pub(crate) output: Option<Output>,
    /// How far the run has come before it, by what its own attempt wrote. The commit expects it, and the store is asked where it is wrong.
    pub(crate) written: Option<OutputFacts>,
}

impl EngineState {
    /// Carries out a command. The work goes on when the returned future is dropped.
    pub(crate) async fn run_command(
        self: &Arc<Self>,
        campaign: CampaignId,
        input: Input,
        terms: Terms,
    ) -> Result<Receipt, EngineError> {
        let inner = Arc::clone(self);
        self.detached(async move {
            let receipt = inner.execute(campaign, &input, &terms).await?;
            if let Input::Command {
                command: Command::Pause {} | Command::Stop {},
                ..
            } = input
            {
                inner.come_to_rest(campaign).await?;
            }
            Ok(receipt)
        })
        .await
    }

    /// One input: prepare, commit, and launch. It begins again when another commit was first.
    pub(crate) async fn execute(
        self: &Arc<Self>,
        id: CampaignId,
        input: &Input,
        terms: &Terms,
    ) -> Result<Receipt, EngineError> {
        let used = terms
            .key
            .as_ref()
            .and_then(|key| UsedKey::of(key, Some(id), input));
        let mut written = terms.written;
        loop {
            if let Some(receipt) = self.replay(used.as_ref()).await? {
                return Ok(receipt);
            }
            let CampaignRead { campaign, now, .. } = self.storage.campaign(id).await?;
            let Some(before) = campaign else {
                let gone = EngineError::NotFound { campaign: id };
                return self.refused(used.as_ref(), gone).await;
            };
            // The commit expects the same version, so the precondition holds there too.
            if let Some(Err(failed)) = terms.precondition.as_ref().map(|one| one.check(&before)) {
                return self.refused(used.as_ref(), failed).await;
            }
            let facts = Facts {
                released: terms.released,
                output: written.take(),
                ..self.pipeline_facts(&before)
            };
            let prepared = match self.prepare(&before, input, now, facts).await? {
                Ok(prepared) => prepared,
                Err(rejection) => {
                    log::refusal(&before, input, &rejection);
                    return self.refused(used.as_ref(), rejection.into()).await;
                }
            };
            let receipt = prepared.receipt();
            if prepared.events.is_empty() && used.is_none() {
                return Ok(receipt);
            }
            let entry = used.as_ref().map(|used| self.entry(used, &receipt, now));
            if self.commit(prepared, entry, terms).await? {
                return Ok(receipt);
            }
        }
    }

    /// Commits what was prepared, and follows it up. `false` when another commit was first.
    async fn commit(
        self: &Arc<Self>,
        mut prepared: Box<Prepared>,
        idempotency: Option<IdempotencyEntry>,
        terms: &Terms,
    ) -> Result<bool, EngineError> {
        let id = prepared.before.id;
        let ticket = prepared.after.as_ref().and_then(|after| after.working_ticket());
        let launched = ticket.as_ref().map(|ticket| &ticket.phase);
        let transition = Transition {
            commit_id: self.ids.commit(),
            campaign: id,
            expected_version: prepared.before.version,
            expected_resources: prepared.gathered.expected_resources.clone(),
            expected_batch: prepared.expected_batch.clone(),
            snapshot: prepared.after.clone(),
            configs: config_writes(&prepared.events, &mut prepared.gathered, launched),
            events: prepared.events.clone(),
            idempotency,
            lease: self.lease(terms.if_over),
            output: terms.output.clone(),
        };
        let turn = self.turns.wait(id).await;
        let reservation = match &ticket {
            Some(ticket) if prepared.before.working_ticket().as_ref() != Some(ticket) => {
                match self.attempts.reserve(ticket) {
                    Some(reservation) => {
                        // Its lease counts from before the store is asked for it.
                        self.keep_leases();
                        Some(reservation)
                    }
                    // Another command committed that ticket: begin again.
                    None => return Ok(false),
                }
            }
            _ => None,
        };
        match self.storage.commit(transition).await {
            Ok(_) => {}
            Err(
                StorageError::Conflict { .. }
                | StorageError::ResourceConflict { .. }
                | StorageError::BatchConflict { .. }
                | StorageError::KeyUsed { .. },
            ) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        drop(turn);
        self.after_commit(prepared, reservation).await;
        Ok(true)
    }

    pub(crate) fn key_expiry(&self, now: Timestamp) -> Timestamp {
        now.plus_ms(self.key_ttl.as_millis().try_into().unwrap_or(u64::MAX))
    }

    /// Brings the running phase to rest by its durable intent, and returns when it is at rest.
    pub(crate) async fn come_to_rest(self: &Arc<Self>, id: CampaignId) -> Result<(), EngineError> {
        loop {
            let after = self.storage.latest().await?;
            let Some(campaign) = self.storage.campaign(id).await?.campaign else {
                return Ok(());
            };
            let (Some(ticket), Some(Intent::Pause | Intent::Stop)) =
                (campaign.working_ticket(), campaign.intent())
            else {
                return Ok(());
            };
            if let Some(attempt) = self.attempts.get(&ticket) {
                attempt.interrupt(InterruptReason::Rest);
                attempt.ended.cancelled().await;
                if self.shutdown.is_cancelled() {
                    return Err(EngineError::ShutDown);
                }
                continue;
            }
            // It may have ended by a shutdown since the read, which leaves the making of a fact to the next engine.
            if self.shutdown.is_cancelled() {
                return Err(EngineError::ShutDown);
            }
            // Where no engine runs it, it is quiet already.
            match self.settle(&ticket, true).await {
                Err(EngineError::Storage(StorageError::LeaseHeld { .. })) => {}
                settled => {
                    settled?;
                    continue;
                }
            }
            tokio::select! {
                biased;
                // Without this the wait would last until the store closes, and the shutdown closes it after this command.
                () = self.shutdown.cancelled() => return Err(EngineError::ShutDown),
                changed = self.changed(ChangeScope::Campaign(id), after) => { changed?; }
            }
        }
    }

    async fn settle(self: &Arc<Self>, ticket: &Ticket, if_over: bool) -> Result<(), EngineError> {
        let signal = Signal::Settled {
            ticket: ticket.clone(),
        };
        let terms = Terms {
            if_over,
            ..Terms::default()
        };
        match self.execute(ticket.campaign, &signal.into(), &terms).await {
            Err(error) if error.is_gone_or_stale() => Ok(()),
            settled => settled.map(drop),
        }
    }
}

impl Prepared {
    fn receipt(&self) -> Receipt {
        let version = Version(self.before.version.0 + self.events.len() as u64);
        Receipt {
            campaign_id: self.before.id,
            version,
            changed: !self.events.is_empty(),
        }
    }
}

/// The config texts that go with the events that store them.
///
/// They are taken, but for that of the phase that is launched.
pub(crate) fn config_writes(
    events: &[Event],
    gathered: &mut Gathered,
    launched: Option<&PhaseName>,
) -> Vec<ConfigWrite> {
    let write = |event: &Event| match &event.kind {
        EventKind::PhaseConfigured { phase, revision, .. } => {
            let config = match launched == Some(phase) {
                true => gathered.configs.get(phase).cloned(),
                false => gathered.configs.remove(phase),
            }?;
            Some(ConfigWrite {
                phase: phase.clone(),
                revision: *revision,
                config,
            })
        }
        _ => None,
    };
    events.iter().filter_map(write).collect()
}
