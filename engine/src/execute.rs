//! Carrying out a command: gather facts, decide, commit, launch. All decisions are made by the core.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use phasegate_core::storage::{
    Claim, ConfigWrite, IdempotencyEntry, IdempotencyKey, Storage, StorageError, Transition,
};
use phasegate_core::{
    Campaign, CampaignId, CampaignStatus, Command, CommitId, CreateCampaign, Digest, Event, EventKind, Facts,
    Intent, Outcome, OwnerId, Part, PhaseName, PipelineId, PipelineMatch, Rejection, Ticket, Version, decide,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::attempts::{Attempts, InterruptReason, Reservation};
use crate::clock::Clock;
use crate::error::EngineError;
use crate::gather::{Gathered, Gatherer, compare};
use crate::once::KeysAtWork;
use crate::pipeline::Pipeline;
use crate::precondition::Precondition;
use crate::progress::ProgressBoard;
use crate::supervise::{Launched, supervise};
use crate::turns::Turns;

/// The state that all handles and tasks of one engine share.
pub(crate) struct EngineState {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) pipelines: BTreeMap<PipelineId, Pipeline>,
    pub(crate) handle: Handle,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) owner: OwnerId,
    pub(crate) grace: Duration,
    pub(crate) check_timeout: Duration,
    pub(crate) permits: Option<Arc<Semaphore>>,
    pub(crate) key_ttl: Duration,
    pub(crate) board: ProgressBoard,
    pub(crate) attempts: Arc<Attempts>,
    pub(crate) turns: Turns,
    pub(crate) keys_at_work: KeysAtWork,
    /// Commands and supervisors under way.
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: tokio_util::sync::CancellationToken,
}

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

impl EngineState {
    /// Carries out a command. The work goes on when the returned future is dropped.
    pub(crate) async fn run_command(
        self: &Arc<Self>,
        campaign: CampaignId,
        command: Command,
        key: Option<IdempotencyKey>,
        precondition: Option<Precondition>,
    ) -> Result<Receipt, EngineError> {
        let inner = Arc::clone(self);
        self.detached(async move {
            let receipt = inner
                .execute_if(campaign, &command, key, precondition.as_ref())
                .await?;
            if matches!(command, Command::Pause | Command::Stop) {
                inner.come_to_rest(campaign).await?;
            }
            Ok(receipt)
        })
        .await
    }

