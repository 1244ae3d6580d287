//! What it means when redb doesn't open a database.

use std::io;

use phasegate_core::storage::StorageError;
use redb::DatabaseError;

use crate::fault::unavailable;

/// The error of a database that could not be opened.
pub(crate) fn open_error(name: &str, error: DatabaseError) -> StorageError {
    let damaged = |reason: String| StorageError::Damaged {
        table: "file",
        key: name.to_owned(),
        reason,
    };
    match error {
        DatabaseError::DatabaseAlreadyOpen => StorageError::Held {
            path: name.to_owned(),
        },
        DatabaseError::Storage(redb::StorageError::Corrupted(reason)) => damaged(reason),
        DatabaseError::Storage(redb::StorageError::Io(error)) => match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged("the file is too short".to_owned()),
            io::ErrorKind::InvalidData => {
                unavailable(format!("{name} is not a store ({error}): choose another path"))
            }
            _ => unavailable(format!("{name}: {error}")),
        },
        error => unavailable(format!("{name}: {error}")),
    }
}
