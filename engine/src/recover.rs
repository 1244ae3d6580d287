//! Taking up what is due: attempts without an engine, retries and deadlines. And keeping the leases of those at work.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use phasegate_core::storage::{
    ActivityKind, CampaignFilter, CampaignQuery, ChangeScope, Due, DueItem, StorageError,
};
use phasegate_core::{CampaignId, PipelineId, Rejection, Signal, Ticket};

use crate::attempts::InterruptReason;
use crate::commit::Terms;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::state::EngineState;

/// How many due things are asked for at once.
const AT_ONCE: usize = 100;
/// How long to wait before what could not be taken up is tried again, and after an error of the store.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// How long to wait before the store is asked again while only what is not watched here is due.
const UNWATCHED_AFTER: Duration = Duration::from_secs(1);

/// The result of a recovery.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recovery {
    /// The campaigns whose running phase continues here, with a new attempt.
    pub resumed: Vec<CampaignId>,
    /// The campaigns that came to rest instead: paused or stopped as requested before, failed by a config that is no longer
    /// valid, or stopped since their pipeline changed.
    pub settled: Vec<CampaignId>,
    /// The campaigns that another engine works on.
    pub held_elsewhere: Vec<CampaignId>,
    /// The campaigns that could not be recovered, and why. They stay unchanged: a campaign of a pipeline that is not registered
    /// here (`unknown_pipeline`) waits for an engine that has the pipeline.
    pub failed: Vec<(CampaignId, EngineError)>,
}

impl Engine {
    /// Takes up every phase that was running when its process ended (the next attempt, from its last checkpoint), every retry
    /// and every deadline whose moment has come; and goes on doing so until the shutdown.
    ///
    /// Call it once after building: opening a store launches nothing by itself. Each campaign is taken up independently of the
    /// others. A campaign of a pipeline that isn't registered here is left to an engine that has the pipeline.
    ///
    /// # Errors
    ///
    /// [`EngineError::Storage`] when the store can't be asked.
    pub async fn recover(&self) -> Result<Recovery, EngineError> {
        let mut recovery = Recovery::default();
        let begins = self.inner.watched.all();
        let due = self.inner.take_up_all(&mut recovery, Asked::ByNobody).await?;
        self.inner.name_unknown(&mut recovery).await?;
        self.keep_watch(begins, due);
        Ok(recovery)
    }

    /// Takes up one campaign unless it is being worked on, and goes on doing so; see [`recover`](Self::recover). It is for a program
    /// that works on that campaign alone: somebody asks for it by name, so this recovery doesn't count towards a crash loop.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or [`EngineError::Storage`].
    pub async fn recover_campaign(&self, id: CampaignId) -> Result<Recovery, EngineError> {
        let mut recovery = Recovery::default();
        let ticket = self.snapshot(id).await?.working_ticket();
        let begins = self.inner.watched.one(id);
        let due = self.inner.take_up_all(&mut recovery, Asked::ByName).await?;
        let known = [&recovery.resumed, &recovery.settled]
            .into_iter()
            .flatten()
            .any(|one| *one == id)
            || recovery.failed.iter().any(|(one, _)| *one == id);
        if !known && ticket.is_some_and(|ticket| self.inner.attempts.get(&ticket).is_none()) {
            recovery.held_elsewhere.push(id);
        }
        self.keep_watch(begins, due);
        Ok(recovery)
    }

    fn keep_watch(&self, begins: bool, due: Due) {
        if begins {
            let inner = Arc::clone(&self.inner);
            self.inner
                .tasks
                .spawn_on(async move { inner.keep(due).await }, &self.inner.handle);
        }
    }
}

/// Whether somebody asked for what is taken up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asked {
    ByName,
    ByNobody,
}

impl EngineState {
    fn pipeline_ids(&self) -> Vec<PipelineId> {
        self.pipelines.keys().cloned().collect()
    }

    /// Takes up everything that is due now. What is left in the answer could not be taken up, or is not watched here.
    async fn take_up_all(
        self: &Arc<Self>,
        recovery: &mut Recovery,
        asked: Asked,
    ) -> Result<Due, EngineError> {
        let pipelines = self.pipeline_ids();
        let mut seen = BTreeSet::new();
        let mut limit = AT_ONCE;
        loop {
            let mut due = self
                .storage
                .due(self.owner, &pipelines, self.lease_ttl, limit)
                .await?;
            let is_full = due.items.len() >= limit;
            let mut found_new = false;
            for item in &due.items {
                if seen.insert(key_of(item)) && self.watched.has(campaign_of(item)) {
                    found_new = true;
                    self.take_up(item, recovery, asked).await;
                }
            }
            if !is_full || self.shutdown.is_cancelled() {
                let failed = |id| recovery.failed.iter().any(|(failed, _)| *failed == id);
                due.items
                    .retain(|item| failed(campaign_of(item)) || !self.watched.has(campaign_of(item)));
                return Ok(due);
            }
            if !found_new {
                // Those at the front can't be taken up now. There may be others behind them.
                limit = limit.saturating_mul(2);
            }
        }
    }

