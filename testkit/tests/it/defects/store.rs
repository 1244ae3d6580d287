//! A store with one defect at most: the in-memory store, and between it and its caller what goes wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use phasegate_core::storage::{
    Appended, CampaignPage, CampaignQuery, ChangeScope, Committed, Cursor, Due, DueItem, EventPage,
    EventScope, IdempotencyEntry, IdempotencyKey, LoggedEvent, Output, RecordPage, Renewal, RunInfo,
    RunOutput, RunPage, Storage, StorageError, TokenSecret, Transition, WriteRef,
};
use phasegate_core::{
    CampaignId, EventKind, OwnerId, PhaseName, PipelineId, Run, Ticket, Timestamp, Version,
};
use phasegate_testkit::storage::conformance::{Fixture, Story};
use phasegate_testkit::storage::{Interposed, Interposer, MemoryStorage};

use super::defect::Defect;

/// A store with a defect, or with none.
pub struct Defective {
    inner: MemoryStorage,
    defect: Option<Defect>,
    kept: Arc<Mutex<Kept>>,
}

/// What a defect remembers, and should not.
#[derive(Default)]
struct Kept {
    runs: Vec<RunInfo>,
    records: BTreeMap<(CampaignId, PhaseName, Run), RecordPage>,
    scopes: Vec<CampaignId>,
    opened: u8,
}

#[async_trait]
impl Fixture for Defective {
    async fn open(&self) -> Arc<dyn Storage> {
        self.kept().opened += 1;
        Arc::new(Interposed(Self {
            inner: self.inner.connect(),
            defect: self.defect,
            kept: Arc::clone(&self.kept),
        }))
    }

    async fn advance(&self, by: Duration) {
        self.inner.clock().advance(by);
    }
}

impl Defective {
    /// `inner` with a defect, or with none.
    pub fn new(inner: MemoryStorage, defect: Option<Defect>) -> Self {
        Self {
            inner,
            defect,
            kept: Arc::default(),
        }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transition as if it followed the version in force.
    async fn renumbered(&self, mut transition: Transition) -> Result<Transition, StorageError> {
        if let Some(actual) = self.inner.campaign(transition.campaign).await?.campaign {
            transition.expected_version = actual.version;
            if let Some(snapshot) = &mut transition.snapshot {
                Arc::make_mut(snapshot).version = Version(actual.version.0 + transition.events.len() as u64);
            }
        }
        Ok(transition)
    }

    /// Keeps what the transition hides.
    async fn keep(&self, transition: &Transition) -> Result<(), StorageError> {
        let id = transition.campaign;
        for event in &transition.events {
            if let EventKind::RunPruned { phase, .. } = &event.kind {
                let runs = self.inner.runs(id, phase, Run(0), 1_000).await?.items;
                self.kept().runs = runs;
            }
            if matches!(event.kind, EventKind::CampaignDeleted {})
                && let Some(campaign) = self.inner.campaign(id).await?.campaign
            {
                for slot in &campaign.phases {
                    let page = self.inner.records(id, &slot.phase, Run(1), 0, 1_000).await?;
                    self.kept().records.insert((id, slot.phase.clone(), Run(1)), page);
                }
            }
        }
        Ok(())
    }

    fn renumber(&self, event: &mut LoggedEvent) {
        if self.has(Defect::LeavesAGapInTheNumbers) {
            event.seq = event.seq.map(|seq| if seq.0 > 2 { seq.next() } else { seq });
        }
    }
}

#[async_trait]
impl Interposer for Defective {
    fn inner(&self) -> &dyn Storage {
        &self.inner
    }

