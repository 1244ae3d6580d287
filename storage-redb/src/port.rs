//! The store as the port has it.

use std::pin::Pin;
use std::sync::Arc;
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

use crate::cursor::{cursor, invalid, place};
use crate::format;
use crate::leases::DueQuery;
use crate::lookup;
use crate::read;
use crate::store::RedbStorage;
use crate::waiters::Watch;
use crate::write::{Append, Commit, KeepCursor, Release, Remember, WriteResource};

#[async_trait]
impl Storage for RedbStorage {
    // Not an `async fn`: its future would have room for the whole transition, twice, for as long as the commit takes.
    fn commit<'life0, 'async_trait>(
        &'life0 self,
        transition: Transition,
    ) -> Pin<Box<dyn Future<Output = Result<Committed, StorageError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        match transition.check() {
            Ok(()) => Box::pin(self.write(Commit::new(transition))),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    async fn append(&self, output: Output) -> Result<Appended, StorageError> {
        output.check()?;
        self.write(Append::new(output)).await
    }

    async fn write_resource(&self, write: ResourceWrite) -> Result<Option<Revision>, StorageError> {
        write.check()?;
        self.write(WriteResource::new(write)).await
    }

    async fn remember(&self, entry: IdempotencyEntry) -> Result<(), StorageError> {
        entry.check()?;
        self.write(Remember::new(entry)).await
    }

    async fn set_cursor(&self, name: &str, cursor: Cursor) -> Result<(), StorageError> {
        if !is_cursor_name(name) {
            return Err(invalid(&cursor));
        }
        let name = name.to_owned();
        self.write(KeepCursor { name, cursor }).await
    }

    async fn cursor(&self, name: &str) -> Result<Option<Cursor>, StorageError> {
        if !is_cursor_name(name) {
            return self.shared().check_open().map(|()| None);
        }
        self.look(|txn| Ok(lookup::cursor(txn, name)?.map(cursor)))
    }

    async fn outcome(&self, write: &WriteRef) -> Result<bool, StorageError> {
        self.look(|txn| read::outcome(txn, write))
    }

    async fn idempotency(
        &self,
        campaign: Option<CampaignId>,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyEntry>, StorageError> {
        let now = self.shared().now();
        self.look(|txn| read::idempotency(txn, campaign, key, now))
    }

    async fn now(&self) -> Result<Timestamp, StorageError> {
        let store = self.shared();
        store.check_open().map(|()| store.now())
    }

    async fn campaign(&self, id: CampaignId) -> Result<CampaignRead, StorageError> {
        let now = self.shared().now();
        let campaign = match self.recent(id)? {
            Some(recent) => Some(recent.campaign),
            None => self.look(|txn| lookup::campaign(txn, id))?.map(Arc::new),
        };
        Ok(CampaignRead { campaign, now })
    }

    async fn campaigns(&self, query: CampaignQuery) -> Result<CampaignPage, StorageError> {
        self.read(move |txn| read::campaigns(txn, &query)).await
    }

    async fn config(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        revision: Revision,
    ) -> Result<Option<Value>, StorageError> {
        self.look_at(campaign, |txn, known| {
            read::config(txn, campaign, phase, revision, known)
        })
    }

    async fn events(
        &self,
        scope: EventScope,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<EventPage, StorageError> {
        self.read(move |txn| read::events(txn, scope, after.as_ref(), limit))
            .await
    }

    async fn event(&self, campaign: CampaignId, seq: Version) -> Result<Option<LoggedEvent>, StorageError> {
        self.look_at(campaign, |txn, known| read::event(txn, campaign, seq, known))
    }

    async fn runs(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        after: Run,
        limit: usize,
    ) -> Result<RunPage, StorageError> {
        let phase = phase.clone();
        self.read(move |txn| read::runs(txn, campaign, &phase, after, limit))
            .await
    }

    async fn run_output(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
    ) -> Result<Option<RunOutput>, StorageError> {
        self.look_at(campaign, |txn, known| {
            read::run_output(txn, campaign, phase, run, known)
        })
    }

    async fn records(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
        limit: usize,
    ) -> Result<RecordPage, StorageError> {
        let phase = phase.clone();
        self.read(move |txn| read::records(txn, (campaign, &phase, run), from, limit))
            .await
    }

    async fn resource(&self, resource: &ResourceRef) -> Result<Option<Resource>, StorageError> {
        self.look(|txn| read::resource(txn, resource.clone()))
    }

    async fn resources(
        &self,
        kind: &ResourceKind,
        after: Option<&ResourceId>,
        limit: usize,
    ) -> Result<Vec<Resource>, StorageError> {
        let (kind, after) = (kind.clone(), after.cloned());
        self.read(move |txn| read::resources(txn, &kind, after, limit))
            .await
    }

    fn lease_kind(&self) -> LeaseKind {
        LeaseKind::WhileHeld
    }

    async fn due(
        &self,
        owner: OwnerId,
        pipelines: &[PipelineId],
        _ttl: Duration,
        limit: usize,
    ) -> Result<Due, StorageError> {
        let pipelines = pipelines.to_vec();
        self.between(move |leases, store| {
            let query = DueQuery {
                owner,
                pipelines: &pipelines,
                limit: limit.clamp(1, 1_000),
                now: store.now(),
            };
            store.read(|txn| leases.due(txn, &query))
        })
        .await
    }

    async fn renew(
        &self,
        owner: OwnerId,
        _ttl: Duration,
        tickets: &[Ticket],
    ) -> Result<Renewal, StorageError> {
        let tickets = tickets.to_vec();
        self.between(move |leases, store| store.check_open().map(|()| leases.renew(owner, &tickets)))
            .await
    }

    async fn release(&self, owner: OwnerId, tickets: &[Ticket]) -> Result<(), StorageError> {
        let tickets = tickets.to_vec();
        self.write(Release { owner, tickets }).await
    }

    async fn give_back(&self, owner: OwnerId, campaigns: &[CampaignId]) -> Result<(), StorageError> {
        let campaigns = campaigns.to_vec();
        self.between(move |leases, store| store.check_open().map(|()| leases.give_back(owner, &campaigns)))
            .await
    }

    async fn token_secret(&self) -> Result<TokenSecret, StorageError> {
        self.look(format::token_secret)
    }

    async fn changed(
        &self,
        scope: ChangeScope,
        after: Option<Cursor>,
        at_most: Duration,
    ) -> Result<bool, StorageError> {
        let store = self.shared();
        store.check_open()?;
        let watch = match scope {
            ChangeScope::Store => Watch::Latest,
            ChangeScope::Campaign(id) => Watch::Campaign(id),
            ChangeScope::Rest(id) => Watch::Rest(id),
            ChangeScope::Due { .. } => Watch::Due,
        };
        let mut waiter = store.waiters.watch(watch).ok_or_else(|| store.end())?;
        let found = match scope {
            ChangeScope::Due { mark } => waiter.wait(at_most, |now| now != mark).await,
            ChangeScope::Store => {
                let after = self.place(after.as_ref())?;
                waiter.wait(at_most, |latest| latest > after).await
            }
            ChangeScope::Campaign(id) => {
                let after = self.place(after.as_ref())?;
                // Its waiter tells only of what comes from now on.
                let latest = match self.recent(id)? {
                    Some(recent) => recent.last,
                    None => self.look(|txn| read::latest_of(txn, id))?,
                };
                if latest > after {
                    return Ok(true);
                }
                waiter.wait(at_most, |latest| latest > after).await
            }
            ChangeScope::Rest(id) => {
                let (latest, is_at_rest) = match self.recent(id)? {
                    Some(recent) => (recent.last, recent.campaign.is_at_rest()),
                    None => self.look(|txn| {
                        let campaign = lookup::campaign(txn, id)?;
                        let is_at_rest = campaign.is_none_or(|campaign| campaign.is_at_rest());
                        Ok((read::latest_of(txn, id)?, is_at_rest))
                    })?,
                };
                if is_at_rest {
                    return Ok(true);
                }
                // It may have rested before, and gone on.
                waiter.wait(at_most, |rest| rest > latest).await
            }
        };
        match found {
            Some(found) => Ok(found),
            None => Err(store.end()),
        }
    }

    async fn latest(&self) -> Result<Option<Cursor>, StorageError> {
        let store = self.shared();
        store.check_open()?;
        let last = store.waiters.latest().ok_or_else(|| store.end())?;
        Ok((last > 0).then(|| cursor(last)))
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.finish().await
    }
}

fn is_cursor_name(name: &str) -> bool {
    (1..=MAX_CURSOR_NAME_BYTES).contains(&name.len())
}

impl RedbStorage {
    /// The place that a cursor names; 0 without a cursor.
    fn place(&self, after: Option<&Cursor>) -> Result<u64, StorageError> {
        let announced = self.shared().waiters.latest().unwrap_or(0);
        match place(after, announced) {
            Ok(after) => Ok(after),
            // A read may have shown a durable event before its announcement.
            Err(_) => self.look(|txn| read::place_in(txn, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use phasegate_core::{EventKind, Mode};
    use phasegate_testkit::storage::conformance::Story;

    use super::*;

    #[tokio::test]
    async fn an_event_that_was_read_before_it_was_announced_can_be_waited_from() {
        let storage = RedbStorage::in_memory().await.unwrap();
        let mut story = Story::created(&storage, 1).await;
        let page = storage.events(EventScope::Store, None, 10).await.unwrap();
        let read = page.items.last().map(|event| event.cursor.clone());
        // The state after the commit and before the writer's announcement.
        storage.shared().waiters.announce(0, &BTreeMap::new());

        let mode = Mode::FullSequence;
        let at_most = Duration::from_secs(60);
        let (changed, _) = tokio::join!(
            storage.changed(ChangeScope::Store, read, at_most),
            story.tell(&storage, vec![EventKind::ModeChanged { mode }])
        );
        assert_eq!(changed, Ok(true));
        let beyond = storage
            .changed(ChangeScope::Store, Some(cursor(3)), at_most)
            .await;
        assert!(
            matches!(beyond, Err(StorageError::InvalidCursor { .. })),
            "{beyond:?}"
        );
    }
}