    /// Names the running campaigns of pipelines that are not registered here.
    async fn name_unknown(&self, recovery: &mut Recovery) -> Result<(), EngineError> {
        let mut query = CampaignQuery {
            filter: CampaignFilter {
                activity: Some(ActivityKind::Running),
                ..CampaignFilter::default()
            },
            ..CampaignQuery::default()
        };
        loop {
            let page = self.storage.campaigns(query.clone()).await?;
            for campaign in page.items {
                if campaign.working_ticket().is_some() && !self.pipelines.contains_key(&campaign.pipeline) {
                    let pipeline = campaign.pipeline;
                    let refusal = Rejection::UnknownPipeline { pipeline };
                    recovery.failed.push((campaign.id, refusal.into()));
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn take_up(self: &Arc<Self>, item: &DueItem, recovery: &mut Recovery, asked: Asked) {
        let id = campaign_of(item);
        let (signal, terms) = match item {
            DueItem::Attempt { ticket, released } => {
                if self.attempts.get(ticket).is_some() {
                    return;
                }
                let terms = Terms {
                    if_over: true,
                    released: Some(*released || asked == Asked::ByName),
                    ..Terms::default()
                };
                let ticket = ticket.clone();
                (Signal::Recover { ticket }, terms)
            }
            DueItem::Moment { .. } => (Signal::Wake, Terms::default()),
        };
        let inner = Arc::clone(self);
        let taken = self
            .detached(async move {
                inner.execute(id, &signal.into(), &terms).await?;
                Ok(inner.storage.campaign(id).await?.campaign)
            })
            .await;
        match taken {
            Ok(Some(after)) if after.working_ticket().is_some() => recovery.resumed.push(id),
            Ok(Some(_)) => recovery.settled.push(id),
            Ok(None) => {}
            Err(EngineError::Storage(StorageError::LeaseHeld { .. })) => recovery.held_elsewhere.push(id),
            // Another engine took it up, or it was deleted.
            Err(error) if error.is_gone_or_stale() => {}
            Err(error) => recovery.failed.push((id, error)),
        }
    }

    /// Until the shutdown: takes up what becomes due, and renews the leases of the attempts at work.
    async fn keep(self: Arc<Self>, mut due: Due) {
        let renew_every = self.lease_ttl / 3;
        let mut renewed = Instant::now();
        let mut unrenewed_since = renewed;
        loop {
            let wait = due
                .next_in
                .unwrap_or(renew_every)
                .min(renew_every.saturating_sub(renewed.elapsed()));
            let scope = ChangeScope::Due { mark: due.mark };
            let waited = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                waited = self.storage.changed(scope, None, wait) => waited,
            };
            if renewed.elapsed() >= renew_every {
                renewed = Instant::now();
                if self.renew().await {
                    unrenewed_since = renewed;
                } else if unrenewed_since.elapsed() + renew_every >= self.lease_ttl {
                    // Before another engine may begin, this one has stopped.
                    self.attempts
                        .all()
                        .iter()
                        .for_each(|attempt| attempt.interrupt(InterruptReason::Lost));
                }
            }
            let mut recovery = Recovery::default();
            let looked = match waited {
                Ok(_) => self.take_up_all(&mut recovery, Asked::ByNobody).await,
                Err(error) => Err(error.into()),
            };
            for (campaign, error) in &recovery.failed {
                tracing::warn!(%campaign, %error, "what is due could not be taken up yet");
            }
            match looked {
                Ok(next) => due = next,
                Err(EngineError::Storage(StorageError::Closed)) => return,
                Err(error) => {
                    tracing::warn!(%error, "the store could not be asked for what is due");
                    tokio::select! {
                        biased;
                        () = self.shutdown.cancelled() => return,
                        () = tokio::time::sleep(AGAIN_AFTER) => {}
                    }
                    continue;
                }
            }
            // What could not be taken up, or is not watched here, stays due: it is not asked for at once again.
            let pause = match due.items.iter().any(|item| self.watched.has(campaign_of(item))) {
                true => AGAIN_AFTER,
                false if due.items.is_empty() => Duration::ZERO,
                false => UNWATCHED_AFTER,
            };
            due.next_in = match due.next_in {
                Some(next_in) => Some(next_in.max(pause)),
                None => Some(pause).filter(|pause| !pause.is_zero()),
            };
        }
    }

    /// Renews the leases of the attempts at work; `false` when the store didn't answer.
    async fn renew(&self) -> bool {
        let tickets: Vec<Ticket> = self.attempts.tickets();
        if tickets.is_empty() {
            return true;
        }
        match self.storage.renew(self.owner, self.lease_ttl, &tickets).await {
            Ok(renewal) => {
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
            Err(error) => {
                tracing::warn!(%error, "the leases of running phases could not be renewed");
                false
            }
        }
    }
}

fn campaign_of(item: &DueItem) -> CampaignId {
    match item {
        DueItem::Attempt { ticket, .. } => ticket.campaign,
        DueItem::Moment { campaign } => *campaign,
    }
}

fn key_of(item: &DueItem) -> (CampaignId, Option<Ticket>) {
    match item {
        DueItem::Attempt { ticket, .. } => (ticket.campaign, Some(ticket.clone())),
        DueItem::Moment { campaign } => (*campaign, None),
    }
}
