//! The handle to one campaign.

use std::collections::BTreeMap;
use std::sync::Arc;

use phasegate_core::storage::{ChangeScope, Cursor, EventScope, IdempotencyKey};
use phasegate_core::{
    AttributeChanges, Campaign, CampaignId, CampaignView, Command, Envelope, Mode, PhaseName,
    PreflightReport, RetryPolicy, Run,
};
use serde_json::Value;

use crate::commit::Receipt;
use crate::engine::{Engine, by_phase};
use crate::error::EngineError;
use crate::events::EventStream;
use crate::records::RecordStream;

/// A handle to a campaign. Cloning it is cheap. It holds no state: each call reads the store.
#[derive(Clone)]
pub struct CampaignHandle {
    engine: Engine,
    id: CampaignId,
    key: Option<IdempotencyKey>,
    envelope: Envelope,
}

impl CampaignHandle {
    pub(crate) fn new(engine: Engine, id: CampaignId) -> Self {
        Self {
            engine,
            id,
            key: None,
            envelope: Envelope::none(),
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Its id.
    pub fn id(&self) -> CampaignId {
        self.id
    }

    /// A handle to the same campaign whose commands carry this idempotency key (1 to 255 visible ASCII characters).
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidName`].
    pub fn with_idempotency_key(&self, key: impl Into<String>) -> Result<Self, EngineError> {
        Ok(Self {
            key: Some(IdempotencyKey::new(key)?),
            ..self.clone()
        })
    }

    /// A handle to the same campaign whose commands say who asks, and why.
    #[must_use]
    pub fn with_envelope(&self, envelope: Envelope) -> Self {
        Self {
            envelope,
            ..self.clone()
        }
    }

    async fn command(&self, command: Command) -> Result<Receipt, EngineError> {
        let (key, envelope) = (self.key.clone(), self.envelope.clone());
        self.engine.send(self.id, command, key, None, envelope).await
    }

    /// Its view: statuses, blockers, and the allowed commands.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or [`EngineError::Storage`].
    pub async fn view(&self) -> Result<CampaignView, EngineError> {
        self.engine.view(self.id).await
    }

    /// Its snapshot as the store holds it: what it is, without what is derived from its configs. No runner is asked, and nothing is
    /// checked.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or [`EngineError::Storage`].
    pub async fn snapshot(&self) -> Result<Campaign, EngineError> {
        self.engine.snapshot(self.id).await.map(Arc::unwrap_or_clone)
    }

    /// The check of every remaining phase.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or [`EngineError::Storage`].
    pub async fn preflight(&self) -> Result<PreflightReport, EngineError> {
        Ok(self.view().await?.preflight)
    }

    /// Stores the config of one phase.
    ///
    /// # Errors
    ///
    /// `config_invalid` with every problem, or `phase_locked` while the phase runs, is paused or is completed.
    pub async fn configure(&self, phase: &str, config: Value) -> Result<Receipt, EngineError> {
        self.configure_all([(phase.to_owned(), config)].into()).await
    }

    /// Stores the configs of several phases in one commit, all or none.
    ///
    /// # Errors
    ///
    /// `config_invalid` with every problem of every phase, or `phase_locked`.
    pub async fn configure_all(&self, configs: BTreeMap<String, Value>) -> Result<Receipt, EngineError> {
        self.command(Command::Configure {
            configs: by_phase(configs)?,
        })
        .await
    }

    /// Removes the config of a phase that has not started.
    ///
    /// # Errors
    ///
    /// `phase_started`.
    pub async fn unconfigure(&self, phase: &str) -> Result<Receipt, EngineError> {
        self.command(Command::Unconfigure {
            phase: PhaseName::new(phase)?,
        })
        .await
    }

    /// The stored config of a phase, if it has one.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or [`EngineError::Storage`].
    pub async fn config(&self, phase: &str) -> Result<Option<Value>, EngineError> {
        let phase = PhaseName::new(phase)?;
        let campaign = self.engine.snapshot(self.id).await?;
        let pin = campaign
            .index_of(&phase)
            .and_then(|index| campaign.phases[index].config.clone());
        match pin {
            None => Ok(None),
            Some(pin) => Ok(self
                .engine
                .inner
                .storage
                .config(self.id, &phase, pin.revision)
                .await?),
        }
    }

    /// Gives it another name, other attributes, or both. An attribute without a value is removed.
    ///
    /// # Errors
    ///
    /// `invalid_name`, or `invalid_attribute`.
    pub async fn describe(
        &self,
        name: Option<String>,
        attributes: AttributeChanges,
    ) -> Result<Receipt, EngineError> {
        self.command(Command::Describe { name, attributes }).await
    }

    /// Sets its own retry policy for a phase in place of the pipeline's, or takes it away.
    ///
    /// # Errors
    ///
    /// `invalid_retry`, or `phase_locked` once the phase is passed.
    pub async fn set_retry(&self, phase: &str, policy: Option<RetryPolicy>) -> Result<Receipt, EngineError> {
        self.command(Command::SetRetry {
            phase: PhaseName::new(phase)?,
            policy,
        })
        .await
    }

    /// Skips a phase: at once where the campaign has come to it, else when it gets there.
    ///
    /// # Errors
    ///
    /// `skip_forbidden`, `already_running`, `phase_locked` once it is passed, or `nothing_left`.
    pub async fn skip(&self, phase: &str) -> Result<Receipt, EngineError> {
        self.command(Command::Skip {
            phase: PhaseName::new(phase)?,
        })
        .await
    }

    /// Withdraws the plan to skip a phase.
    ///
    /// # Errors
    ///
    /// `phase_locked` once it is passed.
    pub async fn unskip(&self, phase: &str) -> Result<Receipt, EngineError> {
        self.command(Command::Unskip {
            phase: PhaseName::new(phase)?,
        })
        .await
    }

    /// Hides all but the latest runs of one phase or of all, and lets the store reclaim their records. A current run always stays.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or [`EngineError::Storage`].
    pub async fn prune(&self, keep_runs: u32, phase: Option<&str>) -> Result<Receipt, EngineError> {
        self.command(Command::Prune {
            keep_runs,
            phase: phase.map(PhaseName::new).transpose()?,
        })
        .await
    }

    /// Sets the mode. It starts nothing. The mode at the completion of a phase decides whether the next one starts.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or [`EngineError::Storage`].
    pub async fn set_mode(&self, mode: Mode) -> Result<Receipt, EngineError> {
        self.command(Command::SetMode { mode }).await
    }

    /// Starts the phase at the position. In `full_sequence` the remaining phases follow by themselves.
    ///
    /// # Errors
    ///
    /// `preflight_failed` with the check of every required phase, `out_of_order`, `already_running`.
    pub async fn start(&self, phase: &str) -> Result<Receipt, EngineError> {
        self.command(Command::Start {
            phase: PhaseName::new(phase)?,
        })
        .await
    }

    /// Begins afresh a phase that has run before, with a new config if one is given. Later phases become not started.
    ///
    /// # Errors
    ///
    /// `preflight_failed`, `config_invalid`, `not_started`, `already_running`.
    pub async fn restart(&self, phase: &str, config: Option<Value>) -> Result<Receipt, EngineError> {
        self.command(Command::Restart {
            phase: PhaseName::new(phase)?,
            config,
        })
        .await
    }

    /// Pauses the running phase, durably, and returns when it is at rest.
    ///
    /// # Errors
    ///
    /// `not_running`. After [`EngineError::ShutDown`] or [`EngineError::Storage`] the request may be durable nevertheless: the
    /// phase then pauses here, or at the next recovery.
    pub async fn pause(&self) -> Result<Receipt, EngineError> {
        self.command(Command::Pause {}).await
    }

    /// Continues after a pause.
    ///
    /// # Errors
    ///
    /// `not_paused`, `pausing`, `stopping`, `config_invalid`, `preflight_failed`.
    pub async fn resume(&self) -> Result<Receipt, EngineError> {
        self.command(Command::Resume {}).await
    }

    /// Stops the running or paused phase, durably, and returns when it is at rest.
    ///
    /// # Errors
    ///
    /// `not_running`. After [`EngineError::ShutDown`] or [`EngineError::Storage`] the request may be durable nevertheless: the
    /// phase then stops here, or at the next recovery.
    pub async fn stop(&self) -> Result<Receipt, EngineError> {
        self.command(Command::Stop {}).await
    }

    /// Deletes it. Only an event in the store-wide log remains.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or [`EngineError::Storage`].
    pub async fn delete(&self) -> Result<(), EngineError> {
        self.command(Command::Delete {}).await.map(drop)
    }

    /// Its events after a cursor, and then each later event.
    pub fn events(&self, after: Option<Cursor>) -> EventStream {
        self.engine.events(EventScope::Campaign(self.id), after)
    }

    /// The records of a phase's current run, from the index `from` on. A phase that has not started has none.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or [`EngineError::Storage`].
    pub async fn records(&self, phase: &str, from: u64) -> Result<RecordStream, EngineError> {
        let phase = PhaseName::new(phase)?;
        let campaign = self.engine.snapshot(self.id).await?;
        let run = campaign.current_run(&phase).map_or(Run(0), |run| run.run);
        Ok(self.records_of_run(phase, run, from))
    }

    /// The records of any run of a phase, from the index `from` on. Older runs keep their records as history.
    pub fn records_of_run(&self, phase: PhaseName, run: Run, from: u64) -> RecordStream {
        RecordStream::new(self.engine.inner.storage.clone(), self.id, phase, run, from)
    }

    /// Waits until none of its phases runs, waits for a report or is to be tried again, and gives its view.
    ///
    /// A full sequence is at rest when it is completed, failed, paused, stopped, or waiting for configuration.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`] when it is deleted in the meantime, or [`EngineError::Storage`].
    pub async fn at_rest(&self) -> Result<CampaignView, EngineError> {
        let scope = ChangeScope::Rest(self.id);
        while !self.engine.inner.changed(scope, None).await? {}
        self.view().await
    }
}
