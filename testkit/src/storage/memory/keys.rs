//! Idempotency keys.

use std::collections::BTreeMap;

use phasegate_core::storage::{IdempotencyEntry, IdempotencyKey, StorageError};
use phasegate_core::{CampaignId, Timestamp};

/// The keys, each in its scope.
#[derive(Default)]
pub(super) struct Keys {
    entries: BTreeMap<(Option<CampaignId>, IdempotencyKey), IdempotencyEntry>,
}

impl Keys {
    /// What a key was used for, unless it has expired.
    pub(super) fn get(
        &self,
        scope: Option<CampaignId>,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Option<&IdempotencyEntry> {
        let entry = self.entries.get(&(scope, key.clone()));
        entry.filter(|entry| entry.expires_at > now)
    }

    /// Checks that the key of an entry is not in use.
    pub(super) fn check(&self, entry: &IdempotencyEntry, now: Timestamp) -> Result<(), StorageError> {
        match self.get(entry.campaign, &entry.key, now) {
            Some(_) => Err(StorageError::KeyUsed {
                key: entry.key.to_string(),
            }),
            None => Ok(()),
        }
    }

    /// Stores an entry whose key is not in use.
    pub(super) fn store(&mut self, entry: IdempotencyEntry) {
        self.entries.insert((entry.campaign, entry.key.clone()), entry);
    }

    /// Removes every key of a campaign.
    pub(super) fn forget(&mut self, campaign: CampaignId) {
        self.entries.retain(|(scope, _), _| *scope != Some(campaign));
    }
}
