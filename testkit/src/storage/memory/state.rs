//! The whole state of a store, and its writes, each of which looks before it changes anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use phasegate_core::storage::{
    Appended, Committed, Cursor, Output, ResourceWrite, StorageError, Transition, WriteRef,
};
use phasegate_core::{
    Campaign, CampaignId, CommitId, Event, EventKind, PhaseName, Revision, Ticket, Timestamp, Version,
};
use serde_json::Value;

use super::keys::Keys;
use super::leases::Leases;
use super::log::Log;
use super::output::{Runs, Step};
use super::resources::Resources;

/// The state.
#[derive(Default)]
pub(super) struct State {
    pub(super) campaigns: BTreeMap<CampaignId, Arc<Campaign>>,
    deleted: BTreeMap<CampaignId, Deletion>,
    pub(super) log: Log,
    pub(super) configs: BTreeMap<(CampaignId, PhaseName, Revision), Value>,
    pub(super) runs: Runs,
    pub(super) resources: Resources,
    pub(super) keys: Keys,
    pub(super) leases: Leases,
    pub(super) cursors: BTreeMap<String, Cursor>,
}

/// What remains of a deleted campaign, besides its last event.
struct Deletion {
    version: Version,
    /// The version that the deletion followed.
    followed: Version,
    commit: CommitId,
}

impl State {
    pub(super) fn commit(
        &mut self,
        transition: Transition,
        now: Timestamp,
    ) -> Result<Committed, StorageError> {
        let writes_output = self.check(&transition, now)?;
        let id = transition.campaign;
        if transition.events.is_empty() {
            if let Some(entry) = transition.idempotency {
                self.keys.store(entry);
            }
            return Ok(Committed {
                version: transition.expected_version,
                cursor: None,
            });
        }
        if let Some(output) = transition.output.filter(|_| writes_output) {
            self.runs.write(output);
        }
        let mut version = transition.expected_version;
        for event in transition.events {
            version = version.next();
            if let Some(launch) = event.kind.launch() {
                self.runs.launch(id, launch, version);
            }
            if let EventKind::RunPruned { phase, run } = &event.kind {
                self.runs.prune(id, phase, *run);
            }
            self.log.add(id, version, event, transition.commit_id);
        }
        for write in transition.configs {
            self.configs
                .insert((id, write.phase, write.revision), write.config);
        }
        self.leases
            .follow(id, transition.snapshot.as_deref(), &transition.lease, now);
        match transition.snapshot {
            Some(snapshot) => {
                self.campaigns.insert(id, snapshot);
            }
            None => {
                let deletion = Deletion {
                    version,
                    followed: transition.expected_version,
                    commit: transition.commit_id,
                };
                self.delete(id, deletion);
            }
        }
        if let Some(entry) = transition.idempotency {
            self.keys.store(entry);
        }
        Ok(Committed {
            version,
            cursor: self.log.latest(),
        })
    }

    /// Checks a commit against the state; gives whether its output is still to be written.
    fn check(&self, transition: &Transition, now: Timestamp) -> Result<bool, StorageError> {
        let id = transition.campaign;
        let present = self.campaigns.get(&id).map(|campaign| campaign.version);
        let deleted = self.deleted.get(&id).map(|deletion| deletion.version);
        let actual = present.or(deleted).unwrap_or_default();
        if deleted.is_some() || actual != transition.expected_version {
            return Err(StorageError::Conflict {
                campaign: id,
                expected: transition.expected_version,
                actual,
            });
        }
        self.resources.check(&transition.expected_resources)?;
        if let Some(expected) = &transition.expected_batch {
            self.runs.expect(id, expected)?;
        }
        if transition.lease.if_over {
            self.leases.check_over(id, now)?;
        }
        if let Some(entry) = &transition.idempotency {
            self.keys.check(entry, now)?;
        }
        let Some(output) = &transition.output else {
            return Ok(false);
        };
        // Who answers for a phase that waits has a current ticket, although no runner works on it.
        expect_ticket(
            output,
            self.campaigns.get(&id).and_then(|campaign| campaign.ticket()),
        )?;
        Ok(matches!(self.runs.check(output)?, Step::Next))
    }

    fn delete(&mut self, id: CampaignId, deletion: Deletion) {
        self.campaigns.remove(&id);
        self.log.forget(id, deletion.version);
        self.deleted.insert(id, deletion);
        self.configs.retain(|(campaign, ..), _| *campaign != id);
        self.runs.forget(id);
        self.keys.forget(id);
    }

    pub(super) fn append(&mut self, output: Output) -> Result<Appended, StorageError> {
        let campaign = self.campaigns.get(&output.ticket.campaign);
        expect_ticket(&output, campaign.and_then(|campaign| campaign.working_ticket()))?;
        match self.runs.check(&output)? {
            Step::Again(appended) => Ok(appended),
            Step::Next => Ok(self.runs.write(output)),
        }
    }

    pub(super) fn write_resource(
        &mut self,
        write: ResourceWrite,
        now: Timestamp,
    ) -> Result<Option<Revision>, StorageError> {
        let envelope = write.envelope.clone();
        let (revision, event) = self.resources.write(write)?;
        if let Some(kind) = event {
            self.log.add_of_store(Event {
                timestamp: now,
                envelope,
                kind,
            });
        }
        Ok(revision)
    }

    /// Whether a write was done, as far as is known.
    pub(super) fn outcome(&self, write: &WriteRef, now: Timestamp) -> bool {
        match write {
            WriteRef::Commit {
                campaign,
                expected_version,
                id,
            } => match self.deleted.get(campaign) {
                Some(deletion) => (deletion.followed, deletion.commit) == (*expected_version, *id),
                None => self.log.has_commit(*campaign, *expected_version, *id),
            },
            WriteRef::Append {
                ticket,
                batch,
                digest,
            } => self.runs.has_batch(ticket, *batch, digest),
            WriteRef::Resource { resource, id } => self.resources.has_write(resource, *id),
            WriteRef::Key { key, command } => {
                let entry = self.keys.get(None, key, now);
                entry.is_some_and(|entry| entry.command == *command)
            }
            WriteRef::Cursor { name, cursor } => self.cursors.get(name) == Some(cursor),
            WriteRef::Leases {} => false,
        }
    }
}

fn expect_ticket(output: &Output, current: Option<Ticket>) -> Result<(), StorageError> {
    match current.as_ref() == Some(&output.ticket) {
        true => Ok(()),
        false => Err(StorageError::StaleTicket {
            ticket: output.ticket.clone(),
        }),
    }
}
