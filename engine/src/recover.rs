//! Taking up what is due: attempts without an engine, retries and deadlines. One task sleeps for all of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use phasegate_core::storage::{
    ActivityKind, CampaignFilter, CampaignQuery, ChangeScope, Due, DueItem, StorageError,
};
use phasegate_core::{CampaignId, PipelineId, Rejection, Signal, Ticket};

use crate::commit::Terms;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::state::EngineState;
use crate::turns::LONGEST_LOOK;

/// How many due things are asked for at once.
const AT_ONCE: usize = 100;
/// How long to wait before what could not be taken up is tried again, and after an error of the store.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// How long to wait before the store is asked again while only what is not watched here is due.
const UNWATCHED_AFTER: Duration = Duration::from_secs(1);
/// How long to wait before those are asked for again that must run alone, while others run.
const HELD_BACK_FOR: Duration = Duration::from_secs(1);

/// The result of a recovery.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recovery {
    /// The campaigns whose running phase continues here, with a new attempt.
    pub resumed: Vec<CampaignId>,
    /// The campaigns that came to rest instead: paused or stopped as requested before, failed by a config that is no longer
    /// valid, or stopped since their pipeline changed.
    pub settled: Vec<CampaignId>,
    /// The campaigns whose phase is taken up later, alone: its process ended two times or more without progress of the phase; and those
    /// that wait until such a one has made progress, or has worked for 30 s.
    pub held_back: Vec<CampaignId>,
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
        let look = self.inner.take_up_all(&mut recovery, Asked::ByNobody).await?;
        self.inner.name_unknown(&mut recovery).await?;
        self.keep_watch(begins, look);
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
        let look = self.inner.take_up_all(&mut recovery, Asked::ByName).await?;
        let known = [&recovery.resumed, &recovery.settled]
            .into_iter()
            .flatten()
            .any(|one| *one == id)
            || recovery.failed.iter().any(|(one, _)| *one == id);
        if !known && ticket.is_some_and(|ticket| self.inner.attempts.get(&ticket).is_none()) {
            recovery.held_elsewhere.push(id);
        }
        self.keep_watch(begins, look);
        Ok(recovery)
    }

    fn keep_watch(&self, begins: bool, look: Look) {
        self.inner.keep_leases();
        if begins {
            let inner = Arc::clone(&self.inner);
            self.inner
                .tasks
                .spawn_on(async move { inner.keep(look).await }, &self.inner.handle);
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

    /// Takes up everything that is due now, but for suspects beside others.
    async fn take_up_all(
        self: &Arc<Self>,
        recovery: &mut Recovery,
        asked: Asked,
    ) -> Result<Look, EngineError> {
        let pipelines = self.pipeline_ids();
        let mut seen = BTreeSet::new();
        let mut suspects = Vec::new();
        let mut limit = AT_ONCE;
        let due = loop {
            let due = self
                .storage
                .due(self.owner, &pipelines, self.lease_ttl, limit)
                .await?;
            let is_full = due.items.len() >= limit;
            let mut found_new = false;
            for item in &due.items {
                if !self.watched.has(campaign_of(item)) || !seen.insert(key_of(item)) {
                    continue;
                }
                found_new = true;
                if asked == Asked::ByNobody && (self.suspects.is_alone() || self.is_suspect(item).await?) {
                    suspects.push(item.clone());
                } else {
                    self.take_up(item, recovery, asked).await;
                }
            }
            if !is_full || self.shutdown.is_cancelled() {
                break due;
            }
            if !found_new {
                // Those at the front can't be taken up now. There may be others behind them.
                limit = limit.saturating_mul(2);
            }
        };
        self.take_up_one(&suspects, recovery).await;
        let failed = |id| recovery.failed.iter().any(|(failed, _)| *failed == id);
        let mut pauses = due.items.iter().filter_map(|item| match campaign_of(item) {
            id if failed(id) => Some(AGAIN_AFTER),
            id if !self.watched.has(id) => Some(UNWATCHED_AFTER),
            _ => None,
        });
        // What stays due is not asked for at once again.
        let pause = pauses.by_ref().max().unwrap_or_default();
        Ok(Look {
            pause,
            holds_back: !recovery.held_back.is_empty(),
            due,
        })
    }

    /// Takes up the first of those that may only run alone, if nothing runs here, and holds the others back. Another engine may have
    /// room for them.
    async fn take_up_one(self: &Arc<Self>, held: &[DueItem], recovery: &mut Recovery) {
        let mut held = held.iter().peekable();
        while self.attempts.len() == 0
            && !self.suspects.is_alone()
            && let Some(item) = held.next()
        {
            self.take_up(item, recovery, Asked::ByNobody).await;
            let running = self.attempts.tickets();
            let launched = running.iter().find(|ticket| ticket.campaign == campaign_of(item));
            if let Some(attempt) = launched.and_then(|ticket| self.attempts.get(ticket)) {
                self.suspects.leave_alone(attempt);
            }
        }
        for item in held {
            recovery.held_back.push(campaign_of(item));
            if let DueItem::Attempt { ticket, .. } = item {
                self.give_up(ticket).await;
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

    /// Takes up what becomes due, until the shutdown.
    async fn keep(self: Arc<Self>, mut look: Look) {
        loop {
            if look.holds_back {
                // Giving those up again was a change of what is due, and must not be the next one's cause.
                tokio::select! {
                    biased;
                    () = self.shutdown.cancelled() => return,
                    () = self.room_for_suspects() => {}
                    () = tokio::time::sleep(HELD_BACK_FOR) => {}
                }
            }
            let scope = ChangeScope::Due { mark: look.due.mark };
            let changed = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                changed = self.storage.changed(scope, None, look.wait()) => changed,
            };
            let mut recovery = Recovery::default();
            let looked = match changed {
                Ok(_) => self.take_up_all(&mut recovery, Asked::ByNobody).await,
                Err(error) => Err(error.into()),
            };
            for (campaign, error) in &recovery.failed {
                tracing::warn!(%campaign, %error, "what is due could not be taken up yet");
            }
            match looked {
                Ok(next) => look = next,
                Err(EngineError::Storage(StorageError::Closed)) => return,
                Err(error) => {
                    tracing::warn!(%error, "the store could not be asked for what is due");
                    tokio::select! {
                        biased;
                        () = self.shutdown.cancelled() => return,
                        () = tokio::time::sleep(AGAIN_AFTER) => {}
                    }
                }
            }
        }
    }

    /// Waits until a suspect may be taken up.
    async fn room_for_suspects(&self) {
        self.suspects.cleared().await;
        self.attempts.none_left().await;
    }
}

/// A look at what is due, after which everything was taken up that could be.
struct Look {
    due: Due,
    /// How long to leave alone what is due still.
    pause: Duration,
    /// Whether suspects are held back, or others because of one.
    holds_back: bool,
}

impl Look {
    /// How long to wait for a change before the next look.
    fn wait(&self) -> Duration {
        self.due.next_in.unwrap_or(LONGEST_LOOK).max(self.pause)
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
