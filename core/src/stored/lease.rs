//! The lease of an attempt that a runner works on.

use minicbor::{Decode, Encode};

use super::form::{Fault, Kind, Unreadable, decode};
use super::part::{IdBytes, id_bits, id_bytes, is_false, moment};
use crate::ids::{Attempt, OwnerId, PhaseName, PipelineId, Run};
use crate::time::Timestamp;

const KIND: Kind = Kind {
    what: "lease",
    form: 1,
};

/// The lease of a campaign's running attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredLease {
    /// The engine that has it, or had it last.
    pub owner: OwnerId,
    /// When it ends, if it ends by the clock.
    pub until: Option<Timestamp>,
    /// Whether it was released in order.
    pub released: bool,
    /// The engine that is asked to take the attempt up, while it is hidden from the others.
    pub hidden_for: Option<OwnerId>,
    /// The phase of the attempt.
    pub phase: PhaseName,
    /// Its run.
    pub run: Run,
    /// The attempt of that run.
    pub attempt: Attempt,
    /// The pipeline of the campaign.
    pub pipeline: PipelineId,
}

/// Writes a lease.
pub fn write(lease: &StoredLease) -> Vec<u8> {
    KIND.write(&Form1 {
        owner: id_bytes(lease.owner.as_u128()),
        phase: lease.phase.as_str(),
        run: lease.run.0,
        attempt: lease.attempt.0,
        pipeline: lease.pipeline.as_str(),
        until: lease.until.map(Timestamp::as_unix_ms),
        released: lease.released,
        hidden_for: lease.hidden_for.map(|owner| id_bytes(owner.as_u128())),
    })
}

/// Reads a lease.
///
/// # Errors
///
/// [`Unreadable`].
pub fn read(bytes: &[u8]) -> Result<StoredLease, Unreadable> {
    KIND.read(bytes, |form, body| match form {
        1 => decode::<Form1<'_>>(body)?.lease(),
        _ => Err(Fault::Newer),
    })
}

#[derive(Encode, Decode)]
struct Form1<'b> {
    #[n(0)]
    owner: IdBytes,
    #[b(1)]
    phase: &'b str,
    #[n(2)]
    run: u32,
    #[n(3)]
    attempt: u32,
    #[b(4)]
    pipeline: &'b str,
    #[n(5)]
    until: Option<i64>,
    #[n(6)]
    #[cbor(skip_if = "is_false")]
    released: bool,
    #[n(7)]
    hidden_for: Option<IdBytes>,
}

impl Form1<'_> {
    fn lease(self) -> Result<StoredLease, Fault> {
        let owner = |bytes| OwnerId::from_u128(id_bits(bytes));
        Ok(StoredLease {
            owner: owner(self.owner),
            until: self.until.map(moment).transpose()?,
            released: self.released,
            hidden_for: self.hidden_for.map(owner),
            phase: PhaseName::new(self.phase)?,
            run: Run(self.run),
            attempt: Attempt(self.attempt),
            pipeline: PipelineId::new(self.pipeline)?,
        })
    }
}
