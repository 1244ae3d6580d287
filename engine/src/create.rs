//! The creation of campaigns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use phasegate_core::storage::{IdempotencyKey, StorageError, Transition};
use phasegate_core::{
    Attributes, Campaign, CampaignId, CommitId, CreateCampaign, Digest, Envelope, Facts, Mode, PhaseName,
    PipelineId, Rejection, RetryPolicy, Version, create,
};
use serde_json::Value;
use uuid::Uuid;

use crate::campaign::CampaignHandle;
use crate::commit::{Receipt, config_writes};
use crate::engine::{Engine, by_phase};
use crate::error::EngineError;
use crate::gather::Gatherer;
use crate::keys::{UsedKey, is_within_depth};
use crate::prepare::misfit;
use crate::state::EngineState;

/// A campaign to be created.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewCampaign {
    name: String,
    pipeline: Option<String>,
    mode: Mode,
    attributes: Attributes,
    configs: BTreeMap<String, Value>,
    retry: BTreeMap<String, RetryPolicy>,
    skips: BTreeSet<String>,
    envelope: Envelope,
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

    /// Adds an attribute: a short text by which its host finds it again.
    #[must_use]
    pub fn attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(key.into(), value.into());
        self
    }

    /// Adds the config of a phase, to be stored with it.
    #[must_use]
    pub fn config(mut self, phase: impl Into<String>, config: Value) -> Self {
        self.configs.insert(phase.into(), config);
        self
    }

    /// Sets its own retry policy for a phase, in place of the pipeline's.
    #[must_use]
    pub fn retry(mut self, phase: impl Into<String>, policy: RetryPolicy) -> Self {
        self.retry.insert(phase.into(), policy);
        self
    }

    /// Plans to skip a phase.
    #[must_use]
    pub fn skip(mut self, phase: impl Into<String>) -> Self {
        self.skips.insert(phase.into());
        self
    }

    /// Says who creates it, and why.
    #[must_use]
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.envelope = envelope;
        self
    }

    /// Makes the creation safe to send again: the same key and campaign give the same outcome.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl Engine {
    /// Creates a campaign, with its configs, in one commit.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidName`], [`Rejection::InvalidAttribute`], [`Rejection::UnknownPipeline`], [`Rejection::UnknownPhase`],
    /// [`Rejection::ConfigInvalid`] with every problem of every config, [`Rejection::InvalidRetry`], or
    /// [`Rejection::SkipForbidden`]; nothing is created then.
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
        let named = |name: String| PhaseName::new(name).map_err(EngineError::from);
        let command = CreateCampaign {
            mode: campaign.mode,
            attributes: campaign.attributes,
            configs: by_phase(campaign.configs)?,
            retry: campaign
                .retry
                .into_iter()
                .map(|(phase, policy)| Ok((named(phase)?, policy)))
                .collect::<Result<_, EngineError>>()?,
            skips: campaign.skips.into_iter().map(named).collect::<Result<_, _>>()?,
            // Ids in the order of their creation make for full pages in a store.
            ..CreateCampaign::new(CampaignId::from_u128(Uuid::now_v7().as_u128()), campaign.name)
        };
        let inner = Arc::clone(&self.inner);
        let envelope = campaign.envelope;
        self.inner
            .detached(async move { inner.create(&pipeline, command, envelope, key).await })
            .await
    }
}

impl EngineState {
    /// Decides and commits a creation.
    async fn create(
        self: &Arc<Self>,
        pipeline: &PipelineId,
        command: CreateCampaign,
        envelope: Envelope,
        key: Option<IdempotencyKey>,
    ) -> Result<Receipt, EngineError> {
        let Some(registered) = self.pipelines.get(pipeline) else {
            return Err(Rejection::UnknownPipeline {
                pipeline: pipeline.clone(),
            }
            .into());
        };
        let within = command.configs.values().all(is_within_depth);
        let used = key.filter(|_| within).map(|key| {
            let mut request = serde_json::to_value(&command).unwrap_or_default();
            if let Value::Object(members) = &mut request {
                members.remove("id");
                members.insert("pipeline".to_owned(), pipeline.as_str().into());
            }
            UsedKey::new(&key, None, Digest::of(&request))
        });
        loop {
            if let Some(receipt) = self.replay(used.as_ref()).await? {
                return Ok(receipt);
            }
            let mut gatherer = Gatherer::new(
                self,
                Some(registered),
                Facts::of_pipeline(registered.registered()),
            );
            for (phase, config) in &command.configs {
                gatherer.propose(phase, config).await?;
            }
            let gathered = gatherer.finish();
            let now = self.storage.campaign(command.id).await?.now;
            let events = match create(&command, pipeline, &gathered.facts, &envelope, now) {
                Ok(events) => events,
                Err(rejection) => return self.refused(used.as_ref(), rejection.into()).await,
            };
            let campaign = Campaign::fold(command.id, &events).map_err(misfit)?;
            let receipt = Receipt {
                campaign_id: command.id,
                version: Version(events.len() as u64),
                changed: true,
            };
            let transition = Transition {
                commit_id: CommitId::from_u128(Uuid::new_v4().as_u128()),
                campaign: command.id,
                expected_version: Version(0),
                expected_resources: gathered.expected_resources.clone(),
                expected_batch: None,
                snapshot: campaign,
                configs: config_writes(&events, &gathered),
                events,
                idempotency: used.as_ref().map(|used| self.entry(used, &receipt, now)),
                lease: self.lease(false),
                output: None,
            };
            match self.storage.commit(transition).await {
                Ok(_) => return Ok(receipt),
                Err(StorageError::ResourceConflict { .. } | StorageError::KeyUsed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
