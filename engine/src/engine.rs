//! The engine, as its host sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use phasegate_core::storage::{
    ActivityKind, CampaignFilter, CampaignQuery, Claim, Cursor, EventScope, IdempotencyKey, Order, Progress,
    RecordPage, Resource, Storage,
};
use phasegate_core::{
    Campaign, CampaignId, CampaignView, Command, CreateCampaign, Mode, Outcome, PhaseName, PhasePreflight,
    PipelineId, PreflightReport, Rejection, Run, Ticket, view, word_type,
};
use serde_json::Value;
use uuid::Uuid;

use crate::builder::EngineBuilder;
use crate::campaign::CampaignHandle;
use crate::error::EngineError;
use crate::events::EventStream;
use crate::execute::{EngineState, Receipt};
use crate::gather::Gatherer;
use crate::pipeline::Pipeline;
use crate::precondition::Precondition;

/// An engine: campaigns in one store, run by this process. Cloning it is cheap; all clones are the same engine.
///
/// Every method may be called from any task. A method may still take its whole effect after its future is dropped.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<EngineState>,
}

/// A campaign to be created.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewCampaign {
    name: String,
    pipeline: Option<String>,
    mode: Mode,
    configs: BTreeMap<String, Value>,
    key: Option<String>,
}

impl NewCampaign {
    /// A campaign of this name (1 to 200 characters, not unique), in `step_by_step`, without a config.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Names its pipeline. Only an engine with several pipelines needs it.
    #[must_use]
    pub fn pipeline(mut self, pipeline: impl Into<String>) -> Self {
        self.pipeline = Some(pipeline.into());
        self
    }

    /// Sets its mode.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Adds the config of a phase, to be stored with it.
    #[must_use]
    pub fn config(mut self, phase: impl Into<String>, config: Value) -> Self {
        self.configs.insert(phase.into(), config);
        self
    }

    /// Makes the creation safe to send again: the same key and campaign give the same outcome.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

word_type! {
    /// The result of a report.
    pub enum Reported {
        /// It was recorded, and took effect.
        Recorded = "recorded",
        /// This outcome of this attempt was recorded before; nothing changed.
        AlreadyRecorded = "already_recorded",
        /// The ticket's attempt is not running; nothing changed.
        Stale = "stale",
    }
}

/// The result of a recovery.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recovery {
    /// The campaigns whose running phase continues here, with a new attempt.
    pub resumed: Vec<CampaignId>,
    /// The campaigns that came to rest instead: paused or stopped as requested before, failed by a config that is no longer
    /// valid, or stopped since their pipeline changed.
    pub settled: Vec<CampaignId>,
    /// The campaigns that another process runs.
    pub held_elsewhere: Vec<CampaignId>,
    /// The campaigns that could not be recovered, and why. They stay unchanged: a campaign of a pipeline that is not registered
    /// here (`unknown_pipeline`) waits for an engine that has the pipeline.
    pub failed: Vec<(CampaignId, EngineError)>,
}

