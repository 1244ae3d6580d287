//! The port, over the state.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use phasegate_core::limits::MAX_CURSOR_NAME_BYTES;
use phasegate_core::storage::{
    Appended, CampaignPage, CampaignQuery, CampaignRead, ChangeScope, Committed, Cursor, Due, EventPage,
    EventScope, IdempotencyEntry, IdempotencyKey, LeaseKind, LoggedEvent, Output, RecordPage, Renewal,
    Resource, ResourceWrite, RunOutput, RunPage, Storage, StorageError, TokenSecret, Transition, WriteRef,
};
use phasegate_core::{
    CampaignId, OwnerId, PhaseName, PipelineId, ResourceId, ResourceKind, ResourceRef, Revision, Run, Ticket,
    Timestamp, Version,
};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::campaigns;
use super::state::State;
use super::store::MemoryStorage;

/// The longest wait that is told from one without an end: 30 years.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

#[async_trait]
impl Storage for MemoryStorage {
    async fn commit(&self, transition: Transition) -> Result<Committed, StorageError> {
        transition.check()?;
        let now = self.clock().now();
        self.change(|state| state.commit(transition, now))
    }

    async fn append(&self, output: Output) -> Result<Appended, StorageError> {
        output.check()?;
        self.with(|state| state.append(output))
    }

    async fn write_resource(&self, write: ResourceWrite) -> Result<Option<Revision>, StorageError> {
        write.check()?;
        let now = self.clock().now();
        self.change(|state| state.write_resource(write, now))
    }

    async fn remember(&self, entry: IdempotencyEntry) -> Result<(), StorageError> {
        entry.check()?;
        let now = self.clock().now();
        self.with(|state| {
            state.keys.check(&entry, now)?;
            state.keys.store(entry);
            Ok(())
        })
    }

    async fn set_cursor(&self, name: &str, cursor: Cursor) -> Result<(), StorageError> {
        self.with(|state| {
            state.log.place(Some(&cursor))?;
            if !(1..=MAX_CURSOR_NAME_BYTES).contains(&name.len()) {
                let cursor = cursor.as_str().to_owned();
                return Err(StorageError::InvalidCursor { cursor });
            }
            state.cursors.insert(name.to_owned(), cursor);
            Ok(())
        })
    }

    async fn cursor(&self, name: &str) -> Result<Option<Cursor>, StorageError> {
        self.with(|state| Ok(state.cursors.get(name).cloned()))
    }

    async fn outcome(&self, write: &WriteRef) -> Result<bool, StorageError> {
        let now = self.clock().now();
        self.with(|state| Ok(state.outcome(write, now)))
    }

