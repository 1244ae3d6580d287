//! The commit of a decision.

use std::mem;
use std::sync::Arc;

use phasegate_core::storage::{
    Committed, ExpectedBatch, IdempotencyEntry, StorageError, Transition, WriteRef,
};
use phasegate_core::stored::{self, StoredLease, StoredRun, StoredTombstone};
use phasegate_core::{Attempt, BatchNumber, Campaign, EventKind, Version};

use super::group::{BASE_WEIGHT, Group, Grown, Write};
use super::idempotency::SealedEntry;
use super::index::index;
use super::output::Batch;
use crate::cursor::cursor;
use crate::envelope::seal;
use crate::fault::Fault;
use crate::key::{self, Key};
use crate::lookup;
use crate::metrics::WriteKind;
use crate::tables::{
    CAMPAIGN_LOG, CAMPAIGNS, CONFIGS, LOG, RECLAIM, RECLAIM_RUNS, RUNNING, RUNS, TOMBSTONES,
};

/// A transition, with its values in their stored forms.
pub(crate) struct Commit {
    transition: Transition,
    snapshot: Option<Vec<u8>>,
    /// The payload of the row of the log.
    log: Vec<u8>,
    configs: Vec<(Key, Vec<u8>)>,
    entry: Option<SealedEntry>,
    batch: Option<Batch>,
    /// How many events are logged. Of a deletion it is the last one alone: the others would be hidden at once.
    logged: usize,
}

impl Commit {
    pub(crate) fn new(mut transition: Transition) -> Self {
        let id = transition.campaign;
        let after = transition.snapshot.as_deref();
        let snapshot = after
            .filter(|_| !transition.events.is_empty())
            .map(|campaign| seal(&CAMPAIGNS, &key::campaign(id), &stored::campaign::write(campaign)));
        let logged = match after {
            Some(_) => transition.events.len(),
            None => transition.events.len().min(1),
        };
        let hidden = transition.events.len() - logged;
        let first = Version(transition.expected_version.0 + hidden as u64).next();
        let log = stored::commit::write_parts(
            Some(id),
            Some(first),
            transition.commit_id,
            &transition.events[hidden..],
        );
        let configs = transition.configs.iter().map(|write| {
            let key = key::config(id, &write.phase, write.revision);
            let value = seal(&CONFIGS, &key, &stored::config::write(&write.config));
            (key, value)
        });
        Self {
            configs: configs.collect(),
            entry: transition.idempotency.as_ref().map(SealedEntry::of),
            batch: transition.output.take().map(Batch::new),
            snapshot,
            log,
            logged,
            transition,
        }
    }
}

impl Write for Commit {
    type Done = Committed;
    const KIND: WriteKind = WriteKind::Commit;

    fn apply(&mut self, group: &mut Group<'_>) -> Result<Committed, Fault> {
        let transition = &self.transition;
        let before = check_version(transition, group)?;
        let before = before.as_deref();
        check_resources(transition, group)?;
        if let Some(expected) = &transition.expected_batch {
            check_batch(transition, expected, group)?;
        }
        let worked_on = before.and_then(Campaign::working_ticket);
        if let Some(ticket) = &worked_on
            && transition.lease.if_over
            && group.leases.is_held(ticket)
        {
            let ticket = ticket.clone();
            return Err(Fault::Refused(StorageError::LeaseHeld { ticket }));
        }
        let replaced = match (&transition.idempotency, &self.entry) {
            (Some(entry), Some(sealed)) => sealed.check(entry, group)?,
            _ => None,
        };
        let batch = match &self.batch {
            // An attempt that waits for a report can't append, but its answer may bring a batch.
            Some(batch) if before.and_then(Campaign::ticket).as_ref() != Some(&batch.output.ticket) => {
                return Err(batch.stale());
            }
            Some(batch) => Some((batch, batch.check(group)?)),
            None => None,
        };

        if let Some(entry) = &mut self.entry {
            entry.put(group, replaced);
        }
        if transition.events.is_empty() {
            return Ok(Committed {
                version: transition.expected_version,
                cursor: None,
            });
        }
        if let Some((batch, checked)) = &batch {
            batch.put(checked, group);
        }
        let id = transition.campaign;
        let version = Version(transition.expected_version.0 + transition.events.len() as u64);
        group.last += self.logged as u64;
        let grown = Grown {
            last: group.last,
            is_at_rest: transition
                .snapshot
                .as_ref()
                .is_none_or(|after| after.is_at_rest()),
        };
        group.grown.insert(id, grown);
        let number = group.last;
        let log_key = key::log(number);
        let value = seal(&LOG, &log_key, &self.log);
        group.put(&LOG, log_key, value);
        for (key, value) in mem::take(&mut self.configs) {
            group.put(&CONFIGS, key, value);
        }
        let mut stored = 0;
        match self.snapshot.take() {
            Some(value) => {
                stored = value.len();
                group.put(&CAMPAIGNS, key::campaign(id), value);
                let log_key = key::campaign_log(id, version.0);
                let value = seal(&CAMPAIGN_LOG, &log_key, &number.to_be_bytes());
                group.put(&CAMPAIGN_LOG, log_key, value);
                runs(transition, group);
            }
            None => bury(transition, version, group),
        }
        let after = transition.snapshot.as_deref();
        index(before, after, group);
        let working = after.and_then(Campaign::working_ticket);
        let launches = working.is_some() && working != worked_on;
        run_or_rest(transition, worked_on.is_some(), launches, group);
        group.leases.committed(id, after, &transition.lease, launches);
        let due = after.and_then(Campaign::due);
        if let Some(at) = due.filter(|_| due != before.and_then(Campaign::due)) {
            group.leases.moment_came_up(at);
        }
        group.has_now(id, self.transition.snapshot.take(), stored);
        Ok(Committed {
            version,
            cursor: Some(cursor(number)),
        })
    }