impl Engine {
    /// Begins an engine.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    pub(crate) fn new(inner: EngineState) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The store behind it, for anything that the engine itself doesn't offer.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.inner.storage
    }

    /// The registered pipelines, ordered by id.
    pub fn pipelines(&self) -> impl Iterator<Item = &Pipeline> {
        self.inner.pipelines.values()
    }

    /// How many attempts this process works on, waiting ones and deferred ones included.
    pub fn running_phases(&self) -> usize {
        self.inner.attempts.len()
    }

    fn pipeline_named(&self, name: Option<&str>) -> Result<PipelineId, EngineError> {
        match name {
            Some(name) => Ok(PipelineId::new(name)?),
            None => match self.inner.pipelines.keys().collect::<Vec<_>>()[..] {
                [only] => Ok(only.clone()),
                ref all => Err(EngineError::PipelineNotNamed { count: all.len() }),
            },
        }
    }

    /// Creates a campaign, with its configs, in one commit.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidName`], [`Rejection::UnknownPipeline`], [`Rejection::UnknownPhase`], or
    /// [`Rejection::ConfigInvalid`] with every problem of every config; nothing is created then.
    pub async fn create(&self, campaign: NewCampaign) -> Result<CampaignHandle, EngineError> {
        let receipt = self.create_with_receipt(campaign).await?;
        Ok(CampaignHandle::new(self.clone(), receipt.campaign_id))
    }

    /// Creates a campaign as [`create`](Self::create) does, and gives the receipt. The same key gives the same receipt again.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    pub async fn create_with_receipt(&self, campaign: NewCampaign) -> Result<Receipt, EngineError> {
        let pipeline = self.pipeline_named(campaign.pipeline.as_deref())?;
        let key = campaign.key.map(IdempotencyKey::new).transpose()?;
        let command = CreateCampaign {
            id: CampaignId::from_u128(Uuid::now_v7().as_u128()),
            name: campaign.name,
            mode: campaign.mode,
            configs: by_phase(campaign.configs)?,
        };
        let inner = Arc::clone(&self.inner);
        self.inner
            .detached(async move { inner.create(&pipeline, command, key).await })
            .await
    }

    /// A handle to a campaign that exists.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`].
    pub async fn campaign(&self, id: CampaignId) -> Result<CampaignHandle, EngineError> {
        self.snapshot(id).await?;
        Ok(CampaignHandle::new(self.clone(), id))
    }

    pub(crate) async fn snapshot(&self, id: CampaignId) -> Result<Campaign, EngineError> {
        self.inner
            .storage
            .campaign(id)
            .await?
            .ok_or(EngineError::NotFound { campaign: id })
    }

    pub(crate) async fn view(&self, id: CampaignId) -> Result<CampaignView, EngineError> {
        let campaign = self.snapshot(id).await?;
        Ok(view(&campaign, &self.inner.view_facts(&campaign).await?))
    }

    /// One page of views of campaigns, and the id to continue after.
    ///
    /// # Errors
    ///
    /// [`EngineError::Storage`].
    pub async fn campaigns(
        &self,
        query: CampaignQuery,
    ) -> Result<(Vec<CampaignView>, Option<CampaignId>), EngineError> {
        let page = self.inner.storage.campaigns(query).await?;
        let mut views = Vec::with_capacity(page.items.len());
        for campaign in &page.items {
            match self.inner.view_facts(campaign).await {
                Ok(facts) => views.push(view(campaign, &facts)),
                // It was deleted after the page was read.
                Err(EngineError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((views, page.next))
    }

    /// Carries out a command on a campaign. [`CampaignHandle`] has a method for each command.
    ///
    /// A command with an idempotency key is carried out once. The same command with the same key gives the same receipt again,
    /// for as long as keys are kept.
    ///
    /// # Errors
    ///
    /// [`EngineError::Rejected`] says why the campaign refused; [`EngineError::KeyReused`] when the key was used for
    /// another command.
    pub async fn command(
        &self,
        campaign: CampaignId,
        command: Command,
        key: Option<IdempotencyKey>,
    ) -> Result<Receipt, EngineError> {
        self.inner.run_command(campaign, command, key, None).await
    }

    /// Carries out a command on a campaign if the precondition holds. The commit itself checks it.
    ///
    /// A command that was carried out before with the same idempotency key gives its receipt again, also after later changes.
    ///
    /// # Errors
    ///
    /// Those of [`command`](Self::command), and [`EngineError::PreconditionFailed`].
    pub async fn command_if(
        &self,
        campaign: CampaignId,
        command: Command,
        key: Option<IdempotencyKey>,
        precondition: Precondition,
    ) -> Result<Receipt, EngineError> {
        self.inner
            .run_command(campaign, command, key, Some(precondition))
            .await
    }

    /// Reports how a running phase ended, on behalf of its runner: an approval, a remote job.
    ///
    /// Reports may be repeated and may race: only the first report of a ticket takes effect. A completion starts the next
    /// phase in the same commit.
    ///
    /// # Errors
    ///
    /// [`Rejection::TooLarge`] or [`Rejection::TooDeep`] for a summary beyond its [limit](phasegate_core::limits), or
    /// [`EngineError::Storage`].
    pub async fn report(&self, ticket: &Ticket, outcome: Outcome) -> Result<Reported, EngineError> {
        let command = Command::Report {
            ticket: ticket.clone(),
            outcome,
        };
        match self.inner.run_command(ticket.campaign, command, None, None).await {
            Ok(receipt) if receipt.changed => Ok(Reported::Recorded),
            Ok(_) => Ok(Reported::AlreadyRecorded),
            Err(EngineError::NotFound { .. }) => Ok(Reported::Stale),
            Err(EngineError::Rejected(rejection)) if matches!(*rejection, Rejection::StaleTicket { .. }) => {
                Ok(Reported::Stale)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes up every phase that was running when its process ended: the next attempt, from its last checkpoint.
    ///
    /// Call it once after building: opening a store launches nothing by itself. Each campaign is recovered independently of the
    /// others; a campaign of a pipeline that isn't registered here stays unchanged.
    ///
    /// # Errors
    ///
    /// [`EngineError::Storage`] when the campaigns can't be listed.
    pub async fn recover(&self) -> Result<Recovery, EngineError> {
        let mut recovery = Recovery::default();
        let mut query = CampaignQuery {
            filter: CampaignFilter {
                activity: Some(ActivityKind::Running),
                ..CampaignFilter::default()
            },
            order: Order::OldestFirst,
            after: None,
            limit: 100,
        };
        loop {
            let page = self.inner.storage.campaigns(query.clone()).await?;
            for campaign in &page.items {
                self.recover_one(campaign, &mut recovery).await;
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(recovery),
            }
        }
    }

    /// Takes up the running phase of one campaign unless it is being worked on; see [`recover`](Self::recover).
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or [`EngineError::Storage`].
    pub async fn recover_campaign(&self, id: CampaignId) -> Result<Recovery, EngineError> {
        let mut recovery = Recovery::default();
        self.recover_one(&self.snapshot(id).await?, &mut recovery).await;
        Ok(recovery)
    }

    async fn recover_one(&self, campaign: &Campaign, recovery: &mut Recovery) {
        let Some(ticket) = campaign.ticket() else { return };
        if self.inner.attempts.get(&ticket).is_some() {
            return;
        }
        let id = campaign.id;
        let recovered = async {
            // A claim would keep out the process that has the pipeline.
            let registered = self.inner.pipelines.contains_key(&campaign.pipeline);
            if registered
                && let Claim::HeldBy(_) = self.inner.storage.claim(&ticket, self.inner.owner).await?
            {
                return Ok(None);
            }
            self.inner
                .run_command(id, Command::Recover { ticket }, None, None)
                .await?;
            Ok(self.inner.storage.campaign(id).await?)
        };
        match recovered.await {
            Ok(Some(after)) if after.ticket().is_some() => recovery.resumed.push(id),
            Ok(Some(_)) => recovery.settled.push(id),
            Ok(None) => recovery.held_elsewhere.push(id),
            // Another process took it up, or it was deleted.
            Err(EngineError::NotFound { .. }) => {}
            Err(EngineError::Rejected(rejection)) if matches!(*rejection, Rejection::StaleTicket { .. }) => {}
            Err(error) => recovery.failed.push((id, error)),
        }
    }

    /// Checks configs with the resources they refer to, without storing anything: the preflight of a plan.
    ///
    /// `resources` replace the stored resources of the same kind and id.
    ///
    /// # Errors
    ///
    /// [`Rejection::UnknownPipeline`], [`Rejection::UnknownPhase`], or [`EngineError::Storage`].
    pub async fn preflight_plan(
        &self,
        pipeline: Option<&str>,
        configs: BTreeMap<String, Value>,
        resources: Vec<Resource>,
    ) -> Result<PreflightReport, EngineError> {
        let id = self.pipeline_named(pipeline)?;
        let Some(pipeline) = self.inner.pipelines.get(&id) else {
            return Err(Rejection::UnknownPipeline { pipeline: id }.into());
        };
        let configs = by_phase(configs)?;
        let unknown = configs.keys().find(|phase| !pipeline.phases().contains(phase));
        if let Some(phase) = unknown {
            let phases = pipeline.phases().to_vec();
            return Err(Rejection::UnknownPhase {
                phase: phase.clone(),
                phases,
            }
            .into());
        }
        let mut gatherer = Gatherer::new(&self.inner, pipeline);
        gatherer.assume_resources(resources);
        for (phase, config) in &configs {
            gatherer.propose(phase, config).await?;
        }
        let mut facts = gatherer.finish().facts;
        let phases = pipeline.phases().iter().map(|phase| {
            let proposed = facts.proposed.remove(phase);
            let configured = proposed.is_some();
            let problems = proposed.map(|facts| facts.problems).unwrap_or_default();
            PhasePreflight {
                phase: phase.clone(),
                configured,
                problems,
            }
        });
        Ok(PreflightReport::new(phases.collect()))
    }

    /// The events after a cursor, and then each later event when it is committed.
    ///
    /// The stream reads the log and then follows it. A slow reader misses no event and slows nobody else.
    pub fn events(&self, scope: EventScope, after: Option<Cursor>) -> EventStream {
        EventStream::new(Arc::clone(&self.inner.storage), scope, after)
    }

    /// How far the running phase of a campaign has come in this process; `None` when it doesn't run here. It is not durable.
    pub fn progress(&self, campaign: CampaignId) -> Option<(Ticket, Progress)> {
        self.inner.board.get(campaign)
    }

    /// How far every running phase has come in this process, ordered by campaign. It is not durable.
    pub fn all_progress(&self) -> Vec<(Ticket, Progress)> {
        self.inner.board.all()
    }

    /// One page of a run's records: see [`Storage::records`].
    ///
    /// # Errors
    ///
    /// [`EngineError::Storage`].
    pub async fn records(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
        limit: usize,
    ) -> Result<RecordPage, EngineError> {
        Ok(self
            .inner
            .storage
            .records(campaign, phase, run, from, limit)
            .await?)
    }

    /// Brings every runner to rest, lets commands under way finish, and closes the store.
    ///
    /// A shutdown is not a pause: running phases stay running in the store, and the next engine's [`recover`](Self::recover)
    /// takes them up. Runners, and work that is done [`once`](Self::once), are dropped if they go on after the grace period. A
    /// command that waits for a runner's own check ends with [`EngineError::ShutDown`] at once.
    ///
    /// # Errors
    ///
    /// [`EngineError::Storage`] when the store can't be closed in order. Everything acknowledged is durable nevertheless.
    pub async fn shutdown(&self) -> Result<(), EngineError> {
        self.inner.shutdown.cancel();
        self.inner.interrupt_all();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        Ok(self.inner.storage.close().await?)
    }
}

/// Takes configs by phase name.
pub(crate) fn by_phase(configs: BTreeMap<String, Value>) -> Result<BTreeMap<PhaseName, Value>, EngineError> {
    configs
        .into_iter()
        .map(|(name, config)| Ok((PhaseName::new(name)?, config)))
        .collect()
}