    async fn commit(&self, mut transition: Transition) -> Result<Committed, StorageError> {
        if self.has(Defect::ForgetsExpectedResources) {
            transition.expected_resources.clear();
        }
        if self.has(Defect::IgnoresTheExpectedBatch) {
            transition.expected_batch = None;
        }
        if self.has(Defect::TakesOverAHeldLease) {
            transition.lease.if_over = false;
        }
        if self.has(Defect::GivesTheLeaseToAnotherOwner) {
            transition.lease.owner = OwnerId::from_u128(99);
        }
        if self.has(Defect::CommitsOnAnOldVersion) {
            transition = self.renumbered(transition).await?;
        }
        if self.has(Defect::WritesOutputOfAConflict)
            && let Some(output) = &transition.output
        {
            self.inner.append(output.clone()).await?;
        }
        if self.has(Defect::KeepsKeysBeyondTheirEnd)
            && let Some(entry) = &mut transition.idempotency
        {
            entry.expires_at = Timestamp::from_unix_ms(i64::MAX);
        }
        self.keep(&transition).await?;
        self.kept().scopes.push(transition.campaign);
        let (owner, ttl) = (transition.lease.owner, transition.lease.ttl);
        match self.inner.commit(transition).await {
            Ok(committed) => {
                if self.has(Defect::RenewsByEveryCommit) {
                    self.inner.renew(owner, ttl, &[]).await?;
                }
                Ok(committed)
            }
            Err(StorageError::Conflict { expected, .. })
                if self.has(Defect::UsesADeletedIdAgain) && expected == Version(0) =>
            {
                let (version, cursor) = (Version(1), self.inner.latest().await?);
                Ok(Committed { version, cursor })
            }
            Err(error) => Err(error),
        }
    }

    async fn append(&self, output: Output) -> Result<Appended, StorageError> {
        let batch = output.batch;
        match self.inner.append(output).await {
            Err(StorageError::StaleTicket { .. }) if self.has(Defect::AppendsForADeferredTicket) => {
                Ok(Appended { batch, records: 1 })
            }
            Err(StorageError::BatchOutOfOrder { expected, actual, .. })
                if self.has(Defect::AcknowledgesAnotherBatch) && actual.next() == expected =>
            {
                Ok(Appended { batch, records: 1 })
            }
            appended => appended,
        }
    }

    async fn remember(&self, mut entry: IdempotencyEntry) -> Result<(), StorageError> {
        if self.has(Defect::KeepsKeysBeyondTheirEnd) {
            entry.expires_at = Timestamp::from_unix_ms(i64::MAX);
        }
        self.inner.remember(entry).await
    }

    async fn cursor(&self, name: &str) -> Result<Option<Cursor>, StorageError> {
        let cursor = self.inner.cursor(name).await?;
        let lost = self.has(Defect::LosesNamedCursorsAtAClose) && self.kept().opened > 1;
        Ok(cursor.filter(|_| !lost))
    }

    async fn outcome(&self, write: &WriteRef) -> Result<bool, StorageError> {
        let done = self.inner.outcome(write).await?;
        Ok(done || self.has(Defect::SaysYesOfAnUnknownCommit))
    }

