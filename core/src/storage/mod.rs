//! The storage port: what a database must do to make campaigns durable.
//!
//! A store is correct if it passes the conformance suite of `phasegate-testkit`.

mod check;
mod error;
mod query;
mod write;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::ids::{
    CampaignId, OwnerId, PhaseName, PipelineId, ResourceId, ResourceKind, ResourceRef, Revision, Run, Ticket,
    Version,
};
use crate::time::Timestamp;

pub use error::StorageError;
pub use query::{
    ActivityKind, CampaignFilter, CampaignPage, CampaignQuery, CampaignRead, ChangeScope, Cursor, Due,
    DueItem, EventPage, EventScope, LeaseKind, LoggedEvent, Order, Progress, RecordPage, Renewal, Resource,
    RunInfo, RunOutput, RunPage, TokenSecret,
};
pub use write::{
    Appended, Committed, ConfigWrite, Expected, ExpectedBatch, ExpectedResource, IdempotencyEntry,
    IdempotencyKey, Lease, Output, ResourceWrite, Transition, WriteRef,
};

/// A durable store of campaigns. Every method may be called concurrently, from any thread.
///
/// Each write is all or nothing, and durable on return, power loss included. The store itself looks up the outcome of a write
/// that failed half-way; where it can't within 30 s, the error is [`StorageError::OutcomeUnknown`], and
/// [`outcome`](Self::outcome) looks again.
///
/// A shorter answer is never the sign of damage: what a snapshot knows of (its events, its configs, the rows of its runs) is there,
/// or the answer is [`StorageError::Damaged`].
///
/// # Leases
///
/// An attempt that a runner works on has a lease: the right of one engine, the `owner`, to work on it. Commits give, keep and free
/// leases (see [`Lease`]); an attempt that waits for a report has none. [`lease_kind`](Self::lease_kind) says how they end.
///
/// # Cancel safety
///
/// Dropping the future of a read is harmless. Dropping the future of a write leaves its outcome unknown: look it up by
/// [`outcome`](Self::outcome) before you decide anything.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Writes `transition` as one unit.
    ///
    /// # Errors
    ///
    /// With nothing written: [`StorageError::Conflict`] when the campaign is not at `expected_version`,
    /// [`StorageError::ResourceConflict`] when a resource is not at its expected revision,
    /// [`StorageError::BatchConflict`] when the run's latest batch is not the expected one,
    /// [`StorageError::LeaseHeld`] when a lease must be over and is not,
    /// [`StorageError::KeyUsed`] when the idempotency key was used before and has not expired, the errors of
    /// [`Transition::check`], and for `output` those of [`append`](Self::append): its ticket must be the one that may report before
    /// the commit ([`Campaign::ticket`](crate::Campaign::ticket)), so an answer to a phase that waits brings its records. A deleted campaign keeps the number of its deletion as its version, so its id is never used again.
    async fn commit(&self, transition: Transition) -> Result<Committed, StorageError>;

    /// Appends a batch of a running phase's records, with the checkpoint that covers them, as one unit.
    ///
    /// The campaign's snapshot and version stay the same. The latest batch of the same attempt with the same content is
    /// acknowledged again, and not written twice.
    ///
    /// # Errors
    ///
    /// With nothing written: [`StorageError::StaleTicket`] when no runner works on the ticket's attempt,
    /// [`StorageError::BatchOutOfOrder`] when the number is not the next one, and the errors of [`Output::check`].
    async fn append(&self, output: Output) -> Result<Appended, StorageError>;

    /// Writes or deletes a resource; gives its new revision, or `None` after a deletion.
    ///
    /// Revisions of a resource only grow, also over a deletion. Deleting a missing resource gives `None`. The store-wide log gets
    /// `resource_stored` or `resource_removed`, with the time by the store's clock; deleting a missing resource makes no event.
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

    /// Keeps a cursor under a name, in place of the one before, as one unit.
    ///
    /// Whoever tells the outside of events keeps here how far it has come.
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidCursor`] when this store did not make the cursor, or the name is not 1 to 255 bytes long.
    async fn set_cursor(&self, name: &str, cursor: Cursor) -> Result<(), StorageError>;

    /// The cursor that is kept under a name.
    async fn cursor(&self, name: &str) -> Result<Option<Cursor>, StorageError>;

    /// Whether a write was done. A commit without events, and leases, can't be looked up: they count as not done.
    ///
    /// It tells of the latest batch of a run and the latest write of a resource; of a batch or write before the latest it says that it
    /// was not done.
    async fn outcome(&self, write: &WriteRef) -> Result<bool, StorageError>;

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

    /// The time by the store's clock.
    async fn now(&self) -> Result<Timestamp, StorageError>;

    /// The snapshot of a campaign, with the time by the store's clock.
    async fn campaign(&self, id: CampaignId) -> Result<CampaignRead, StorageError>;

    /// One page of campaigns in the order of their ids. It reads an index, not the whole store: by activity, mode and position, by
    /// name, or by one of the attributes. Further conditions filter what is found there, so a page may be short, or empty, and still
    /// have a next one.
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

    /// One event of a campaign by its number; `None` beyond the latest, or if the campaign is not there.
    async fn event(&self, campaign: CampaignId, seq: Version) -> Result<Option<LoggedEvent>, StorageError>;

    /// One page of the runs of a phase after a run (0 is before the first), at most `limit` (1 to 1,000) of them. Pruned runs are
    /// left out.
    async fn runs(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        after: Run,
        limit: usize,
    ) -> Result<RunPage, StorageError>;

    /// How far a run's output has come; `None` if there was no such launch, or the run is pruned.
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
        kind: &ResourceKind,
        after: Option<&ResourceId>,
        limit: usize,
    ) -> Result<Vec<Resource>, StorageError>;

    /// Which leases it keeps.
    fn lease_kind(&self) -> LeaseKind;

    /// The running attempts whose lease is over, and the campaigns whose moment ([`Campaign::due`](crate::Campaign::due)) has come
    /// by the store's clock: of these pipelines, at most `limit` (1 to 1,000).
    ///
    /// What it gives to `owner` it hides from every other owner for `ttl`; a store whose leases last while it is held hides it until
    /// it is committed, released, given back or opened again. The owner sees it again, after what it was not yet given. The end of such
    /// a hiding counts for [`Due::next_in`] as the end of a lease does, and a new lease whose end comes first changes [`Due::mark`].
    async fn due(
        &self,
        owner: OwnerId,
        pipelines: &[PipelineId],
        ttl: Duration,
        limit: usize,
    ) -> Result<Due, StorageError>;

    /// Renews the leases of `owner`, in one write however many it has, and says of `tickets` which are lost and which were asked to
    /// pause or to stop. A lease that is over is lost, and not renewed.
    ///
    /// The holder counts `ttl` from before it asked.
    async fn renew(&self, owner: OwnerId, ttl: Duration, tickets: &[Ticket])
    -> Result<Renewal, StorageError>;

    /// Gives up leases of `owner` in order. That they were is kept, also over a close, until the attempts are taken up. A ticket that
    /// it was only given by [`due`](Self::due) is shown to the others again, and doesn't count as released; a lease that is over, and
    /// what others hold, is left alone.
    async fn release(&self, owner: OwnerId, tickets: &[Ticket]) -> Result<(), StorageError>;

    /// Shows the other owners again what [`due`](Self::due) gave to `owner` of these campaigns, attempts and moments, and changes
    /// [`Due::mark`]. What it was not given is left alone. Nothing counts as released by it.
    async fn give_back(&self, owner: OwnerId, campaigns: &[CampaignId]) -> Result<(), StorageError>;

    /// The secret that the tokens of answers are made with.
    async fn token_secret(&self) -> Result<TokenSecret, StorageError>;

    /// Waits until there is an event of `scope` after `after` (`None`: any event), at most for `at_most` by a monotonic clock; gives
    /// whether there is one. [`ChangeScope::Rest`] and [`ChangeScope::Due`] are there or not, whatever the cursor.
    ///
    /// # Errors
    ///
    /// [`StorageError::Closed`] when the store is closed meanwhile, [`StorageError::InvalidCursor`] when this store did not
    /// make the cursor.
    async fn changed(
        &self,
        scope: ChangeScope,
        after: Option<Cursor>,
        at_most: Duration,
    ) -> Result<bool, StorageError>;

    /// The cursor of the latest event in the store-wide log; `None` while it is empty.
    async fn latest(&self) -> Result<Option<Cursor>, StorageError>;

    /// Finishes what is queued and releases the database. Later calls give [`StorageError::Closed`].
    async fn close(&self) -> Result<(), StorageError>;
}
