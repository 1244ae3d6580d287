//! A store that a test steps into: between two calls, or with an answer of its own.

use std::sync::Arc;

use async_trait::async_trait;
use phasegate::core::{
    Campaign, CampaignId, CommitId, OwnerId, PhaseName, ResourceId, ResourceKind, ResourceRef, Revision, Run,
    Ticket, Version,
};
use phasegate::storage::{
    Appended, CampaignPage, CampaignQuery, Claim, Committed, Cursor, EventPage, EventScope, IdempotencyEntry,
    IdempotencyKey, Output, RecordPage, Resource, ResourceWrite, RunOutput, Storage, StorageError,
    Transition,
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

    /// What a claim comes to.
    fn claim(&self) -> Claim {
        Claim::Granted
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

    async fn committed(
        &self,
        campaign: CampaignId,
        expected_version: Version,
        id: CommitId,
    ) -> Result<bool, StorageError> {
        self.inner.committed(campaign, expected_version, id).await
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

    async fn campaign(&self, id: CampaignId) -> Result<Option<Campaign>, StorageError> {
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

    async fn claim(&self, _ticket: &Ticket, _owner: OwnerId) -> Result<Claim, StorageError> {
        Ok(self.between.claim())
    }

    async fn heartbeat(&self, owner: OwnerId) -> Result<(), StorageError> {
        self.inner.heartbeat(owner).await
    }

    async fn changes(&self, after: Option<Cursor>) -> Result<(), StorageError> {
        self.inner.changes(after).await
    }

    async fn latest(&self) -> Result<Option<Cursor>, StorageError> {
        self.between.before_read("latest").await?;
        self.inner.latest().await
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.inner.close().await
    }
}
