//! Taking up what is due: attempts without an engine, retries and deadlines. One task sleeps for all of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use phasegate_core::storage::{
    ActivityKind, CampaignFilter, CampaignQuery, ChangeScope, Due, DueItem, StorageError,
};
use phasegate_core::{CampaignId, PipelineId, Rejection, Signal, Ticket};

use crate::commit::Terms;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::panics::caught;
use crate::state::EngineState;
use crate::turns::LONGEST_LOOK;

/// How many due things are asked for at once.
const AT_ONCE: usize = 100;
/// How long to wait before what could not be taken up is tried again, and after an error of the store.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// How long to wait before the store is asked again while that is due which is not watched here, must run alone, or comes to its end
/// here.
const AGAIN_SOON: Duration = Duration::from_secs(1);

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
        self.inner.watched.all();
        let looked = caught(self.inner.take_up_all(&mut recovery, Asked::ByNobody)).await;
        self.keep_watch(looked)?;
        self.inner.name_unknown(&mut recovery).await?;
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
        let before = self.snapshot(id).await?;
        self.inner.watched.one(id);
        let looked = caught(self.inner.take_up_all(&mut recovery, Asked::ByName(id))).await;
        self.keep_watch(looked)?;
        let elsewhere = before
            .working_ticket()
            .is_some_and(|ticket| self.inner.attempts.get(&ticket).is_none());
        if elsewhere && !recovery.has(id) {
            match self.inner.pipelines.contains_key(&before.pipeline) {
                true => recovery.held_elsewhere.push(id),
                false => recovery.failed.push((id, unknown(before.pipeline.clone()))),
            }
        }
        Ok(recovery)
    }

    /// Goes on taking up what becomes due, also after a look that failed.
    fn keep_watch(&self, looked: Result<Look, EngineError>) -> Result<(), EngineError> {
        self.inner.keep_leases();
        let (look, answer) = match looked {
            Ok(look) => (look, Ok(())),
            Err(error) => (Look::failed(), Err(error)),
        };
        if !self.inner.keeps_watch.swap(true, Ordering::AcqRel) {
            let inner = Arc::clone(&self.inner);
            self.inner
                .tasks
                .spawn_on(async move { inner.keep(look).await }, &self.inner.handle);
        }
        answer
    }
}

impl Recovery {
    /// Whether it says what became of a campaign.
    fn has(&self, id: CampaignId) -> bool {
        let lists = [
            &self.resumed,
            &self.settled,
            &self.held_back,
            &self.held_elsewhere,
        ];
        lists.into_iter().flatten().any(|one| *one == id) || self.failed.iter().any(|(one, _)| *one == id)
    }
}

fn unknown(pipeline: PipelineId) -> EngineError {
    Rejection::UnknownPipeline { pipeline }.into()
}

/// Whether somebody asked for what is taken up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asked {
    ByName(CampaignId),
    ByNobody,
}

