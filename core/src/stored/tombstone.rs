//! What remains of a deleted campaign.

use minicbor::{Decode, Encode};

use super::form::{Fault, Kind, Unreadable, decode};
use super::part::{IdBytes, id_bits, id_bytes};
use crate::ids::{CommitId, Version};
use crate::storage::IdempotencyKey;

const KIND: Kind = Kind {
    what: "tombstone",
    form: 1,
};

/// What remains of a deleted campaign, besides the event of its deletion.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredTombstone {
    /// The number of its deletion in its own log, which is its last version.
    pub seq: Version,
    /// The number of its deletion in the log of the store.
    pub number: u64,
    /// The id of the commit that deleted it.
    pub id: CommitId,
    /// The idempotency key of the deletion.
    pub key: Option<IdempotencyKey>,
}

/// Writes a tombstone.
pub fn write(tombstone: &StoredTombstone) -> Vec<u8> {
    KIND.write(&Form1 {
        seq: tombstone.seq.0,
        number: tombstone.number,
        id: id_bytes(tombstone.id.as_u128()),
        key: tombstone.key.as_ref().map(IdempotencyKey::as_str),
    })
}

/// Reads a tombstone.
///
/// # Errors
///
/// [`Unreadable`].
pub fn read(bytes: &[u8]) -> Result<StoredTombstone, Unreadable> {
    KIND.read(bytes, |form, body| match form {
        1 => decode::<Form1<'_>>(body)?.tombstone(),
        _ => Err(Fault::Newer),
    })
}

#[derive(Encode, Decode)]
struct Form1<'b> {
    #[n(0)]
    seq: u64,
    #[n(1)]
    number: u64,
    #[n(2)]
    id: IdBytes,
    #[b(3)]
    key: Option<&'b str>,
}

impl Form1<'_> {
    fn tombstone(self) -> Result<StoredTombstone, Fault> {
        Ok(StoredTombstone {
            seq: Version(self.seq),
            number: self.number,
            id: CommitId::from_u128(id_bits(self.id)),
            key: self.key.map(IdempotencyKey::new).transpose()?,
        })
    }
}
