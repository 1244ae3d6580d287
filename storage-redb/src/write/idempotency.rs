//! Writing idempotency keys, with a commit or by themselves.

use std::mem;

use phasegate_core::storage::{IdempotencyEntry, StorageError, WriteRef};
use phasegate_core::{Timestamp, stored};

use super::group::{BASE_WEIGHT, Group, Write};
use crate::envelope::seal;
use crate::fault::Fault;
use crate::key::{self, Key};
use crate::lookup;
use crate::metrics::WriteKind;
use crate::tables::{BY_EXPIRY, IDEMPOTENCY};

/// The write of a key that stands in no commit.
pub(crate) struct Remember {
    entry: IdempotencyEntry,
    sealed: SealedEntry,
}

impl Remember {
    pub(crate) fn new(entry: IdempotencyEntry) -> Self {
        let sealed = SealedEntry::of(&entry);
        Self { entry, sealed }
    }
}

impl Write for Remember {
    type Done = ();
    const KIND: WriteKind = WriteKind::Key;

    fn apply(&mut self, group: &mut Group<'_>) -> Result<(), Fault> {
        let replaced = self.sealed.check(&self.entry, group)?;
        self.sealed.put(group, replaced);
        Ok(())
    }

    fn weight(&self) -> usize {
        BASE_WEIGHT + self.sealed.bytes()
    }

    fn write_ref(&self) -> WriteRef {
        WriteRef::Key {
            key: self.entry.key.clone(),
            command: self.entry.command,
        }
    }
}

/// An entry in its stored form.
pub(super) struct SealedEntry {
    key: Key,
    expires_at: Timestamp,
    value: Vec<u8>,
}

impl SealedEntry {
    pub(super) fn of(entry: &IdempotencyEntry) -> Self {
        let key = key::idempotency(entry.campaign, &entry.key);
        let value = seal(&IDEMPOTENCY, &key, &stored::key::write(entry));
        Self {
            key,
            expires_at: entry.expires_at,
            value,
        }
    }

    /// How many bytes it writes.
    pub(super) fn bytes(&self) -> usize {
        self.value.len()
    }

    /// Refuses a key that is in use. Returns the row of the expired key that this one replaces, if there is one.
    pub(super) fn check(&self, entry: &IdempotencyEntry, group: &Group<'_>) -> Result<Option<Key>, Fault> {
        match lookup::idempotency(group, &self.key)? {
            Some(old) if old.expires_at > group.now => Err(Fault::Refused(StorageError::KeyUsed {
                key: entry.key.to_string(),
            })),
            Some(old) => Ok(Some(key::expiry(old.expires_at, &self.key))),
            None => Ok(None),
        }
    }

    /// Writes it, in place of the expired key.
    pub(super) fn put(&mut self, group: &mut Group<'_>, replaced: Option<Key>) {
        if let Some(expiry) = replaced {
            group.remove(&BY_EXPIRY, expiry);
        }
        group.put_key(&BY_EXPIRY, key::expiry(self.expires_at, &self.key));
        group.put(&IDEMPOTENCY, mem::take(&mut self.key), mem::take(&mut self.value));
    }
}