impl Asked {
    fn for_item(self, item: &DueItem) -> bool {
        self == Self::ByName(item.campaign())
    }
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
        // One look after the other, so that each sees what the one before has launched.
        let _turn = self.looking.lock().await;
        let pipelines = self.pipeline_ids();
        let mut seen = BTreeSet::new();
        let (mut unwatched, mut held) = (Vec::new(), Vec::new());
        let mut limit = AT_ONCE;
        let due = loop {
            let due = self
                .storage
                .due(self.owner, &pipelines, self.lease_ttl, limit)
                .await?;
            let is_full = due.items.len() >= limit;
            let mut found_new = false;
            for item in &due.items {
                if !seen.insert(key_of(item)) {
                    continue;
                }
                found_new = true;
                if !self.watched.has(item.campaign()) {
                    unwatched.push(item.campaign());
                    continue;
                }
                if asked.for_item(item) {
                    self.take_up(item, recovery, true).await;
                    continue;
                }
                match caught(self.is_suspect(item)).await {
                    Ok(is_suspect) if is_suspect || self.suspects.is_alone() => {
                        held.push((item.clone(), is_suspect));
                    }
                    Ok(_) => self.take_up(item, recovery, false).await,
                    Err(error) => recovery.failed.push((item.campaign(), error)),
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
        self.take_up_one(&held, recovery).await;
        let given_back = [unwatched, recovery.held_back.clone()].concat();
        self.give_back(&given_back).await;
        // What stays due is not asked for at once again.
        let pause = if !recovery.failed.is_empty() {
            AGAIN_AFTER
        } else if !given_back.is_empty() || due.items.iter().any(|item| self.is_here(item)) {
            AGAIN_SOON
        } else {
            Duration::ZERO
        };
        Ok(Look {
            pause,
            gave_back: !given_back.is_empty(),
            holds_back: !recovery.held_back.is_empty(),
            due,
        })
    }

    /// Lets other engines see what was given to this one, and isn't taken up here now.
    async fn give_back(&self, campaigns: &[CampaignId]) {
        if !campaigns.is_empty()
            && let Err(error) = self.storage.give_back(self.owner, campaigns).await
        {
            // The next look gives it back.
            tracing::debug!(%error, "what isn't taken up could not be given back");
        }
    }

    /// Whether an attempt has not yet come to its end in this process.
    fn is_here(&self, item: &DueItem) -> bool {
        matches!(item, DueItem::Attempt { ticket, .. } if self.attempts.get(ticket).is_some())
    }

    /// Takes up the first of those that are held back, if nothing runs here, and holds the others back. Another engine may have room for
    /// them.
    async fn take_up_one(self: &Arc<Self>, held: &[(DueItem, bool)], recovery: &mut Recovery) {
        let mut held = held.iter();
        while self.attempts.len() == 0
            && !self.suspects.is_alone()
            && let Some((item, is_suspect)) = held.next()
        {
            self.take_up(item, recovery, false).await;
            let running = self.attempts.tickets();
            let launched = running.iter().find(|ticket| ticket.campaign == item.campaign());
            if *is_suspect && let Some(attempt) = launched.and_then(|ticket| self.attempts.get(ticket)) {
                self.suspects.leave_alone(attempt);
            }
        }
        recovery.held_back.extend(held.map(|(item, _)| item.campaign()));
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
                    recovery.failed.push((campaign.id, unknown(campaign.pipeline)));
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn take_up(self: &Arc<Self>, item: &DueItem, recovery: &mut Recovery, by_name: bool) {
        let id = item.campaign();
        let (signal, terms) = match item {
            DueItem::Attempt { ticket, released } => {
                if self.is_here(item) {
                    return;
                }
                let terms = Terms {
                    if_over: true,
                    released: Some(*released || by_name),
                    ..Terms::default()
                };
                let ticket = ticket.clone();
                (Signal::Recover { ticket }, terms)
            }
            DueItem::Moment { .. } => (Signal::Wake, Terms::default()),
        };
        let inner = Arc::clone(self);
        let work = self.detached(async move {
            inner.execute(id, &signal.into(), &terms).await?;
            Ok(inner.storage.campaign(id).await?.campaign)
        });
        let taken = caught(work).await;
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
            let changed = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                changed = caught(self.something_to_look_at(&look)) => changed,
            };
            let mut recovery = Recovery::default();
            let looked = match changed {
                Ok(_) => caught(self.take_up_all(&mut recovery, Asked::ByNobody)).await,
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

    /// Waits for whatever makes another look worthwhile.
    async fn something_to_look_at(&self, look: &Look) -> Result<(), StorageError> {
        if look.gave_back {
            // What was given back changed what is due, and must not be the cause of the next look.
            tokio::select! {
                () = self.room_for_suspects(), if look.holds_back => {}
                () = tokio::time::sleep(look.wait()) => {}
            }
            return Ok(());
        }
        let scope = ChangeScope::Due { mark: look.due.mark };
        self.storage.changed(scope, None, look.wait()).await.map(drop)
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
    /// Whether anything was given back to other engines.
    gave_back: bool,
    /// Whether suspects are held back, or others because of one.
    holds_back: bool,
}

impl Look {
    /// The look that failed: the next one comes after a while.
    fn failed() -> Self {
        Self {
            due: Due {
                items: Vec::new(),
                next_in: None,
                mark: 0,
            },
            pause: AGAIN_AFTER,
            gave_back: false,
            holds_back: false,
        }
    }

    /// How long to wait for a change before the next look. What is left alone for a while holds up nothing that becomes due.
    fn wait(&self) -> Duration {
        let next = self.due.next_in.filter(|next| !next.is_zero());
        match self.pause.is_zero() {
            true => self.due.next_in.unwrap_or(LONGEST_LOOK),
            false => next.map_or(self.pause, |next| next.min(self.pause)),
        }
    }
}

fn key_of(item: &DueItem) -> (CampaignId, Option<Ticket>) {
    match item {
        DueItem::Attempt { ticket, .. } => (ticket.campaign, Some(ticket.clone())),
        DueItem::Moment { campaign } => (*campaign, None),
    }
}
