//! The in-memory store: the storage port in its simplest form.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use phasegate_core::limits::MAX_PAGE_BYTES;
use phasegate_core::storage::{
    Appended, CampaignPage, CampaignQuery, Claim, Committed, Cursor, EventPage, EventScope, Expected,
    IdempotencyEntry, IdempotencyKey, LoggedEvent, Order, Output, RecordPage, Resource, ResourceWrite,
    RunOutput, Storage, StorageError, Transition,
};
use phasegate_core::{
    Campaign, CampaignId, CommitId, OwnerId, PhaseName, ResourceId, ResourceKind, ResourceRef, Revision, Run,
    Ticket, Timestamp, Version,
};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::watch;

/// A store in memory, for tests. It follows the port in everything but durability.
///
/// Clones are handles of the same store.
#[derive(Clone)]
pub struct MemoryStorage {
    state: Arc<Mutex<MemoryState>>,
    latest: Arc<watch::Sender<u64>>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStorage").finish_non_exhaustive()
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

type RunKey = (CampaignId, PhaseName, Run);

#[derive(Default)]
struct MemoryState {
    closed: bool,
    campaigns: BTreeMap<CampaignId, Campaign>,
    /// The log, by place from 1, without the events of deleted campaigns.
    log: BTreeMap<u64, (LoggedEvent, CommitId)>,
    configs: BTreeMap<(CampaignId, PhaseName, Revision), Value>,
    outputs: BTreeMap<RunKey, (RunOutput, Vec<Box<RawValue>>)>,
    resources: BTreeMap<ResourceRef, Resource>,
    revisions: BTreeMap<ResourceRef, Revision>,
    idempotency: BTreeMap<(Option<CampaignId>, IdempotencyKey), IdempotencyEntry>,
    /// The deleted campaigns, each with the number of its deletion.
    deleted: BTreeMap<CampaignId, Version>,
}

impl MemoryStorage {
    /// An empty store, in which no idempotency key expires.
    pub fn new() -> Self {
        Self::with_clock(|| Timestamp::from_unix_ms(0))
    }

    /// An empty store, whose idempotency keys expire by `clock`.
    pub fn with_clock(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            state: Arc::default(),
            latest: Arc::new(watch::Sender::new(0)),
            clock: Arc::new(clock),
        }
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut MemoryState) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.closed {
            true => Err(StorageError::Closed),
            false => work(&mut state),
        }
    }
}

impl MemoryStorage {
    /// Opens it again after a close, as the next process opens a file.
    pub fn reopen(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = false;
    }
}

impl MemoryState {
    fn last(&self) -> u64 {
        self.log.last_key_value().map_or(0, |(place, _)| *place)
    }

    fn commit(&mut self, transition: Transition, now: Timestamp) -> Result<Committed, StorageError> {
        let id = transition.campaign;
        let present = self.campaigns.get(&id).map(|campaign| campaign.version);
        let deleted = self.deleted.get(&id).copied();
        let actual = present.or(deleted).unwrap_or_default();
        if deleted.is_some() || actual != transition.expected_version {
            return Err(StorageError::Conflict {
                campaign: id,
                expected: transition.expected_version,
                actual,
            });
        }
        for expected in &transition.expected_resources {
            let actual = self
                .resources
                .get(&expected.resource)
                .map(|stored| stored.revision);
            if actual != expected.revision {
                let resource = expected.resource.clone();
                return Err(StorageError::ResourceConflict { resource, actual });
            }
        }
        if let Some(entry) = transition.idempotency {
            let key = self.free_key(&entry, now)?;
            if transition.snapshot.is_none() && !transition.events.is_empty() {
                self.idempotency.retain(|(scope, _), _| *scope != Some(id));
            }
            self.idempotency.insert(key, entry);
        } else if transition.snapshot.is_none() && !transition.events.is_empty() {
            self.idempotency.retain(|(scope, _), _| *scope != Some(id));
        }
        let mut version = transition.expected_version;
        if transition.events.is_empty() {
            return Ok(Committed {
                version,
                cursor: None,
            });
        }
        let mut place = self.last();
        for event in transition.events {
            place += 1;
            version = version.next();
            let event = LoggedEvent {
                cursor: cursor(place),
                seq: version,
                campaign_id: id,
                event,
            };
            self.log.insert(place, (event, transition.commit_id));
        }
        for write in transition.configs {
            self.configs
                .insert((id, write.phase, write.revision), write.config);
        }
        match transition.snapshot {
            Some(snapshot) => {
                self.campaigns.insert(id, snapshot);
            }
            None => {
                self.campaigns.remove(&id);
                self.deleted.insert(id, version);
                self.log
                    .retain(|at, (event, _)| event.campaign_id != id || *at == place);
                self.configs.retain(|(campaign, ..), _| *campaign != id);
                self.outputs.retain(|(campaign, ..), _| *campaign != id);
            }
        }
        Ok(Committed {
            version,
            cursor: Some(cursor(place)),
        })
    }

