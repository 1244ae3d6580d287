//! What can go wrong within a transaction.

use std::io;

use phasegate_core::storage::StorageError;

/// Why work in a transaction failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It was refused, or it found a damaged value. The transaction is unchanged and may go on with other work.
    Refused(StorageError),
    /// The database failed. The write transaction must not be committed.
    Broken(redb::Error),
}

impl Fault {
    /// The error that a read gives for it.
    pub(crate) fn into_read_error(self) -> StorageError {
        let damaged = |reason| StorageError::Damaged {
            table: "file",
            key: "page".into(),
            reason,
        };
        match self {
            Self::Refused(error) => error,
            Self::Broken(redb::Error::Corrupted(reason)) => damaged(reason),
            Self::Broken(redb::Error::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                damaged("the file ends before it".to_owned())
            }
            Self::Broken(redb::Error::DatabaseClosed) => StorageError::Closed,
            Self::Broken(error) => unavailable(error),
        }
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Self::Refused(error)
    }
}

macro_rules! broken {
    ($($error:ty),*) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::Broken(error.into())
            }
        })*
    };
}
broken!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError
);

/// The error of a store that can't be used.
pub(crate) fn unavailable(reason: impl ToString) -> StorageError {
    StorageError::Unavailable {
        reason: reason.to_string(),
    }
}