    async fn idempotency(
        &self,
        campaign: Option<CampaignId>,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyEntry>, StorageError> {
        let mut found = self.inner.idempotency(campaign, key).await?;
        if self.has(Defect::FindsKeysOfOtherScopes) {
            let scopes = self.kept().scopes.clone();
            for scope in scopes {
                found = found.or(self.inner.idempotency(Some(scope), key).await?);
            }
        }
        Ok(found)
    }

    async fn campaigns(&self, mut query: CampaignQuery) -> Result<CampaignPage, StorageError> {
        if self.has(Defect::IgnoresASecondAttribute) {
            let attributes = std::mem::take(&mut query.filter.attributes);
            query.filter.attributes = attributes.into_iter().take(1).collect();
        }
        self.inner.campaigns(query).await
    }

    async fn events(
        &self,
        scope: EventScope,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<EventPage, StorageError> {
        if self.has(Defect::LosesACursorWithItsEvent)
            && let Some(cursor) = &after
        {
            let all = self.inner.events(EventScope::Store, None, 1_000).await?;
            if all.items.iter().all(|logged| logged.cursor != *cursor) {
                let cursor = cursor.to_string();
                return Err(StorageError::InvalidCursor { cursor });
            }
        }
        let mut page = self.inner.events(scope, after, limit).await?;
        page.items.iter_mut().for_each(|event| self.renumber(event));
        if self.has(Defect::SkipsOneBetweenPages) && page.next_cursor.is_some() {
            page.items.pop();
        }
        if self.has(Defect::TellsNothingOfResources) {
            page.items.retain(|logged| logged.campaign_id.is_some());
        }
        Ok(page)
    }

    async fn event(&self, campaign: CampaignId, seq: Version) -> Result<Option<LoggedEvent>, StorageError> {
        let mut event = self.inner.event(campaign, seq).await?;
        event.iter_mut().for_each(|event| self.renumber(event));
        Ok(event)
    }

    async fn runs(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        after: Run,
        limit: usize,
    ) -> Result<RunPage, StorageError> {
        let mut page = self.inner.runs(campaign, phase, after, limit).await?;
        if self.has(Defect::ShowsPrunedRuns) {
            let mut shown = self.kept().runs.clone();
            shown.retain(|info| page.items.iter().all(|there| there.run != info.run));
            page.items.splice(0..0, shown);
        }
        Ok(page)
    }

    async fn run_output(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
    ) -> Result<Option<RunOutput>, StorageError> {
        let mut output = self.inner.run_output(campaign, phase, run).await?;
        if self.has(Defect::CountsEveryBatchAsProgress)
            && let Some(output) = &mut output
        {
            output.progress_batch = output.batch;
        }
        Ok(output)
    }

    async fn records(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
        limit: usize,
    ) -> Result<RecordPage, StorageError> {
        let page = self.inner.records(campaign, phase, run, from, limit).await?;
        if self.has(Defect::ShowsDeletedRecords) {
            let kept = self.kept().records.get(&(campaign, phase.clone(), run)).cloned();
            return Ok(kept.unwrap_or(page));
        }
        Ok(page)
    }

    async fn due(
        &self,
        owner: OwnerId,
        pipelines: &[PipelineId],
        ttl: Duration,
        limit: usize,
    ) -> Result<Due, StorageError> {
        let all = [Story::pipeline()];
        let pipelines = if self.has(Defect::DueIgnoresPipelines) {
            &all
        } else {
            pipelines
        };
        let everybody = OwnerId::from_u128(99);
        let owner = if self.has(Defect::DueHidesNothing) {
            everybody
        } else {
            owner
        };
        let mut due = self.inner.due(owner, pipelines, ttl, limit).await?;
        if self.has(Defect::TellsTheNextMomentTooLate) {
            due.next_in = due.next_in.map(|next| next + Duration::from_secs(1));
        }
        if self.has(Defect::NeverChangesTheMark) {
            due.mark = 0;
        }
        if self.has(Defect::ForgetsThatItWasReleased) && self.kept().opened > 1 {
            for item in &mut due.items {
                if let DueItem::Attempt { released, .. } = item {
                    *released = false;
                }
            }
        }
        Ok(due)
    }

    async fn renew(
        &self,
        owner: OwnerId,
        ttl: Duration,
        tickets: &[Ticket],
    ) -> Result<Renewal, StorageError> {
        let mut renewal = self.inner.renew(owner, ttl, tickets).await?;
        if self.has(Defect::RenewsWhatIsOver) {
            renewal.lost.clear();
        }
        Ok(renewal)
    }

    async fn give_back(&self, owner: OwnerId, campaigns: &[CampaignId]) -> Result<(), StorageError> {
        let campaigns = if self.has(Defect::GivesNothingBack) {
            &[]
        } else {
            campaigns
        };
        self.inner.give_back(owner, campaigns).await
    }

    async fn token_secret(&self) -> Result<TokenSecret, StorageError> {
        let mut secret = self.inner.token_secret().await?;
        if self.has(Defect::DrawsTheTokenSecretAnew) {
            secret.0[0] ^= self.kept().opened;
        }
        Ok(secret)
    }

    async fn changed(
        &self,
        scope: ChangeScope,
        after: Option<Cursor>,
        at_most: Duration,
    ) -> Result<bool, StorageError> {
        let scope = match scope {
            ChangeScope::Due { .. } if self.has(Defect::NeverChangesTheMark) => {
                let mark = self
                    .inner
                    .due(OwnerId::from_u128(99), &[], Duration::ZERO, 1)
                    .await?
                    .mark;
                ChangeScope::Due { mark }
            }
            ChangeScope::Rest(id) if self.has(Defect::TakesAnyEventForRest) => {
                let after = self.inner.latest().await?;
                return self
                    .inner
                    .changed(ChangeScope::Campaign(id), after, at_most)
                    .await;
            }
            ChangeScope::Campaign(_) if self.has(Defect::WakesForNothing) => ChangeScope::Store,
            scope => scope,
        };
        if self.has(Defect::NeverWakes) {
            let _ = tokio::time::timeout(at_most, std::future::pending::<()>()).await;
            return Ok(false);
        }
        self.inner.changed(scope, after, at_most).await
    }
}