    /// Runs `work` in a task of its own, so that a dropped caller never leaves it half done. It is refused once a shutdown has
    /// begun.
    pub(crate) async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, EngineError>> + Send + 'static,
    ) -> Result<T, EngineError> {
        // Taken before the check for a shutdown: a shutdown that begins later waits for it before it closes the store.
        let counted = self.tasks.token();
        if self.shutdown.is_cancelled() {
            return Err(EngineError::ShutDown);
        }
        let task = self.tasks.spawn_on(work, &self.handle);
        drop(counted);
        match task.await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(EngineError::ShutDown),
            },
        }
    }

    /// One command without a precondition or an idempotency key.
    pub(crate) async fn execute(
        self: &Arc<Self>,
        id: CampaignId,
        command: &Command,
    ) -> Result<Receipt, EngineError> {
        self.execute_if(id, command, None, None).await
    }

    /// One command: gather, decide, commit, and launch. It begins again when another commit was first.
    async fn execute_if(
        self: &Arc<Self>,
        id: CampaignId,
        command: &Command,
        key: Option<IdempotencyKey>,
        precondition: Option<&Precondition>,
    ) -> Result<Receipt, EngineError> {
        let digest = key.as_ref().and_then(|_| digest_of(command));
        loop {
            if let (Some(key), Some(digest)) = (&key, &digest)
                && let Some(receipt) = self.replay(Some(id), key, digest).await?
            {
                return Ok(receipt);
            }
            let used = key.as_ref().zip(digest.as_ref());
            let Some(before) = self.storage.campaign(id).await? else {
                let gone = EngineError::NotFound { campaign: id };
                return self.refused(Some(id), used, gone).await;
            };
            // The commit expects the same version, so the precondition holds there too.
            if let Some(Err(failed)) = precondition.map(|one| one.check(&before)) {
                return self.refused(Some(id), used, failed).await;
            }
            let gathered = self.gather(&before, command).await?;
            let now = self.clock.now().max(before.changed_at);
            let events = match decide(&before, &gathered.facts, command, now) {
                Ok(events) => events,
                Err(rejection) => {
                    log_refusal(&before, command, &rejection);
                    return self.refused(Some(id), used, rejection.into()).await;
                }
            };
            let mut after = before.clone();
            let receipt = |version| Receipt {
                campaign_id: id,
                version,
                changed: version != before.version,
            };
            if events.is_empty() && key.is_none() {
                return Ok(receipt(before.version));
            }
            let deleted = matches!(
                events.last(),
                Some(Event {
                    kind: EventKind::CampaignDeleted {},
                    ..
                })
            );
            if deleted {
                after.version = after.version.next();
            } else {
                fold(&mut after, &events)?;
            }
            let receipt = receipt(after.version);
            let idempotency = used.map(|(key, digest)| IdempotencyEntry {
                key: key.clone(),
                campaign: Some(id),
                command: digest.clone(),
                outcome: serde_json::to_value(&receipt).unwrap_or_default(),
                expires_at: now.plus_ms(self.key_ttl.as_millis().try_into().unwrap_or(u64::MAX)),
            });
            let transition = Transition {
                commit_id: CommitId::from_u128(Uuid::new_v4().as_u128()),
                campaign: id,
                expected_version: before.version,
                expected_resources: gathered.expected_resources.clone(),
                snapshot: (!deleted).then(|| after.clone()),
                configs: config_writes(&events, &gathered),
                events: events.clone(),
                idempotency,
            };
            let ticket = if deleted { None } else { after.ticket() };
            let turn = self.turns.wait(id).await;
            let reservation = match &ticket {
                Some(ticket) if before.ticket().as_ref() != Some(ticket) => {
                    match self.attempts.reserve(ticket) {
                        Some(reservation) => Some(reservation),
                        // Another command committed that ticket: begin again.
                        None => continue,
                    }
                }
                _ => None,
            };
            match self.storage.commit(transition).await {
                Ok(_) => {}
                Err(
                    StorageError::Conflict { .. }
                    | StorageError::ResourceConflict { .. }
                    | StorageError::KeyUsed { .. },
                ) => continue,
                Err(error) => return Err(error.into()),
            }
            drop(turn);
            self.after_commit(&before, after, &events, gathered, reservation)
                .await;
            return Ok(receipt);
        }
    }

    /// The answer to a refused command. If a twin with the same key was carried out between the reads of the key and of the
    /// campaign, it is the twin's outcome.
    async fn refused(
        &self,
        scope: Option<CampaignId>,
        used: Option<(&IdempotencyKey, &Digest)>,
        refusal: EngineError,
    ) -> Result<Receipt, EngineError> {
        match used {
            Some((key, digest)) => self.replay(scope, key, digest).await?.ok_or(refusal),
            None => Err(refusal),
        }
    }

    /// The outcome of an earlier command with the same key. The store's clock tells whether the key has expired, as it does for
    /// commits.
    pub(crate) async fn replay(
        &self,
        scope: Option<CampaignId>,
        key: &IdempotencyKey,
        digest: &Digest,
    ) -> Result<Option<Receipt>, EngineError> {
        match self.storage.idempotency(scope, key).await? {
            Some(entry) => {
                if entry.command != *digest {
                    return Err(EngineError::KeyReused { key: key.to_string() });
                }
                serde_json::from_value(entry.outcome).map(Some).map_err(|error| {
                    let reason = format!("its outcome can't be read: {error}");
                    StorageError::Damaged {
                        table: "idempotency",
                        key: key.to_string(),
                        reason,
                    }
                    .into()
                })
            }
            None => Ok(None),
        }
    }

    /// The pipeline of a campaign, if it still has the phases that the campaign pins.
    pub(crate) fn pipeline_of(&self, campaign: &Campaign) -> Result<&Pipeline, PipelineMatch> {
        let registered = self.pipelines.get(&campaign.pipeline);
        match (compare(campaign, registered), registered) {
            (PipelineMatch::Same, Some(pipeline)) => Ok(pipeline),
            (PipelineMatch::Same, None) => Err(PipelineMatch::Unknown),
            (other, _) => Err(other),
        }
    }

    async fn gather(&self, campaign: &Campaign, command: &Command) -> Result<Gathered, EngineError> {
        match self.pipeline_of(campaign) {
            Ok(pipeline) => Gatherer::new(self, pipeline).for_command(campaign, command).await,
            Err(pipeline) => Ok(Gathered::without_pipeline(pipeline)),
        }
    }

    /// The check of every phase of `campaign`, for its view.
    pub(crate) async fn view_facts(&self, campaign: &Campaign) -> Result<Facts, EngineError> {
        match self.pipeline_of(campaign) {
            Ok(pipeline) => Ok(Gatherer::new(self, pipeline).for_view(campaign).await?.facts),
            Err(pipeline) => Ok(Facts {
                pipeline,
                ..Facts::new()
            }),
        }
    }

    /// Follows up a commit: interrupts attempts that are over, launches the new one, and writes the log line.
    async fn after_commit(
        self: &Arc<Self>,
        before: &Campaign,
        after: Campaign,
        events: &[Event],
        gathered: Gathered,
        reservation: Option<Reservation>,
    ) {
        let deleted = matches!(
            events.last(),
            Some(Event {
                kind: EventKind::CampaignDeleted {},
                ..
            })
        );
        if let Some(ended) = before
            .ticket()
            .filter(|ticket| deleted || after.ticket().as_ref() != Some(ticket))
            && let Some(attempt) = self.attempts.get(&ended)
        {
            attempt.interrupt(InterruptReason::Over);
        }
        // The intent is durable, so it takes effect here; another read of the store might fail.
        if let (Some(ticket), Some(Intent::Pause | Intent::Stop)) = (after.ticket(), after.intent())
            && before.intent() != after.intent()
            && let Some(attempt) = self.attempts.get(&ticket)
        {
            attempt.interrupt(InterruptReason::Rest);
        }
        log_events(&after, events);
        self.warn_if_blocked(before, &after).await;
        if let Some(reservation) = reservation {
            self.launch(after, gathered, reservation);
        }
    }

    fn launch(self: &Arc<Self>, campaign: Campaign, mut gathered: Gathered, reservation: Reservation) {
        if self.shutdown.is_cancelled() {
            return;
        }
        let ticket = reservation.ticket().clone();
        let (Ok(pipeline), Some(config)) = (
            self.pipeline_of(&campaign),
            gathered.configs.remove(&ticket.phase),
        ) else {
            // Only a checked config of the campaign's own pipeline opens a gate.
            tracing::error!(%ticket, "an attempt was committed without its config; recover() will take it up");
            return;
        };
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
    }

    pub(crate) fn interrupt_all(&self) {
        for attempt in self.attempts.all() {
            attempt.interrupt(InterruptReason::Shutdown);
        }
    }

    /// Brings the running phase to rest by its durable intent, and returns when it is at rest.
    pub(crate) async fn come_to_rest(self: &Arc<Self>, id: CampaignId) -> Result<(), EngineError> {
        loop {
            let after = self.storage.latest().await?;
            let Some(campaign) = self.storage.campaign(id).await? else {
                return Ok(());
            };
            let (Some(ticket), Some(Intent::Pause | Intent::Stop)) = (campaign.ticket(), campaign.intent())
            else {
                return Ok(());
            };
            match self.attempts.get(&ticket) {
                Some(attempt) => {
                    attempt.interrupt(InterruptReason::Rest);
                    attempt.ended.cancelled().await;
                    if self.shutdown.is_cancelled() {
                        return Err(EngineError::ShutDown);
                    }
                }
                None => match self.storage.claim(&ticket, self.owner).await? {
                    // No process runs it, so it is quiet already.
                    Claim::Granted => self.settle(&ticket).await?,
                    Claim::HeldBy(_) => tokio::select! {
                        biased;
                        // Without this the wait would last until the store closes, and the shutdown closes it after this command.
                        () = self.shutdown.cancelled() => return Err(EngineError::ShutDown),
                        changed = self.storage.changes(after) => changed?,
                    },
                },
            }
        }
    }

    async fn settle(self: &Arc<Self>, ticket: &Ticket) -> Result<(), EngineError> {
        match self
            .execute(
                ticket.campaign,
                &Command::Quiet {
                    ticket: ticket.clone(),
                },
            )
            .await
        {
            Ok(_) | Err(EngineError::NotFound { .. }) => Ok(()),
            Err(EngineError::Rejected(rejection)) if matches!(*rejection, Rejection::StaleTicket { .. }) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
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
        let waits =
            |facts: &Facts| CampaignStatus::of(campaign, facts) == CampaignStatus::WaitingForConfiguration;
        // Without any check every campaign that could wait does wait. Others need no checks.
        if !waits(&Facts::new()) {
            return None;
        }
        let facts = self.view_facts(campaign).await.ok()?;
        waits(&facts).then(|| names(&facts.preflight(campaign).missing_phases()))
    }
}