    async fn idempotency(
        &self,
        campaign: Option<CampaignId>,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyEntry>, StorageError> {
        let now = self.clock().now();
        self.with(|state| Ok(state.keys.get(campaign, key, now).cloned()))
    }

    async fn now(&self) -> Result<Timestamp, StorageError> {
        let now = self.clock().now();
        self.with(|_| Ok(now))
    }

    async fn campaign(&self, id: CampaignId) -> Result<CampaignRead, StorageError> {
        let now = self.clock().now();
        self.with(|state| {
            let campaign = state.campaigns.get(&id).cloned();
            Ok(CampaignRead { campaign, now })
        })
    }

    async fn campaigns(&self, query: CampaignQuery) -> Result<CampaignPage, StorageError> {
        self.with(|state| Ok(campaigns::page(&state.campaigns, &query)))
    }

    async fn config(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        revision: Revision,
    ) -> Result<Option<Value>, StorageError> {
        self.with(|state| Ok(state.configs.get(&(campaign, phase.clone(), revision)).cloned()))
    }

    async fn events(
        &self,
        scope: EventScope,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<EventPage, StorageError> {
        self.with(|state| state.log.events(scope, after.as_ref(), limit))
    }

    async fn event(&self, campaign: CampaignId, seq: Version) -> Result<Option<LoggedEvent>, StorageError> {
        self.with(|state| {
            let is_there = state.campaigns.contains_key(&campaign);
            Ok(is_there.then(|| state.log.event(campaign, seq)).flatten())
        })
    }

    async fn runs(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        after: Run,
        limit: usize,
    ) -> Result<RunPage, StorageError> {
        self.with(|state| Ok(state.runs.page(campaign, phase, after, limit)))
    }

    async fn run_output(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
    ) -> Result<Option<RunOutput>, StorageError> {
        self.with(|state| Ok(state.runs.output(campaign, phase, run)))
    }

    async fn records(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
        limit: usize,
    ) -> Result<RecordPage, StorageError> {
        self.with(|state| Ok(state.runs.records(campaign, phase, run, from, limit)))
    }

    async fn resource(&self, resource: &ResourceRef) -> Result<Option<Resource>, StorageError> {
        self.with(|state| Ok(state.resources.get(resource)))
    }

    async fn resources(
        &self,
        kind: &ResourceKind,
        after: Option<&ResourceId>,
        limit: usize,
    ) -> Result<Vec<Resource>, StorageError> {
        self.with(|state| Ok(state.resources.page(kind, after, limit)))
    }

    fn lease_kind(&self) -> LeaseKind {
        LeaseKind::Expiring
    }

    async fn due(
        &self,
        owner: OwnerId,
        pipelines: &[PipelineId],
        ttl: Duration,
        limit: usize,
    ) -> Result<Due, StorageError> {
        let now = self.clock().now();
        self.with(|state| Ok(state.leases.due(owner, pipelines, ttl, limit, now)))
    }

    async fn renew(
        &self,
        owner: OwnerId,
        ttl: Duration,
        tickets: &[Ticket],
    ) -> Result<Renewal, StorageError> {
        let now = self.clock().now();
        self.with(|state| Ok(state.leases.renew(owner, ttl, tickets, now)))
    }

    async fn release(&self, owner: OwnerId, tickets: &[Ticket]) -> Result<(), StorageError> {
        let now = self.clock().now();
        self.change(|state| {
            state.leases.release(owner, tickets, now);
            Ok(())
        })
    }

    async fn give_back(&self, owner: OwnerId, campaigns: &[CampaignId]) -> Result<(), StorageError> {
        self.change(|state| {
            state.leases.give_back(owner, campaigns);
            Ok(())
        })
    }

    async fn token_secret(&self) -> Result<TokenSecret, StorageError> {
        self.with(|_| Ok(self.shared.token_secret.clone()))
    }

    async fn changed(
        &self,
        scope: ChangeScope,
        after: Option<Cursor>,
        at_most: Duration,
    ) -> Result<bool, StorageError> {
        let is_there = |state: &mut State| match scope {
            ChangeScope::Store => state.log.is_after(EventScope::Store, after.as_ref()),
            ChangeScope::Campaign(id) => state.log.is_after(EventScope::Campaign(id), after.as_ref()),
            ChangeScope::Rest(id) => {
                let campaign = state.campaigns.get(&id);
                Ok(campaign.is_none_or(|campaign| campaign.is_at_rest()))
            }
            ChangeScope::Due { mark } => Ok(state.leases.mark() != mark),
        };
        let deadline = Instant::now() + at_most.min(LONGEST_WAIT);
        loop {
            let mut change = pin!(self.shared.changed.notified());
            // What changes from here on is not missed: it ends this wait.
            change.as_mut().enable();
            if self.with(is_there)? {
                return Ok(true);
            }
            if timeout_at(deadline, change).await.is_err() {
                return self.with(is_there);
            }
        }
    }

    async fn latest(&self) -> Result<Option<Cursor>, StorageError> {
        self.with(|state| Ok(state.log.latest()))
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.closed.store(true, Ordering::SeqCst);
        self.shared.changed.notify_waiters();
        Ok(())
    }
}
