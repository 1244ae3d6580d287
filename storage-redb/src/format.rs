//! The format of a store: its number, and making and checking its tables.

use phasegate_core::storage::StorageError;
use redb::{Database, ReadableDatabase};

use crate::fault::{Fault, unavailable};
use crate::lookup;
use crate::open_store::no_panic;
use crate::tables::{self, META};
use crate::write::begin;

/// The format that this release writes. It reads this and older formats.
pub const FORMAT: u32 = 1;

/// Checks the format, and makes the tables of an empty database.
pub(crate) fn prepare(database: &Database, name: &str) -> Result<(), StorageError> {
    let checked = no_panic(|| {
        let txn = database.begin_read()?;
        if txn.list_tables()?.next().is_none() {
            return Ok(false);
        }
        match txn.open_table(META.definition()) {
            Ok(meta) => check_format(&meta).map(|()| true),
            Err(redb::TableError::TableDoesNotExist(_)) => Err(Fault::Refused(unavailable(format!(
                "{name} is another program's database: choose another path"
            )))),
            Err(error) => Err(error.into()),
        }
    });
    match checked.map_err(Fault::into_read_error)? {
        true => Ok(()),
        false => no_panic(|| make_tables(database)).map_err(Fault::into_read_error),
    }
}

/// Checks the format of a store.
pub(crate) fn check_format(meta: &impl lookup::BytesTable) -> Result<(), Fault> {
    let damaged = |reason: &str| StorageError::Damaged {
        table: META.name,
        key: "format".into(),
        reason: reason.into(),
    };
    let value = meta
        .get(b"format".as_slice())?
        .ok_or_else(|| damaged("it is missing"))?;
    let value: [u8; 8] = value
        .value()
        .try_into()
        .map_err(|_| damaged("it is not 8 bytes long"))?;
    let (number, sum) = (u64::from_be_bytes(value) >> 32, u64::from_be_bytes(value) as u32);
    let found = number as u32;
    match found {
        _ if sum != format_checksum(found) => Err(damaged("its checksum is wrong").into()),
        0 => Err(damaged("0 is not a format").into()),
        1..=FORMAT => Ok(()),
        _ => Err(Fault::Refused(StorageError::NewerFormat {
            found,
            supported: FORMAT,
        })),
    }
}

/// The stored form of a format's number.
pub(crate) fn format_value(format: u32) -> [u8; 8] {
    (u64::from(format) << 32 | u64::from(format_checksum(format))).to_be_bytes()
}

fn format_checksum(format: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(b"meta\0format"), &format.to_be_bytes())
}

/// Makes every table in an empty database.
pub(crate) fn make_tables(database: &Database) -> Result<(), Fault> {
    let txn = begin(database)?;
    for table in tables::ALL {
        txn.open_table(table.definition())?;
    }
    let mut meta = txn.open_table(META.definition())?;
    meta.insert(b"format".as_slice(), format_value(FORMAT).as_slice())?;
    drop(meta);
    txn.commit()?;
    Ok(())
}
