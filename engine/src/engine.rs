//! The engine, as its host sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use phasegate_core::storage::{
    CampaignQuery, Cursor, EventScope, IdempotencyKey, Progress, RecordPage, Resource, Storage, WriteRef,
};
use phasegate_core::{
    Campaign, CampaignId, CampaignView, Command, Envelope, Facts, Input, PhaseName, PhasePreflight,
    PipelineId, PreflightReport, Rejection, Run, Ticket,
};
use serde_json::Value;

use crate::builder::EngineBuilder;
use crate::campaign::CampaignHandle;
use crate::commit::{Receipt, Terms};
use crate::error::EngineError;
use crate::events::EventStream;
use crate::gather::Gatherer;
use crate::pipeline::Pipeline;
use crate::precondition::Precondition;
use crate::state::EngineState;

/// An engine: campaigns in one store, run by this process. Cloning it is cheap; all clones are the same engine.
///
/// Every method may be called from any task. A method may still take its whole effect after its future is dropped.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<EngineState>,
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

    /// How many attempts this process works on, those included that wait for a place among the running ones.
    pub fn running_phases(&self) -> usize {
        self.inner.attempts.len()
    }

    pub(crate) fn pipeline_named(&self, name: Option<&str>) -> Result<PipelineId, EngineError> {
        match name {
            Some(name) => Ok(PipelineId::new(name)?),
            None => match self.inner.pipelines.keys().collect::<Vec<_>>()[..] {
                [only] => Ok(only.clone()),
                ref all => Err(EngineError::PipelineNotNamed { count: all.len() }),
            },
        }
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

    pub(crate) async fn snapshot(&self, id: CampaignId) -> Result<Arc<Campaign>, EngineError> {
        self.inner
            .storage
            .campaign(id)
            .await?
            .campaign
            .ok_or(EngineError::NotFound { campaign: id })
    }

    pub(crate) async fn view(&self, id: CampaignId) -> Result<CampaignView, EngineError> {
        let campaign = self.snapshot(id).await?;
        self.inner.view_of(&campaign).await
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
            match self.inner.view_of(campaign).await {
                Ok(view) => views.push(view),
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
        self.send(campaign, command, key, None, Envelope::none()).await
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
        self.send(campaign, command, key, Some(precondition), Envelope::none())
            .await
    }

    /// Carries out a command with all that may come with it: an idempotency key, a precondition, and who asks and why.
    ///
    /// # Errors
    ///
    /// Those of [`command_if`](Self::command_if).
    pub async fn send(
        &self,
        campaign: CampaignId,
        command: Command,
        key: Option<IdempotencyKey>,
        precondition: Option<Precondition>,
        envelope: Envelope,
    ) -> Result<Receipt, EngineError> {
        let terms = Terms {
            key,
            precondition,
            ..Terms::default()
        };
        let input = Input::Command { command, envelope };
        self.inner.run_command(campaign, input, terms).await
    }

    /// Whether a write with an unknown outcome ([`OutcomeUnknown`](crate::storage::StorageError::OutcomeUnknown)) was done after all.
    ///
    /// # Errors
    ///
    /// [`EngineError::Storage`] while the store can't be read.
    pub async fn outcome(&self, write: &WriteRef) -> Result<bool, EngineError> {
        Ok(self.inner.storage.outcome(write).await?)
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
        let mut gatherer = Gatherer::new(&self.inner, Some(pipeline), Facts::default());
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
        // Each attempt gave its lease up by itself; those that never got a runner are left.
        let left = self.inner.attempts.tickets();
        if !left.is_empty() {
            self.inner.storage.release(self.inner.owner, &left).await?;
        }
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
