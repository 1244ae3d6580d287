//! The commit of a decision.

use phasegate_core::storage::{ActivityKind, Committed, StorageError, Transition};
use phasegate_core::{Campaign, Timestamp, Version};

use super::idempotency::{self, SealedEntry};
use super::{BASE_WEIGHT, Tables, Write, json_bytes};
use crate::envelope::{seal, seal_json};
use crate::fault::Fault;
use crate::key::{self, Key};
use crate::lookup;
use crate::metrics::WriteKind;
use crate::tables;
use crate::values::{LogEntry, Tombstone, cursor};

impl Write for Transition {
    type Done = Committed;
    const KIND: WriteKind = WriteKind::Commit;

    fn apply(&self, tables: &mut Tables<'_>, now: Timestamp) -> Result<Committed, Fault> {
        let before = check_version(self, tables)?;
        check_resources(self, tables)?;
        let replaced = match &self.idempotency {
            Some(entry) => idempotency::replaced(entry, tables, now)?,
            None => None,
        };
        let sealed = seal_all(self, tables.last)?;

        tables.changed = true;
        for (key, value) in &sealed.log {
            tables.log.insert(key.as_slice(), value.as_slice())?;
        }
        for (key, value) in &sealed.campaign_log {
            tables.campaign_log.insert(key.as_slice(), value.as_slice())?;
        }
        for (key, value) in &sealed.configs {
            tables.configs.insert(key.as_slice(), value.as_slice())?;
        }
        if let Some(entry) = &sealed.idempotency {
            entry.insert(tables, replaced.as_ref())?;
        }
        tables.last += self.events.len() as u64;
        if self.events.is_empty() {
            return Ok(Committed {
                version: self.expected_version,
                cursor: None,
            });
        }
        let id = key::campaign(self.campaign);
        match &sealed.snapshot {
            Some(value) => tables.campaigns.insert(id.as_slice(), value.as_slice())?,
            None => tables.campaigns.remove(id.as_slice())?,
        };
        if let Some(value) = &sealed.tombstone {
            tables.tombstones.insert(id.as_slice(), value.as_slice())?;
            let queued = seal(&tables::RECLAIM, &id, &[]);
            tables.reclaim.insert(id.as_slice(), queued.as_slice())?;
        }
        index(tables, before.as_ref(), self.snapshot.as_ref())?;
        Ok(Committed {
            version: Version(self.expected_version.0 + self.events.len() as u64),
            cursor: Some(cursor(tables.last)),
        })
    }

    fn weight(&self) -> usize {
        let configs: usize = self.configs.iter().map(|write| json_bytes(&write.config)).sum();
        BASE_WEIGHT
            + configs
            + json_bytes(&self.events)
            + json_bytes(&self.snapshot)
            + json_bytes(&self.idempotency)
    }
}

fn check_version(transition: &Transition, tables: &Tables<'_>) -> Result<Option<Campaign>, Fault> {
    let id = transition.campaign;
    let before = lookup::campaign(&tables.campaigns, id)?;
    let grave = lookup::tombstone(&tables.tombstones, id)?;
    let actual = match (&before, &grave) {
        (_, Some(grave)) => grave.seq,
        (Some(campaign), None) => campaign.version,
        (None, None) => Version(0),
    };
    if grave.is_some() || actual != transition.expected_version {
        return Err(Fault::Refused(StorageError::Conflict {
            campaign: id,
            expected: transition.expected_version,
            actual,
        }));
    }
    Ok(before)
}

fn check_resources(transition: &Transition, tables: &Tables<'_>) -> Result<(), Fault> {
    for expected in &transition.expected_resources {
        let stored = lookup::resource(&tables.resources, &key::resource(&expected.resource))?;
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

/// All values that a transition writes, in their stored form, so that nothing can be refused once writing has begun.
struct SealedTransition {
    log: Vec<(Key, Vec<u8>)>,
    campaign_log: Vec<(Key, Vec<u8>)>,
    configs: Vec<(Key, Vec<u8>)>,
    idempotency: Option<SealedEntry>,
    snapshot: Option<Vec<u8>>,
    tombstone: Option<Vec<u8>>,
}

fn seal_all(transition: &Transition, last: u64) -> Result<SealedTransition, StorageError> {
    let id = transition.campaign;
    let campaign_key = key::campaign(id);
    let mut log = Vec::new();
    let mut campaign_log = Vec::new();
    let (mut number, mut seq) = (last, transition.expected_version);
    for event in &transition.events {
        number += 1;
        seq = seq.next();
        let entry = LogEntry {
            campaign: id,
            seq,
            commit: transition.commit_id,
            event: event.clone(),
        };
        let key = key::log(number);
        let value = seal_json(&tables::LOG, &key, &entry)?;
        log.push((key, value));
        let key = key::campaign_log(id, seq.0);
        let value = seal(&tables::CAMPAIGN_LOG, &key, &number.to_be_bytes());
        campaign_log.push((key, value));
    }
    let mut configs = Vec::new();
    for write in &transition.configs {
        let key = key::config(id, &write.phase, write.revision);
        let value = seal_json(&tables::CONFIGS, &key, &write.config)?;
        configs.push((key, value));
    }
    let entry = transition.idempotency.as_ref();
    let idempotency = entry.map(SealedEntry::of).transpose()?;
    let (mut snapshot, mut tombstone) = (None, None);
    match &transition.snapshot {
        Some(campaign) => snapshot = Some(seal_json(&tables::CAMPAIGNS, &campaign_key, campaign)?),
        None => {
            let own_key = |entry: &&phasegate_core::storage::IdempotencyEntry| entry.campaign == Some(id);
            let grave = Tombstone {
                seq,
                number,
                key: transition
                    .idempotency
                    .as_ref()
                    .filter(own_key)
                    .map(|entry| entry.key.clone()),
            };
            tombstone = Some(seal_json(&tables::TOMBSTONES, &campaign_key, &grave)?);
        }
    }
    Ok(SealedTransition {
        log,
        campaign_log,
        configs,
        idempotency,
        snapshot,
        tombstone,
    })
}

/// The keys of a snapshot in the two indexes.
pub(crate) fn index_keys(campaign: &Campaign) -> (Key, Key) {
    let position = u32::try_from(campaign.position()).unwrap_or(u32::MAX);
    let activity = ActivityKind::from(&campaign.activity);
    let state = key::state_prefix(activity, campaign.mode, position);
    (
        key::with_campaign(state, campaign.id),
        key::with_campaign(key::name_prefix(&campaign.name), campaign.id),
    )
}

fn index(
    tables: &mut Tables<'_>,
    before: Option<&Campaign>,
    after: Option<&Campaign>,
) -> Result<(), redb::StorageError> {
    let (before, after) = (before.map(index_keys), after.map(index_keys));
    if before == after {
        return Ok(());
    }
    if let Some((state, name)) = before {
        tables.by_state.remove(state.as_slice())?;
        tables.by_name.remove(name.as_slice())?;
    }
    if let Some((state, name)) = after {
        tables.by_state.insert(state.as_slice(), [].as_slice())?;
        tables.by_name.insert(name.as_slice(), [].as_slice())?;
    }
    Ok(())
}
