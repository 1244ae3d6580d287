//! The envelope of every stored value: format (1 byte), CRC32C (4 bytes, big-endian), payload.
//!
//! The checksum covers the table's name, a zero byte, the key, the format and the payload. So it also reveals a value that
//! moved to another key or another table.

use phasegate_core::storage::StorageError;
use phasegate_core::stored::Unreadable;

use crate::key;
use crate::tables::TableSpec;

/// The format of every payload that this release writes.
const FORMAT: u8 = 1;
/// How many bytes stand before the payload.
const HEADER: usize = 5;

/// Puts a payload into its envelope.
pub(crate) fn seal(table: &TableSpec, key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER + payload.len());
    value.push(FORMAT);
    value.extend(checksum(table, key, FORMAT, payload).to_be_bytes());
    value.extend(payload);
    value
}

/// Takes a payload out of its envelope.
pub(crate) fn open<'v>(table: &TableSpec, key: &[u8], value: &'v [u8]) -> Result<&'v [u8], StorageError> {
    let damaged = |reason: &str| damaged(table, key, reason);
    let (header, payload) = value
        .split_first_chunk::<HEADER>()
        .ok_or_else(|| damaged("it is too short"))?;
    let [format, sum @ ..] = *header;
    if u32::from_be_bytes(sum) != checksum(table, key, format, payload) {
        return Err(damaged("its checksum is wrong"));
    }
    if format != FORMAT {
        return Err(damaged("its format is unknown"));
    }
    Ok(payload)
}

/// Takes a value out of its envelope and reads it.
pub(crate) fn read<T>(
    table: &TableSpec,
    key: &[u8],
    value: &[u8],
    read: impl FnOnce(&[u8]) -> Result<T, Unreadable>,
) -> Result<T, StorageError> {
    read(open(table, key, value)?).map_err(|reason| damaged(table, key, reason))
}

/// Takes a number of 8 bytes out of its envelope.
pub(crate) fn open_u64(table: &TableSpec, key: &[u8], value: &[u8]) -> Result<u64, StorageError> {
    let payload = open(table, key, value)?;
    let bytes = payload
        .try_into()
        .map_err(|_| damaged(table, key, "it is not a number of 8 bytes"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// The error that names a damaged value.
pub(crate) fn damaged(table: &TableSpec, key: &[u8], reason: impl ToString) -> StorageError {
    StorageError::Damaged {
        table: table.name,
        key: key::readable(table, key),
        reason: reason.to_string(),
    }
}

fn checksum(table: &TableSpec, key: &[u8], format: u8, payload: &[u8]) -> u32 {
    let mut sum = crc32c::crc32c(table.name.as_bytes());
    sum = crc32c::crc32c_append(sum, &[0]);
    sum = crc32c::crc32c_append(sum, key);
    sum = crc32c::crc32c_append(sum, &[format]);
    crc32c::crc32c_append(sum, payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{CAMPAIGNS, LOG, RUNNING};

    #[test]
    fn a_value_opens_only_in_its_own_table_at_its_own_key_and_unchanged() {
        let key = [1_u8; 16];
        let value = seal(&CAMPAIGNS, &key, b"{}");
        assert_eq!(open(&CAMPAIGNS, &key, &value), Ok(&b"{}"[..]));
        assert!(open(&RUNNING, &key, &value).is_err());
        assert!(open(&CAMPAIGNS, &[2; 16], &value).is_err());
        for index in 0..value.len() {
            let mut changed = value.clone();
            changed[index] ^= 1;
            assert!(open(&CAMPAIGNS, &key, &changed).is_err(), "byte {index}");
        }
        for length in 0..value.len() {
            assert!(open(&LOG, &key, &value[..length]).is_err(), "{length} bytes");
        }
    }
}