    fn weight(&self) -> usize {
        let configs: usize = self.configs.iter().map(|(_, value)| value.len()).sum();
        BASE_WEIGHT
            + configs
            + self.log.len()
            + self.snapshot.as_ref().map_or(0, Vec::len)
            + self.entry.as_ref().map_or(0, SealedEntry::bytes)
            + self.batch.as_ref().map_or(0, Batch::weight)
    }

    fn write_ref(&self) -> WriteRef {
        self.transition.write_ref()
    }
}

fn check_version(transition: &Transition, group: &Group<'_>) -> Result<Option<Arc<Campaign>>, Fault> {
    let id = transition.campaign;
    let before = group.campaign(id)?;
    let (actual, is_free) = match &before {
        Some(campaign) => (campaign.version, true),
        None => match lookup::tombstone(group, id)? {
            Some(grave) => (grave.seq, false),
            None => (Version(0), true),
        },
    };
    if is_free && actual == transition.expected_version {
        return Ok(before);
    }
    Err(Fault::Refused(StorageError::Conflict {
        campaign: id,
        expected: transition.expected_version,
        actual,
    }))
}

fn check_resources(transition: &Transition, group: &Group<'_>) -> Result<(), Fault> {
    for expected in &transition.expected_resources {
        let stored = lookup::present_resource(group, &key::resource(&expected.resource))?;
        let actual = stored.map(|stored| stored.revision);
        if actual != expected.revision {
            return Err(Fault::Refused(StorageError::ResourceConflict {
                resource: expected.resource.clone(),
                actual,
            }));
        }
    }
    Ok(())
}

fn check_batch(transition: &Transition, expected: &ExpectedBatch, group: &Group<'_>) -> Result<(), Fault> {
    let id = transition.campaign;
    let run = lookup::run(group, &key::run(id, &expected.phase, expected.run))?;
    let actual = run.map_or(BatchNumber(0), |run| run.output.batch);
    if actual == expected.batch {
        return Ok(());
    }
    Err(Fault::Refused(StorageError::BatchConflict {
        campaign: id,
        phase: expected.phase.clone(),
        run: expected.run,
        actual,
    }))
}

/// Writes the rows of the runs that begin, and queues those that are pruned.
fn runs(transition: &Transition, group: &mut Group<'_>) {
    let id = transition.campaign;
    let mut seq = transition.expected_version;
    for event in &transition.events {
        seq = seq.next();
        if let Some(launch) = event.kind.launch().filter(|launch| launch.attempt == Attempt(1)) {
            let key = key::run(id, &launch.phase, launch.run);
            let value = seal(&RUNS, &key, &stored::run::write(&StoredRun::launched(seq)));
            group.put(&RUNS, key, value);
        }
        if let EventKind::RunPruned { phase, run } = &event.kind {
            group.put_key(&RECLAIM_RUNS, key::run(id, phase, *run));
        }
    }
}

/// Removes the snapshot, and leaves a tombstone. The rest is reclaimed later.
fn bury(transition: &Transition, seq: Version, group: &mut Group<'_>) {
    let id = transition.campaign;
    let own_key = |entry: &&IdempotencyEntry| entry.campaign == Some(id);
    let grave = StoredTombstone {
        seq,
        number: group.last,
        id: transition.commit_id,
        key: transition
            .idempotency
            .as_ref()
            .filter(own_key)
            .map(|entry| entry.key.clone()),
    };
    let key = key::campaign(id);
    let value = seal(&TOMBSTONES, &key, &stored::tombstone::write(&grave));
    group.put(&TOMBSTONES, key.clone(), value);
    group.put_key(&RECLAIM, key.clone());
    group.remove(&CAMPAIGNS, key);
}

/// Keeps the row of the attempt that a runner works on.
fn run_or_rest(transition: &Transition, was_worked_on: bool, launches: bool, group: &mut Group<'_>) {
    let key = key::campaign(transition.campaign);
    let after = transition.snapshot.as_deref();
    match after.and_then(|campaign| Some((campaign, campaign.working_ticket()?))) {
        Some((campaign, ticket)) if launches => {
            let lease = StoredLease {
                owner: transition.lease.owner,
                until: None,
                released: false,
                hidden_for: None,
                phase: ticket.phase,
                run: ticket.run,
                attempt: ticket.attempt,
                pipeline: campaign.pipeline.clone(),
            };
            let value = seal(&RUNNING, &key, &stored::lease::write(&lease));
            group.put(&RUNNING, key, value);
        }
        None if was_worked_on => group.remove(&RUNNING, key),
        _ => {}
    }
}
