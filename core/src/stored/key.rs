//! What an idempotency key was used for.

use minicbor::{Decode, Encode};

use super::form::{Fault, Kind, Unreadable, decode};
use super::part::{HashBytes, IdBytes, Json, digest, hash_bytes, id_bits, id_bytes, moment};
use crate::ids::CampaignId;
use crate::storage::{IdempotencyEntry, IdempotencyKey};

const KIND: Kind = Kind {
    what: "idempotency key",
    form: 1,
};

/// Writes an entry.
pub fn write(entry: &IdempotencyEntry) -> Vec<u8> {
    KIND.write(&Form1 {
        key: entry.key.as_str(),
        campaign: entry.campaign.map(|id| id_bytes(id.as_u128())),
        command: hash_bytes(&entry.command),
        expires_at: entry.expires_at.as_unix_ms(),
        outcome: Json::new(&entry.outcome),
    })
}

/// Reads an entry.
///
/// # Errors
///
/// [`Unreadable`].
pub fn read(bytes: &[u8]) -> Result<IdempotencyEntry, Unreadable> {
    KIND.read(bytes, |form, body| match form {
        1 => decode::<Form1<'_>>(body)?.entry(),
        _ => Err(Fault::Newer),
    })
}

#[derive(Encode, Decode)]
struct Form1<'b> {
    #[b(0)]
    key: &'b str,
    #[n(1)]
    campaign: Option<IdBytes>,
    #[n(2)]
    command: HashBytes,
    #[n(3)]
    expires_at: i64,
    #[b(4)]
    outcome: Json<'b>,
}

impl Form1<'_> {
    fn entry(self) -> Result<IdempotencyEntry, Fault> {
        Ok(IdempotencyEntry {
            key: IdempotencyKey::new(self.key)?,
            campaign: self.campaign.map(|id| CampaignId::from_u128(id_bits(id))),
            command: digest(self.command),
            outcome: self.outcome.document()?,
            expires_at: moment(self.expires_at)?,
        })
    }
}
