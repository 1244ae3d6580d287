//! Writing idempotency keys, with a commit or by themselves.

use phasegate_core::Timestamp;
use phasegate_core::storage::{IdempotencyEntry, StorageError};

use super::{BASE_WEIGHT, Tables, Write, json_bytes};
use crate::envelope::seal_json;
use crate::fault::Fault;
use crate::key::{self, Key};
use crate::lookup;
use crate::metrics::WriteKind;
use crate::tables;

impl Write for IdempotencyEntry {
    type Done = ();
    const KIND: WriteKind = WriteKind::Key;

    fn apply(&self, tables: &mut Tables<'_>, now: Timestamp) -> Result<(), Fault> {
        let replaced = replaced(self, tables, now)?;
        let sealed = SealedEntry::of(self)?;
        tables.changed = true;
        sealed.insert(tables, replaced.as_ref())
    }

    fn weight(&self) -> usize {
        BASE_WEIGHT + json_bytes(self)
    }
}

/// Returns the expiry key of the expired entry that this one replaces, if any.
pub(super) fn replaced(
    entry: &IdempotencyEntry,
    tables: &Tables<'_>,
    now: Timestamp,
) -> Result<Option<Key>, Fault> {
    let key = key::idempotency(entry.campaign, &entry.key);
    match lookup::idempotency(&tables.idempotency, &key)? {
        Some(old) if old.expires_at > now => Err(Fault::Refused(StorageError::KeyUsed {
            key: entry.key.to_string(),
        })),
        Some(old) => Ok(Some(key::expiry(old.expires_at.as_unix_ms(), &key))),
        None => Ok(None),
    }
}

/// An entry in its stored form, so that nothing can be refused once writing has begun.
pub(super) struct SealedEntry {
    key: Key,
    expiry: Key,
    value: Vec<u8>,
}

impl SealedEntry {
    pub(super) fn of(entry: &IdempotencyEntry) -> Result<Self, StorageError> {
        let key = key::idempotency(entry.campaign, &entry.key);
        let value = seal_json(&tables::IDEMPOTENCY, &key, entry)?;
        let expiry = key::expiry(entry.expires_at.as_unix_ms(), &key);
        Ok(Self { key, expiry, value })
    }

    /// Writes it, replacing the expired entry with the expiry key `replaced`.
    pub(super) fn insert(&self, tables: &mut Tables<'_>, replaced: Option<&Key>) -> Result<(), Fault> {
        if let Some(expiry) = replaced {
            tables.by_expiry.remove(expiry.as_slice())?;
        }
        tables
            .idempotency
            .insert(self.key.as_slice(), self.value.as_slice())?;
        tables.by_expiry.insert(self.expiry.as_slice(), [].as_slice())?;
        Ok(())
    }
}
