//! A store between an engine and a store: whoever steps in writes the calls that he changes, and no other.

use std::time::Duration;

use async_trait::async_trait;
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

macro_rules! port {
    ($($call:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// Steps into the calls of a store. Each method passes its call on unless it is written anew; [`Interposed`] makes a store of
        /// it.
        ///
        /// ```
        /// use phasegate_core::storage::{Output, Appended, Storage, StorageError};
        /// use phasegate_testkit::MemoryStorage;
        /// use phasegate_testkit::storage::{Interposed, Interposer};
        ///
        /// /// A store whose disk is full.
        /// struct Full(MemoryStorage);
        ///
        /// #[async_trait::async_trait]
        /// impl Interposer for Full {
        ///     fn inner(&self) -> &dyn Storage {
        ///         &self.0
        ///     }
        ///
        ///     async fn append(&self, _: Output) -> Result<Appended, StorageError> {
        ///         Err(StorageError::Unavailable { reason: "the disk is full".to_owned() })
        ///     }
        /// }
        ///
        /// let store = Interposed(Full(MemoryStorage::new()));
        /// # fn takes(_: impl Storage) {}
        /// # takes(store);
        /// ```
        #[async_trait]
        pub trait Interposer: Send + Sync + 'static {
            /// The store that the calls are passed on to.
            fn inner(&self) -> &dyn Storage;

            /// Before each asynchronous call, which is named; an error is its answer.
            async fn before(&self, call: &'static str) -> Result<(), StorageError> {
                let _ = call;
                Ok(())
            }

            /// After each asynchronous call, which is named, and before its answer is given.
            async fn after(&self, call: &'static str) {
                let _ = call;
            }

            #[doc = "See [`Storage::lease_kind`]."]
            fn lease_kind(&self) -> LeaseKind {
                self.inner().lease_kind()
            }

            $(
                #[doc = concat!("See [`Storage::", stringify!($call), "`].")]
                async fn $call(&self, $($argument: $type),*) -> Result<$answer, StorageError> {
                    self.inner().$call($($argument),*).await
                }
            )*
        }

        #[async_trait]
        impl<I: Interposer> Storage for Interposed<I> {
            fn lease_kind(&self) -> LeaseKind {
                self.0.lease_kind()
            }

            $(
                async fn $call(&self, $($argument: $type),*) -> Result<$answer, StorageError> {
                    self.0.before(stringify!($call)).await?;
                    let answer = self.0.$call($($argument),*).await;
                    self.0.after(stringify!($call)).await;
                    answer
                }
            )*
        }
    };
}

/// The store of an [`Interposer`].
#[derive(Clone, Debug)]
pub struct Interposed<I>(pub I);

port! {
    commit(transition: Transition) -> Committed;
    append(output: Output) -> Appended;
    write_resource(write: ResourceWrite) -> Option<Revision>;
    remember(entry: IdempotencyEntry) -> ();
    set_cursor(name: &str, cursor: Cursor) -> ();
    cursor(name: &str) -> Option<Cursor>;
    outcome(write: &WriteRef) -> bool;
    idempotency(campaign: Option<CampaignId>, key: &IdempotencyKey) -> Option<IdempotencyEntry>;
    now() -> Timestamp;
    campaign(id: CampaignId) -> CampaignRead;
    campaigns(query: CampaignQuery) -> CampaignPage;
    config(campaign: CampaignId, phase: &PhaseName, revision: Revision) -> Option<Value>;
    events(scope: EventScope, after: Option<Cursor>, limit: usize) -> EventPage;
    event(campaign: CampaignId, seq: Version) -> Option<LoggedEvent>;
    runs(campaign: CampaignId, phase: &PhaseName, after: Run, limit: usize) -> RunPage;
    run_output(campaign: CampaignId, phase: &PhaseName, run: Run) -> Option<RunOutput>;
    records(campaign: CampaignId, phase: &PhaseName, run: Run, from: u64, limit: usize) -> RecordPage;
    resource(resource: &ResourceRef) -> Option<Resource>;
    resources(kind: &ResourceKind, after: Option<&ResourceId>, limit: usize) -> Vec<Resource>;
    due(owner: OwnerId, pipelines: &[PipelineId], ttl: Duration, limit: usize) -> Due;
    renew(owner: OwnerId, ttl: Duration, tickets: &[Ticket]) -> Renewal;
    release(owner: OwnerId, tickets: &[Ticket]) -> ();
    give_back(owner: OwnerId, campaigns: &[CampaignId]) -> ();
    token_secret() -> TokenSecret;
    changed(scope: ChangeScope, after: Option<Cursor>, at_most: Duration) -> bool;
    latest() -> Option<Cursor>;
    close() -> ();
}