impl EngineState {
    /// Decides and commits a creation.
    pub(crate) async fn create(
        self: &Arc<Self>,
        pipeline: &PipelineId,
        command: CreateCampaign,
        key: Option<IdempotencyKey>,
    ) -> Result<Receipt, EngineError> {
        let Some(pipeline) = self.pipelines.get(pipeline) else {
            return Err(Rejection::UnknownPipeline {
                pipeline: pipeline.clone(),
            }
            .into());
        };
        let within = command.configs.values().all(is_within_depth);
        let digest = key.as_ref().filter(|_| within).map(|_| {
            let CreateCampaign { name, mode, configs, .. } = &command;
            Digest::of(&serde_json::json!({ "pipeline": pipeline.id(), "name": name, "mode": mode, "configs": configs }))
        });
        loop {
            if let (Some(key), Some(digest)) = (&key, &digest)
                && let Some(receipt) = self.replay(None, key, digest).await?
            {
                return Ok(receipt);
            }
            let mut gatherer = Gatherer::new(self, pipeline);
            for (phase, config) in &command.configs {
                gatherer.propose(phase, config).await?;
            }
            let gathered = gatherer.finish();
            let (id, phases, now) = (pipeline.id(), pipeline.phases(), self.clock.now());
            let events = match phasegate_core::create(&command, id, phases, &gathered.facts, now) {
                Ok(events) => events,
                Err(rejection) => {
                    let used = key.as_ref().zip(digest.as_ref());
                    return self.refused(None, used, rejection.into()).await;
                }
            };
            let campaign = Campaign::fold(command.id, &events).map_err(misfit)?;
            let version = Version(events.len() as u64);
            let receipt = Receipt {
                campaign_id: command.id,
                version,
                changed: true,
            };
            let idempotency = key
                .clone()
                .zip(digest.clone())
                .map(|(key, command)| IdempotencyEntry {
                    key,
                    campaign: None,
                    command,
                    outcome: serde_json::to_value(&receipt).unwrap_or_default(),
                    expires_at: now.plus_ms(self.key_ttl.as_millis().try_into().unwrap_or(u64::MAX)),
                });
            let transition = Transition {
                commit_id: CommitId::from_u128(Uuid::new_v4().as_u128()),
                campaign: command.id,
                expected_version: Version(0),
                expected_resources: gathered.expected_resources.clone(),
                snapshot: campaign,
                configs: config_writes(&events, &gathered),
                events,
                idempotency,
            };
            match self.storage.commit(transition).await {
                Ok(_) => return Ok(receipt),
                Err(StorageError::ResourceConflict { .. } | StorageError::KeyUsed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Gathered {
    fn without_pipeline(pipeline: PipelineMatch) -> Self {
        let mut gathered = Self::default();
        gathered.facts.pipeline = pipeline;
        gathered
    }
}

/// The digest of a command; `None` if a document in it is nested too deeply. Such a command is refused and needs no digest.
fn digest_of(command: &Command) -> Option<Digest> {
    let within = match command {
        Command::Configure { configs } => configs.values().all(is_within_depth),
        Command::Restart {
            config: Some(document),
            ..
        }
        | Command::Report {
            outcome: Outcome::Completed(document),
            ..
        } => is_within_depth(document),
        _ => true,
    };
    // Writing out or copying a document recurses as deeply as the document is nested.
    within.then(|| Digest::of(&serde_json::to_value(command).unwrap_or(Value::Null)))
}

fn is_within_depth(document: &Value) -> bool {
    Part::Request.measure(document).is_ok()
}

fn fold(campaign: &mut Campaign, events: &[Event]) -> Result<(), EngineError> {
    events
        .iter()
        .try_for_each(|event| campaign.apply(event))
        .map_err(misfit)
}

/// A misfit here shows a damaged snapshot: `decide` made the event for it.
fn misfit(misfit: phasegate_core::Misfit) -> EngineError {
    let key = misfit.version.to_string();
    StorageError::Damaged {
        table: "campaigns",
        key,
        reason: misfit.to_string(),
    }
    .into()
}

/// The config texts that go with the events that store them.
fn config_writes(events: &[Event], gathered: &Gathered) -> Vec<ConfigWrite> {
    let write = |event: &Event| match &event.kind {
        EventKind::PhaseConfigured { phase, revision, .. } => {
            let config = gathered.configs.get(phase)?.clone();
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

fn names(phases: &[PhaseName]) -> String {
    phases
        .iter()
        .map(PhaseName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn log_refusal(campaign: &Campaign, command: &Command, rejection: &Rejection) {
    if let Rejection::PreflightFailed { report } = rejection {
        let missing = names(&report.missing_phases());
        let command = command.kind().as_str();
        tracing::info!(campaign = %campaign.id, command, missing_phases = missing, "start refused");
    }
}

fn log_events(campaign: &Campaign, events: &[Event]) {
    for (index, event) in events.iter().enumerate() {
        match &event.kind {
            EventKind::ModeChanged { mode } => {
                tracing::info!(campaign = %campaign.id, mode = mode.as_str(), "mode changed");
            }
            EventKind::PhaseAutoStarted(launch) => {
                let from = index
                    .checked_sub(1)
                    .and_then(|before| events[before].kind.phase());
                let from = from.map_or("", PhaseName::as_str);
                tracing::info!(campaign = %campaign.id, from_phase = from, to_phase = %launch.phase, "next phase started");
            }
            EventKind::PhaseFailed { phase, failure, .. } => {
                tracing::warn!(campaign = %campaign.id, %phase, code = failure.code, reason = failure.message, "phase failed");
            }
            other => tracing::debug!(campaign = %campaign.id, event = other.name(), "committed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasegate_core::limits::MAX_JSON_DEPTH;
    use serde_json::json;

    #[test]
    fn of_a_command_that_is_nested_too_deeply_no_digest_is_taken() {
        let configure = |config| Command::Configure {
            configs: [(PhaseName::new("collect").expect("a valid name"), config)].into(),
        };
        let mut deep = json!(1);
        for _ in 0..MAX_JSON_DEPTH {
            deep = json!([deep]);
        }
        assert!(digest_of(&configure(deep.clone())).is_some());
        assert!(digest_of(&configure(json!([deep]))).is_none());
    }
}
