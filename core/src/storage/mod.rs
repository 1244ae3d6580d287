//! The storage port: what a database must do to make campaigns durable.
//!
//! A store is correct if it passes the conformance suite of `phasegate-testkit`.

mod check;
mod error;
mod query;
mod write;

use async_trait::async_trait;
use serde_json::Value;

use crate::campaign::Campaign;
use crate::ids::{CampaignId, CommitId, OwnerId, PhaseName, ResourceRef, Revision, Run, Ticket, Version};

pub use error::StorageError;
pub use query::{
    ActivityKind, CampaignFilter, CampaignPage, CampaignQuery, Cursor, EventPage, EventScope, LoggedEvent,
    Order, Progress, RecordPage, Resource, RunOutput,
};
pub use write::{
    Appended, Committed, ConfigWrite, Expected, ExpectedResource, IdempotencyEntry, IdempotencyKey, Output,
    ResourceWrite, Transition,
};

/// Whether a process may take over a running attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Claim {
    /// It may. No other process may while its heartbeats go on.
    Granted,
    /// Another process holds it.
    HeldBy(OwnerId),
}

/// A durable store of campaigns. Every method may be called concurrently, from any thread.
///
/// Each write is all or nothing, and durable on return, power loss included. After a write with an unknown outcome
/// ([`StorageError::OutcomeUnknown`]) the store acknowledges nothing until it is opened anew.
///
/// # Cancel safety
///
/// Dropping the future of a read is harmless. Dropping the future of a write leaves its outcome unknown: look it up by
/// [`committed`](Self::committed), [`run_output`](Self::run_output) or [`idempotency`](Self::idempotency) before you decide
/// anything.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Writes `transition` as one unit.
    ///
    /// # Errors
    ///
    /// With nothing written: [`StorageError::Conflict`] when the campaign is not at `expected_version`,
    /// [`StorageError::ResourceConflict`] when a resource is not at its expected revision,
    /// [`StorageError::KeyUsed`] when the idempotency key was used before and has not expired, and the errors of
    /// [`Transition::check`]. A deleted campaign keeps the number of its deletion as its version, so its id is never used again.
    async fn commit(&self, transition: Transition) -> Result<Committed, StorageError>;

    /// Appends a batch of a running phase's records, with the checkpoint that covers them, as one unit.
    ///
    /// The campaign's snapshot and version stay the same. A batch with the number of the latest one is acknowledged again, and
    /// not written twice.
    ///
    /// # Errors
    ///
    /// With nothing written: [`StorageError::StaleTicket`] when the ticket's attempt is not running,
    /// [`StorageError::BatchOutOfOrder`] when the number is not the next one, and the errors of [`Output::check`].
    async fn append(&self, output: Output) -> Result<Appended, StorageError>;

    /// Writes or deletes a resource; gives its new revision, or `None` after a deletion.
    ///
    /// Revisions of a resource only grow, also over a deletion. Deleting a missing resource gives `None`.
    ///
    /// # Errors
    ///
    /// With nothing written: [`StorageError::ResourceConflict`] when it is not as expected, and the errors of
    /// [`ResourceWrite::check`].
    async fn write_resource(&self, write: ResourceWrite) -> Result<Option<Revision>, StorageError>;

    /// Stores an idempotency key of the store's own scope with the outcome of a request that needs no commit, as one unit.
    ///
    /// # Errors
    ///
    /// With nothing written: [`StorageError::KeyUsed`] when the key was used before and has not expired, and the errors of
    /// [`IdempotencyEntry::check`].
    async fn remember(&self, entry: IdempotencyEntry) -> Result<(), StorageError>;

    /// Whether the commit `id`, which followed `expected_version`, is in the log of `campaign`.
    async fn committed(
        &self,
        campaign: CampaignId,
        expected_version: Version,
        id: CommitId,
    ) -> Result<bool, StorageError>;

    /// What an idempotency key was used for. `campaign` is its scope; `None` is the store itself, the scope of creations and
    /// of [remembered](Self::remember) requests.
    ///
    /// A key is kept until its `expires_at`, by the store's clock. After that this method gives `None`, a commit may use the
    /// key anew, and the store may forget it at any time. A deleted campaign keeps only the key of its deletion.
    async fn idempotency(
        &self,
        campaign: Option<CampaignId>,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyEntry>, StorageError>;

    /// The snapshot of a campaign; `None` if it was never created or is deleted.
    async fn campaign(&self, id: CampaignId) -> Result<Option<Campaign>, StorageError>;

    /// One page of campaigns in the order of their ids. It reads an index, not the whole store.
    ///
    /// A limit out of range is moved to the nearest end of the range. A page ends early before it exceeds
    /// [`MAX_PAGE_BYTES`](crate::limits::MAX_PAGE_BYTES).
    async fn campaigns(&self, query: CampaignQuery) -> Result<CampaignPage, StorageError>;

    /// The text of one revision of a config. Every revision is kept as long as its campaign.
    async fn config(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        revision: Revision,
    ) -> Result<Option<Value>, StorageError>;

    /// One page of events after a cursor, at most `limit` (1 to 1,000) of them.
    ///
    /// The numbers within a campaign are gapless from 1. The store-wide log skips nothing and keeps each campaign's order; a
    /// deleted campaign leaves only its deletion. A limit out of range is moved to the nearest end of the range.
    ///
    /// A page ends early before it exceeds [`MAX_PAGE_BYTES`](crate::limits::MAX_PAGE_BYTES), or after very many hidden events. Go
    /// on while there is a `next_cursor`, also after a page without events.
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidCursor`] when this store did not make the cursor.
    async fn events(
        &self,
        scope: EventScope,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<EventPage, StorageError>;

    /// How far a run's output has come; `None` before its first append.
    async fn run_output(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
    ) -> Result<Option<RunOutput>, StorageError>;

    /// One page of a run's records, from the index `from` (0 is the first), at most `limit` (1 to 10,000) of them.
    ///
    /// A page ends early before it exceeds [`MAX_PAGE_BYTES`](crate::limits::MAX_PAGE_BYTES).
    async fn records(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
        limit: usize,
    ) -> Result<RecordPage, StorageError>;

    /// A resource, with its revision and document.
    async fn resource(&self, resource: &ResourceRef) -> Result<Option<Resource>, StorageError>;

    /// One page of a kind's resources in the order of their ids, after an id, at most `limit` (1 to 1,000) of them.
    async fn resources(
        &self,
        kind: &crate::ids::ResourceKind,
        after: Option<&crate::ids::ResourceId>,
        limit: usize,
    ) -> Result<Vec<Resource>, StorageError>;

    /// Asks to take over a running attempt. An embedded store has one process and always grants it.
    async fn claim(&self, ticket: &Ticket, owner: OwnerId) -> Result<Claim, StorageError>;

    /// Keeps the claims of `owner` alive. An embedded store has nothing to do.
    async fn heartbeat(&self, owner: OwnerId) -> Result<(), StorageError>;

    /// Waits until the store-wide log holds an event after `after` (`None`: any event).
    ///
    /// # Errors
    ///
    /// [`StorageError::Closed`] when the store is closed meanwhile, [`StorageError::InvalidCursor`] when this store did not
    /// make the cursor.
    async fn changes(&self, after: Option<Cursor>) -> Result<(), StorageError>;

    /// The cursor of the latest event in the store-wide log; `None` while it is empty.
    async fn latest(&self) -> Result<Option<Cursor>, StorageError>;

    /// Finishes what is queued and releases the database. Later calls give [`StorageError::Closed`].
    async fn close(&self) -> Result<(), StorageError>;
}
