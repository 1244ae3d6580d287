//! The format of a store: its number, and making and checking its tables.

use phasegate_core::storage::{StorageError, TokenSecret};
use redb::{Database, ReadableDatabase, WriteTransaction};

use crate::envelope::{self, seal};
use crate::fault::{Fault, unavailable};
use crate::journal::{Epoch, begin_epoch};
use crate::open_store::no_panic;
use crate::rows::{Rows, View};
use crate::tables::{self, META};
use crate::write::begin;

/// The format that this release writes. It reads this and older formats.
pub const FORMAT: u32 = 1;

/// The key of the number of the format.
pub(crate) const FORMAT_KEY: &[u8] = b"format";
/// The key of the secret of the tokens of answers.
pub(crate) const SECRET_KEY: &[u8] = b"token_secret";

/// Checks the format, and makes the tables of an empty database.
pub(crate) fn prepare(database: &Database) -> Result<(), StorageError> {
    let checked = no_panic(|| {
        let txn = database.begin_read()?;
        if txn.list_tables()?.next().is_none() {
            return Ok(false);
        }
        match txn.open_table(META.definition()) {
            Ok(_) => check_format(&View::of(database)?).map(|()| true),
            Err(redb::TableError::TableDoesNotExist(_)) => {
                Err(envelope::damaged(&META, FORMAT_KEY, "the table is missing").into())
            }
            Err(error) => Err(error.into()),
        }
    });
    match checked.map_err(Fault::into_read_error)? {
        true => Ok(()),
        false => no_panic(|| make_tables(database)).map_err(Fault::into_read_error),
    }
}

/// Checks the format of a store.
pub(crate) fn check_format(rows: &impl Rows) -> Result<(), Fault> {
    let damaged = |reason| envelope::damaged(&META, FORMAT_KEY, reason);
    let value = rows.with(&META, FORMAT_KEY, |value| Ok(<[u8; 8]>::try_from(value)))?;
    let value = value.ok_or_else(|| damaged("it is missing"))?;
    let value = value.map_err(|_| damaged("it is not 8 bytes long"))?;
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

/// The secret of the tokens of answers.
pub(crate) fn token_secret(rows: &impl Rows) -> Result<TokenSecret, Fault> {
    let damaged = |reason| envelope::damaged(&META, SECRET_KEY, reason);
    let secret = rows.with(&META, SECRET_KEY, |value| {
        let secret = envelope::open(&META, SECRET_KEY, value)?;
        let secret = secret
            .try_into()
            .map_err(|_| damaged("it is not 32 bytes long"))?;
        Ok(TokenSecret(secret))
    })?;
    Ok(secret.ok_or_else(|| damaged("it is missing"))?)
}

/// The stored form of a format's number.
pub(crate) fn format_value(format: u32) -> [u8; 8] {
    (u64::from(format) << 32 | u64::from(format_checksum(format))).to_be_bytes()
}

fn format_checksum(format: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(b"meta\0format"), &format.to_be_bytes())
}

/// Makes every table in an empty database, and draws its secret and the first epoch of its journal.
pub(crate) fn make_tables(database: &Database) -> Result<(), Fault> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)
        .map_err(|error| Fault::Refused(unavailable(format!("the system gives no random bytes: {error}"))))?;
    let txn = begin(database)?;
    open_all(&txn)?;
    let mut meta = txn.open_table(META.definition())?;
    meta.insert(FORMAT_KEY, format_value(FORMAT).as_slice())?;
    meta.insert(SECRET_KEY, seal(&META, SECRET_KEY, &secret).as_slice())?;
    drop(meta);
    begin_epoch(&txn, Epoch::default())?;
    txn.commit()?;
    Ok(())
}

/// Makes the tables that aren't there yet.
pub(crate) fn open_all(txn: &WriteTransaction) -> Result<(), Fault> {
    for table in tables::ALL {
        txn.open_table(table.definition())?;
    }
    Ok(())
}
