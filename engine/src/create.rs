//! The creation of campaigns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use phasegate_core::storage::{IdempotencyKey, StorageError, Transition};
use phasegate_core::{
    Attributes, Campaign, CampaignId, CreateCampaign, Digest, Envelope, Event, Facts, Mode, PhaseName,
    PipelineId, Rejection, RetryPolicy, Timestamp, Version, create,
};
use serde_json::Value;

use crate::campaign::CampaignHandle;
use crate::commit::{Receipt, config_writes};
use crate::engine::{Engine, by_phase};
use crate::error::EngineError;
use crate::fresh_ids::FreshIds;
use crate::gather::{Gathered, Gatherer};
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
        let creation = self.creation(campaign)?;
        let inner = Arc::clone(&self.inner);
        self.inner
            .detached(async move { inner.create(&creation).await })
            .await
    }

    /// Reads the names of a creation.
    pub(crate) fn creation(&self, campaign: NewCampaign) -> Result<Creation, EngineError> {
        let named = |name: String| PhaseName::new(name).map_err(EngineError::from);
        Ok(Creation {
            pipeline: self.pipeline_named(campaign.pipeline.as_deref())?,
            key: campaign.key.map(IdempotencyKey::new).transpose()?,
            envelope: campaign.envelope,
            command: CreateCampaign {
                mode: campaign.mode,
                attributes: campaign.attributes,
                configs: by_phase(campaign.configs)?,
                retry: campaign
                    .retry
                    .into_iter()
                    .map(|(phase, policy)| Ok((named(phase)?, policy)))
                    .collect::<Result<_, EngineError>>()?,
                skips: campaign.skips.into_iter().map(named).collect::<Result<_, _>>()?,
                // Its id is drawn when it is decided.
                ..CreateCampaign::new(CampaignId::from_u128(0), campaign.name)
            },
        })
    }
}

/// A creation whose names are read.
pub(crate) struct Creation {
    pipeline: PipelineId,
    command: CreateCampaign,
    envelope: Envelope,
    key: Option<IdempotencyKey>,
}

/// A creation that is decided.
pub(crate) struct DecidedCreation {
    id: CampaignId,
    now: Timestamp,
    pub(crate) campaign: Option<Campaign>,
    pub(crate) events: Vec<Event>,
    pub(crate) gathered: Gathered,
}

impl EngineState {
    /// Gathers what a creation needs, and decides it. The outer error is the engine's own.
    pub(crate) async fn decide_creation(
        &self,
        creation: &Creation,
        ids: &FreshIds,
    ) -> Result<Result<DecidedCreation, Rejection>, EngineError> {
        let Some(registered) = self.pipelines.get(&creation.pipeline) else {
            let pipeline = creation.pipeline.clone();
            return Ok(Err(Rejection::UnknownPipeline { pipeline }));
        };
        let facts = Facts::of_pipeline(Arc::clone(registered.registered()));
        let mut gatherer = Gatherer::new(self, Some(registered), facts);
        for (phase, config) in &creation.command.configs {
            gatherer.propose(phase, config).await?;
        }
        let gathered = gatherer.finish();
        let now = self.storage.now().await?;
        let id = ids.campaign(now);
        let Creation {
            pipeline,
            command,
            envelope,
            ..
        } = creation;
        let command = CreateCampaign {
            id,
            ..command.clone()
        };
        let events = match create(&command, pipeline, &gathered.facts, envelope, now) {
            Ok(events) => events,
            Err(rejection) => return Ok(Err(rejection)),
        };
        Ok(Ok(DecidedCreation {
            id,
            now,
            campaign: Campaign::fold(id, &events).map_err(misfit)?,
            events,
            gathered,
        }))
    }

    /// Decides and commits a creation.
    async fn create(self: &Arc<Self>, creation: &Creation) -> Result<Receipt, EngineError> {
        let used = creation.used_key();
        loop {
            if let Some(receipt) = self.replay(used.as_ref()).await? {
                return Ok(receipt);
            }
            let mut decided = match self.decide_creation(creation, &self.ids).await? {
                Ok(decided) => decided,
                Err(rejection) => return self.refused(used.as_ref(), rejection.into()).await,
            };
            let receipt = Receipt {
                campaign_id: decided.id,
                version: Version(decided.events.len() as u64),
                changed: true,
            };
            let entry = used.as_ref().map(|used| self.entry(used, &receipt, decided.now));
            let transition = Transition {
                commit_id: self.ids.commit(),
                campaign: decided.id,
                expected_version: Version(0),
                expected_resources: decided.gathered.expected_resources.clone(),
                expected_batch: None,
                snapshot: decided.campaign.map(Arc::new),
                configs: config_writes(&decided.events, &mut decided.gathered, None),
                events: decided.events,
                idempotency: entry,
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

impl Creation {
    /// The key with a digest of what is asked for; `None` where a config is nested too deeply, which is refused anyway.
    fn used_key(&self) -> Option<UsedKey> {
        let key = self.key.as_ref()?;
        if !self.command.configs.values().all(is_within_depth) {
            return None;
        }
        let mut request = serde_json::to_value(&self.command).unwrap_or_default();
        if let Value::Object(members) = &mut request {
            members.remove("id");
            members.insert("pipeline".to_owned(), self.pipeline.as_str().into());
        }
        Some(UsedKey::new(key, None, Digest::of(&request)))
    }
}
