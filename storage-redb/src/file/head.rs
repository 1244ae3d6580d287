//! The head of a store: 4,096 bytes that are written once.
//!
//! `phasegate store` and a zero byte (16 bytes), the number of this layout (4 bytes), the length of the journal (8 bytes), the
//! CRC32C of all these (4 bytes), zeros. Numbers are big-endian.

use std::io;
use std::ops::Range;

use phasegate_core::storage::StorageError;
use redb::StorageBackend;

use crate::fault::unavailable;

const MAGIC: &[u8; 16] = b"phasegate store\0";
/// The number of this layout.
const LAYOUT: u32 = 1;
/// The length of the head, and the unit of all other lengths.
const PAGE: u64 = 4_096;
/// How much of the head is written.
const WRITTEN: usize = 32;
/// How much of a new journal is written at once.
const STEP: usize = 64 * 1024;
/// What Windows says of the bytes that another one has locked.
const LOCK_VIOLATION: i32 = 33;

/// The head of a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Head {
    journal_bytes: u64,
}

impl Head {
    /// Reads the head of a place. Where it is `new`, an empty place gets one, with a journal of so many bytes.
    pub(super) fn read_or_make(
        place: &dyn StorageBackend,
        name: &str,
        new: Option<u64>,
    ) -> Result<Self, StorageError> {
        let failed = |error: io::Error| match error.raw_os_error() {
            // There nobody else reads what redb has locked.
            Some(LOCK_VIOLATION) if cfg!(windows) => StorageError::Held {
                path: name.to_owned(),
            },
            _ => unavailable(format!("{name}: {error}")),
        };
        match (place.len().map_err(failed)?, new) {
            (0, Some(journal_bytes)) => Self::make(place, journal_bytes).map_err(failed),
            (0, None) => Err(not_a_store(name)),
            (length, _) => {
                let mut bytes = [0; WRITTEN];
                let there = usize::try_from(length).map_or(WRITTEN, |length| length.min(WRITTEN));
                place.read(0, &mut bytes[..there]).map_err(failed)?;
                let head = Self::read(&bytes[..there], name)?;
                // redb would begin anew where it finds nothing.
                match length > head.database_at() {
                    true => Ok(head),
                    false => Err(damaged(name, "the file is too short")),
                }
            }
        }
    }

    fn read(bytes: &[u8], name: &str) -> Result<Self, StorageError> {
        if !bytes.starts_with(&MAGIC[..bytes.len().min(MAGIC.len())]) {
            return Err(not_a_store(name));
        }
        let bytes = <[u8; WRITTEN]>::try_from(bytes).map_err(|_| damaged(name, "the file is too short"))?;
        let number = |at: usize, length: usize| {
            let bytes = &bytes[at..at + length];
            bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        let (layout, journal_bytes) = (number(16, 4), number(20, 8));
        if number(28, 4) != u64::from(crc32c::crc32c(&bytes[..28])) {
            return Err(damaged(name, "the checksum of its head is wrong"));
        }
        if layout != u64::from(LAYOUT) {
            return Err(StorageError::NewerFormat {
                found: u32::try_from(layout).unwrap_or(u32::MAX),
                supported: LAYOUT,
            });
        }
        Ok(Self { journal_bytes })
    }

    /// Writes the head and an empty journal. They are durable with the first sync after it.
    fn make(place: &dyn StorageBackend, journal_bytes: u64) -> io::Result<Self> {
        let journal_bytes = journal_bytes.checked_next_multiple_of(PAGE);
        let journal_bytes = journal_bytes
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no journal is so long"))?;
        let head = Self { journal_bytes };
        place.set_len(head.database_at())?;
        // A journal whose blocks exist needs no change of the file's own data with a sync.
        let mut at = PAGE;
        while at < head.database_at() {
            let step = (head.database_at() - at).min(STEP as u64);
            place.write(at, &vec![0; usize::try_from(step).unwrap_or(STEP)])?;
            at += step;
        }
        place.write(0, &head.bytes())?;
        Ok(head)
    }

    fn bytes(self) -> [u8; WRITTEN] {
        let mut bytes = [0; WRITTEN];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..20].copy_from_slice(&LAYOUT.to_be_bytes());
        bytes[20..28].copy_from_slice(&self.journal_bytes.to_be_bytes());
        let sum = crc32c::crc32c(&bytes[..28]);
        bytes[28..].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    /// Where the journal is.
    pub(super) fn journal(self) -> Range<u64> {
        PAGE..self.database_at()
    }

    /// Where the database begins.
    pub(super) fn database_at(self) -> u64 {
        PAGE.saturating_add(self.journal_bytes)
    }
}

fn not_a_store(name: &str) -> StorageError {
    unavailable(format!("{name} is not a store: choose another path"))
}

fn damaged(name: &str, reason: &str) -> StorageError {
    StorageError::Damaged {
        table: "file",
        key: name.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written_and_not_with_another_bit() {
        let head = Head {
            journal_bytes: 3 * PAGE,
        };
        assert_eq!(Head::read(&head.bytes(), "it"), Ok(head));
        for bit in 0..WRITTEN * 8 {
            let mut bytes = head.bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Head::read(&bytes, "it").is_err(), "bit {bit}");
        }
        for length in 0..WRITTEN {
            assert!(
                Head::read(&head.bytes()[..length], "it").is_err(),
                "{length} bytes"
            );
        }
    }
}