    /// The place of an entry, unless its key is in use.
    fn free_key(
        &self,
        entry: &IdempotencyEntry,
        now: Timestamp,
    ) -> Result<(Option<CampaignId>, IdempotencyKey), StorageError> {
        let key = (entry.campaign, entry.key.clone());
        match self.idempotency.get(&key) {
            Some(old) if old.expires_at > now => Err(StorageError::KeyUsed {
                key: entry.key.to_string(),
            }),
            _ => Ok(key),
        }
    }

    fn remember(&mut self, entry: IdempotencyEntry, now: Timestamp) -> Result<(), StorageError> {
        let key = self.free_key(&entry, now)?;
        self.idempotency.insert(key, entry);
        Ok(())
    }

    fn append(&mut self, output: Output) -> Result<Appended, StorageError> {
        let campaign = self.campaigns.get(&output.ticket.campaign);
        if campaign.and_then(Campaign::ticket).as_ref() != Some(&output.ticket) {
            return Err(StorageError::StaleTicket {
                ticket: output.ticket,
            });
        }
        let ticket = output.ticket;
        let key = (ticket.campaign, ticket.phase.clone(), ticket.run);
        let latest = self.outputs.get(&key).map(|(latest, _)| latest.batch);
        if latest != Some(output.batch) {
            let expected = latest.unwrap_or_default().next();
            if output.batch != expected {
                let actual = output.batch;
                return Err(StorageError::BatchOutOfOrder {
                    ticket,
                    expected,
                    actual,
                });
            }
            let (run, records) = self.outputs.entry(key.clone()).or_default();
            records.extend(output.records);
            run.batch = output.batch;
            run.records = records.len() as u64;
            run.checkpoint = output.checkpoint.or(run.checkpoint.take());
            run.progress = output.progress.or(run.progress);
        }
        let (run, _) = self.outputs.entry(key).or_default();
        Ok(Appended {
            batch: run.batch,
            records: run.records,
        })
    }

    fn write_resource(&mut self, write: ResourceWrite) -> Result<Option<Revision>, StorageError> {
        let actual = self.resources.get(&write.resource).map(|stored| stored.revision);
        let as_expected = match write.expected {
            Expected::Any => true,
            Expected::Absent => actual.is_none(),
            Expected::Revision(revision) => actual == Some(revision),
        };
        if !as_expected {
            let resource = write.resource;
            return Err(StorageError::ResourceConflict { resource, actual });
        }
        let Some(document) = write.document else {
            self.resources.remove(&write.resource);
            return Ok(None);
        };
        let highest = self.revisions.entry(write.resource.clone()).or_default();
        *highest = highest.next();
        let stored = Resource {
            resource: write.resource.clone(),
            revision: *highest,
            document,
        };
        self.resources.insert(write.resource, stored);
        Ok(Some(*highest))
    }

    fn campaigns(&self, query: &CampaignQuery) -> CampaignPage {
        let limit = query.limit.clamp(1, 1_000);
        let all: Box<dyn Iterator<Item = &Campaign>> = match query.order {
            Order::OldestFirst => Box::new(self.campaigns.values()),
            Order::NewestFirst => Box::new(self.campaigns.values().rev()),
        };
        let comes_after = |campaign: &&Campaign| match (query.order, query.after) {
            (_, None) => true,
            (Order::OldestFirst, Some(after)) => campaign.id > after,
            (Order::NewestFirst, Some(after)) => campaign.id < after,
        };
        let found = all
            .filter(comes_after)
            .filter(|campaign| query.filter.matches(campaign));
        let mut items: Vec<_> = found.take(limit + 1).cloned().collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|campaign| campaign.id);
        CampaignPage { items, next }
    }

    fn events(
        &self,
        scope: EventScope,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EventPage, StorageError> {
        let limit = limit.clamp(1, 1_000);
        let after = place(after, self.last())?;
        let in_scope = |event: &&LoggedEvent| match scope {
            EventScope::Store => true,
            EventScope::Campaign(id) => event.campaign_id == id,
        };
        let found = self
            .log
            .range((Excluded(after), Unbounded))
            .map(|(_, (event, _))| event);
        let mut items: Vec<_> = found.filter(in_scope).take(limit + 1).cloned().collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(|event| event.cursor.clone());
        Ok(EventPage { items, next_cursor })
    }

    fn records(&self, run: &RunKey, from: u64, limit: usize) -> RecordPage {
        let mut page = RecordPage {
            from,
            ..RecordPage::default()
        };
        let Some((_, records)) = self.outputs.get(run) else {
            return page;
        };
        let mut bytes = 0;
        let skip = usize::try_from(from).unwrap_or(usize::MAX);
        for (index, record) in records.iter().enumerate().skip(skip) {
            bytes += record.get().len();
            let full = page.records.len() == limit.clamp(1, 10_000);
            if full || (bytes > MAX_PAGE_BYTES && !page.records.is_empty()) {
                page.next = Some(index as u64);
                break;
            }
            page.records.push(record.clone());
        }
        page
    }
}

