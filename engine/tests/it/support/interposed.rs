//! A store that a test steps into: between two calls, or with an answer of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::{
    CampaignId, OwnerId, PhaseName, PipelineId, ResourceId, ResourceKind, ResourceRef, Revision, Run, Ticket,
    Timestamp, Version,
};
use phasegate::storage::{
    Appended, CampaignPage, CampaignQuery, CampaignRead, ChangeScope, Committed, Cursor, Due, EventPage,
    EventScope, IdempotencyEntry, IdempotencyKey, LeaseKind, LoggedEvent, Output, RecordPage, Renewal,
    Resource, ResourceWrite, RunOutput, RunPage, Storage, StorageError, TokenSecret, Transition, WriteRef,
};
use phasegate_testkit::MemoryStorage;
use serde_json::Value;

/// What a test does around the calls of a store; each method does nothing unless a test says otherwise.
#[async_trait]
pub trait Interposer: Send + Sync + 'static {
    /// Before a read, or before a key is remembered; an error is its answer.
    async fn before_read(&self, _call: &'static str) -> Result<(), StorageError> {
        Ok(())
    }

    /// After an idempotency key was looked up, and before the answer is given.
    async fn after_lookup(&self) {}

    /// Changes a page of events.
    fn change_page(&self, page: EventPage) -> EventPage {
        page
    }
}

pub struct Interposed<I> {
    pub inner: Arc<MemoryStorage>,
    pub between: I,
}

#[async_trait]
impl<I: Interposer> Storage for Interposed<I> {
    async fn commit(&self, transition: Transition) -> Result<Committed, StorageError> {
        self.inner.commit(transition).await
    }

    async fn append(&self, output: Output) -> Result<Appended, StorageError> {
        self.inner.append(output).await
    }

    async fn write_resource(&self, write: ResourceWrite) -> Result<Option<Revision>, StorageError> {
        self.inner.write_resource(write).await
    }

    async fn remember(&self, entry: IdempotencyEntry) -> Result<(), StorageError> {
        self.between.before_read("remember").await?;
        self.inner.remember(entry).await
    }

    async fn set_cursor(&self, name: &str, cursor: Cursor) -> Result<(), StorageError> {
        self.inner.set_cursor(name, cursor).await
    }

    async fn cursor(&self, name: &str) -> Result<Option<Cursor>, StorageError> {
        self.inner.cursor(name).await
    }

    async fn outcome(&self, write: &WriteRef) -> Result<bool, StorageError> {
        self.inner.outcome(write).await
    }

    async fn idempotency(
        &self,
        campaign: Option<CampaignId>,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyEntry>, StorageError> {
        let found = self.inner.idempotency(campaign, key).await;
        self.between.after_lookup().await;
        found
    }

    async fn now(&self) -> Result<Timestamp, StorageError> {
        self.inner.now().await
    }

    async fn campaign(&self, id: CampaignId) -> Result<CampaignRead, StorageError> {
        self.between.before_read("campaign").await?;
        self.inner.campaign(id).await
    }

    async fn campaigns(&self, query: CampaignQuery) -> Result<CampaignPage, StorageError> {
        self.inner.campaigns(query).await
    }

    async fn config(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        revision: Revision,
    ) -> Result<Option<Value>, StorageError> {
        self.between.before_read("config").await?;
        self.inner.config(campaign, phase, revision).await
    }

    async fn events(
        &self,
        scope: EventScope,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<EventPage, StorageError> {
        let page = self.inner.events(scope, after, limit).await?;
        Ok(self.between.change_page(page))
    }

    async fn event(&self, campaign: CampaignId, seq: Version) -> Result<Option<LoggedEvent>, StorageError> {
        self.inner.event(campaign, seq).await
    }

    async fn runs(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        after: Run,
        limit: usize,
    ) -> Result<RunPage, StorageError> {
        self.inner.runs(campaign, phase, after, limit).await
    }

    async fn run_output(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
    ) -> Result<Option<RunOutput>, StorageError> {
        self.inner.run_output(campaign, phase, run).await
    }

    async fn records(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
        limit: usize,
    ) -> Result<RecordPage, StorageError> {
        self.inner.records(campaign, phase, run, from, limit).await
    }

    async fn resource(&self, resource: &ResourceRef) -> Result<Option<Resource>, StorageError> {
        self.between.before_read("resource").await?;
        self.inner.resource(resource).await
    }

    async fn resources(
        &self,
        kind: &ResourceKind,
        after: Option<&ResourceId>,
        limit: usize,
    ) -> Result<Vec<Resource>, StorageError> {
        self.inner.resources(kind, after, limit).await
    }

    fn lease_kind(&self) -> LeaseKind {
        self.inner.lease_kind()
    }

    async fn due(
        &self,
        owner: OwnerId,
        pipelines: &[PipelineId],
        ttl: Duration,
        limit: usize,
    ) -> Result<Due, StorageError> {
        self.inner.due(owner, pipelines, ttl, limit).await
    }

    async fn renew(
        &self,
        owner: OwnerId,
        ttl: Duration,
        tickets: &[Ticket],
    ) -> Result<Renewal, StorageError> {
        self.inner.renew(owner, ttl, tickets).await
    }

    async fn release(&self, owner: OwnerId, tickets: &[Ticket]) -> Result<(), StorageError> {
        self.inner.release(owner, tickets).await
    }

    async fn token_secret(&self) -> Result<TokenSecret, StorageError> {
        self.inner.token_secret().await
    }

    async fn changed(
        &self,
        scope: ChangeScope,
        after: Option<Cursor>,
        at_most: Duration,
    ) -> Result<bool, StorageError> {
        self.inner.changed(scope, after, at_most).await
    }

    async fn latest(&self) -> Result<Option<Cursor>, StorageError> {
        self.between.before_read("latest").await?;
        self.inner.latest().await
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.inner.close().await
    }
}