fn cursor(place: u64) -> Cursor {
    Cursor::from_text(format!("m{place}"))
}

fn place(after: Option<&Cursor>, last: u64) -> Result<u64, StorageError> {
    let Some(given) = after else { return Ok(0) };
    let number = given
        .as_str()
        .strip_prefix('m')
        .and_then(|digits| digits.parse().ok());
    number
        .filter(|number| (1..=last).contains(number) && cursor(*number) == *given)
        .ok_or_else(|| StorageError::InvalidCursor {
            cursor: given.as_str().chars().take(80).collect(),
        })
}

#[async_trait]
impl Storage for MemoryStorage {
    async fn commit(&self, transition: Transition) -> Result<Committed, StorageError> {
        transition.check()?;
        let now = (self.clock)();
        let (committed, last) = self.with(|state| {
            let committed = state.commit(transition, now)?;
            Ok((committed, state.last()))
        })?;
        // Sent without the lock on the state: waiting readers take that lock while they hold the watch.
        self.latest.send_modify(|latest| *latest = last.max(*latest));
        Ok(committed)
    }

    async fn append(&self, output: Output) -> Result<Appended, StorageError> {
        output.check()?;
        self.with(|state| state.append(output))
    }

    async fn write_resource(&self, write: ResourceWrite) -> Result<Option<Revision>, StorageError> {
        write.check()?;
        self.with(|state| state.write_resource(write))
    }

    async fn remember(&self, entry: IdempotencyEntry) -> Result<(), StorageError> {
        entry.check()?;
        let now = (self.clock)();
        self.with(|state| state.remember(entry, now))
    }

    async fn committed(
        &self,
        campaign: CampaignId,
        expected_version: Version,
        id: CommitId,
    ) -> Result<bool, StorageError> {
        let first = |event: &LoggedEvent| {
            event.campaign_id == campaign && Some(event.seq.0) == expected_version.0.checked_add(1)
        };
        self.with(|state| {
            Ok(state
                .log
                .values()
                .any(|(event, commit)| first(event) && *commit == id))
        })
    }

    async fn idempotency(
        &self,
        campaign: Option<CampaignId>,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyEntry>, StorageError> {
        let now = (self.clock)();
        self.with(|state| {
            let entry = state.idempotency.get(&(campaign, key.clone())).cloned();
            Ok(entry.filter(|entry| entry.expires_at > now))
        })
    }

    async fn campaign(&self, id: CampaignId) -> Result<Option<Campaign>, StorageError> {
        self.with(|state| Ok(state.campaigns.get(&id).cloned()))
    }

    async fn campaigns(&self, query: CampaignQuery) -> Result<CampaignPage, StorageError> {
        self.with(|state| Ok(state.campaigns(&query)))
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
        self.with(|state| state.events(scope, after.as_ref(), limit))
    }

    async fn run_output(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
    ) -> Result<Option<RunOutput>, StorageError> {
        let key = (campaign, phase.clone(), run);
        self.with(|state| Ok(state.outputs.get(&key).map(|(run, _)| run.clone())))
    }

    async fn records(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
        limit: usize,
    ) -> Result<RecordPage, StorageError> {
        self.with(|state| Ok(state.records(&(campaign, phase.clone(), run), from, limit)))
    }

    async fn resource(&self, resource: &ResourceRef) -> Result<Option<Resource>, StorageError> {
        self.with(|state| Ok(state.resources.get(resource).cloned()))
    }

    async fn resources(
        &self,
        kind: &ResourceKind,
        after: Option<&ResourceId>,
        limit: usize,
    ) -> Result<Vec<Resource>, StorageError> {
        let wanted = |stored: &&Resource| {
            stored.resource.kind == *kind && after.is_none_or(|after| stored.resource.id > *after)
        };
        let limit = limit.clamp(1, 1_000);
        self.with(|state| {
            Ok(state
                .resources
                .values()
                .filter(wanted)
                .take(limit)
                .cloned()
                .collect())
        })
    }

    async fn claim(&self, _ticket: &Ticket, _owner: OwnerId) -> Result<Claim, StorageError> {
        self.with(|_| Ok(Claim::Granted))
    }

    async fn heartbeat(&self, _owner: OwnerId) -> Result<(), StorageError> {
        self.with(|_| Ok(()))
    }

    async fn changes(&self, after: Option<Cursor>) -> Result<(), StorageError> {
        let mut latest = self.latest.subscribe();
        let after = self.with(|state| place(after.as_ref(), state.last()))?;
        // A close changes the watch too.
        let closed = || self.with(|_| Ok(())).is_err();
        let seen = latest.wait_for(|last| *last > after || closed()).await.is_ok();
        match seen && !closed() {
            true => Ok(()),
            false => Err(StorageError::Closed),
        }
    }

    async fn latest(&self) -> Result<Option<Cursor>, StorageError> {
        self.with(|state| Ok(Some(state.last()).filter(|last| *last > 0).map(cursor)))
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.latest.send_modify(|_| {});
        Ok(())
    }
}
