//! What several stored values have in common.

use std::borrow::Cow;

use minicbor::bytes::ByteArray;
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde_json::Value;

use super::form::Fault;
use crate::envelope::Envelope;
use crate::failure::Failure;
use crate::ids::{BatchNumber, PhaseName, ResourceId, ResourceKind, ResourcePin, Revision, Run};
use crate::json::{Digest, canonical_json};
use crate::retry::RetryPolicy;
use crate::run_state::{Count, RunRef};
use crate::time::Timestamp;

/// The bytes of a UUID.
pub(super) type IdBytes = ByteArray<16>;

/// The bytes of a SHA-256.
pub(super) type HashBytes = ByteArray<32>;

pub(super) fn id_bytes(bits: u128) -> IdBytes {
    bits.to_be_bytes().into()
}

pub(super) fn id_bits(bytes: IdBytes) -> u128 {
    u128::from_be_bytes(bytes.into())
}

pub(super) fn hash_bytes(digest: &Digest) -> HashBytes {
    digest.to_hash().into()
}

pub(super) fn digest(bytes: HashBytes) -> Digest {
    Digest::from_hash(bytes.into())
}

/// Milliseconds since the epoch.
pub(super) fn moment(ms: i64) -> Result<Timestamp, Fault> {
    let moment = Timestamp::from_unix_ms(ms);
    if moment.as_unix_ms() == ms {
        Ok(moment)
    } else {
        Err(Fault::new(format!("{ms} ms is no moment")))
    }
}

/// How many milliseconds a moment is after another one.
pub(super) fn ms_after(base: Timestamp, moment: Timestamp) -> i64 {
    moment.as_unix_ms() - base.as_unix_ms()
}

/// The moment so many milliseconds after another one.
pub(super) fn after(base: Timestamp, ms: i64) -> Result<Timestamp, Fault> {
    moment(base.as_unix_ms().saturating_add(ms))
}

/// A JSON document, as its canonical text.
pub(super) struct Json<'b>(Cow<'b, str>);

impl<C> Encode<C> for Json<'_> {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Json<'b> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.str().map(|text| Self(Cow::Borrowed(text)))
    }
}

impl Json<'_> {
    pub(super) fn new(document: &Value) -> Self {
        Self(Cow::Owned(canonical_json(document)))
    }

    pub(super) fn document(&self) -> Result<Value, Fault> {
        Ok(serde_json::from_str(&self.0)?)
    }
}

/// The names of phases of one value, each said once: elsewhere in the value an index stands for it.
#[derive(Default)]
pub(super) struct Names<'a>(Vec<&'a str>);

impl<'a> Names<'a> {
    pub(super) fn beginning_with(names: impl Iterator<Item = &'a PhaseName>) -> Self {
        Self(names.map(PhaseName::as_str).collect())
    }

    pub(super) fn index(&mut self, name: &'a PhaseName) -> u32 {
        let found = self.0.iter().position(|known| *known == name.as_str());
        let index = found.unwrap_or_else(|| {
            self.0.push(name.as_str());
            self.0.len() - 1
        });
        u32::try_from(index).expect("memory holds fewer names")
    }

    pub(super) fn into_texts(self) -> Vec<&'a str> {
        self.0
    }

    /// The names after the first `count`.
    pub(super) fn after(self, count: usize) -> Vec<&'a str> {
        self.0.into_iter().skip(count).collect()
    }
}

/// The name at an index of a value's names.
pub(super) fn name_at(names: &[PhaseName], index: u32) -> Result<PhaseName, Fault> {
    let name = usize::try_from(index).ok().and_then(|index| names.get(index));
    name.cloned()
        .ok_or_else(|| Fault::new(format!("it has no phase {index}")))
}

/// A run of a phase.
#[derive(Encode, Decode)]
pub(super) struct RunOf {
    #[n(0)]
    phase: u32,
    #[n(1)]
    run: u32,
}

impl RunOf {
    pub(super) fn new<'a>(run: &'a RunRef, names: &mut Names<'a>) -> Self {
        Self {
            phase: names.index(&run.phase),
            run: run.run.0,
        }
    }

    pub(super) fn run_ref(&self, names: &[PhaseName]) -> Result<RunRef, Fault> {
        Ok(RunRef {
            phase: name_at(names, self.phase)?,
            run: Run(self.run),
        })
    }
}

/// A revision of a resource.
#[derive(Encode, Decode)]
pub(super) struct Pin<'b> {
    #[b(0)]
    kind: &'b str,
    #[b(1)]
    id: &'b str,
    #[n(2)]
    revision: u64,
}

impl<'b> Pin<'b> {
    pub(super) fn new(kind: &'b ResourceKind, id: &'b ResourceId, revision: Revision) -> Self {
        Self {
            kind: kind.as_str(),
            id: id.as_str(),
            revision: revision.0,
        }
    }

    pub(super) fn pin(&self) -> Result<ResourcePin, Fault> {
        Ok(ResourcePin {
            kind: ResourceKind::new(self.kind)?,
            id: ResourceId::new(self.id)?,
            revision: Revision(self.revision),
        })
    }
}

pub(super) fn pins(pins: &[ResourcePin]) -> Vec<Pin<'_>> {
    let pins = pins.iter().map(|pin| Pin::new(&pin.kind, &pin.id, pin.revision));
    pins.collect()
}

pub(super) fn resource_pins(pins: &[Pin<'_>]) -> Result<Vec<ResourcePin>, Fault> {
    pins.iter().map(Pin::pin).collect()
}

/// How often something happened; absent for never.
#[derive(Encode, Decode)]
pub(super) struct Often {
    #[n(0)]
    count: u32,
    #[n(1)]
    base_batch: u64,
}

pub(super) fn often(count: Count) -> Option<Often> {
    (count != Count::default()).then_some(Often {
        count: count.count,
        base_batch: count.base_batch.0,
    })
}

pub(super) fn count(often: Option<Often>) -> Count {
    often.map_or_else(Count::default, |often| Count {
        count: often.count,
        base_batch: BatchNumber(often.base_batch),
    })
}

/// A retry policy.
#[derive(Encode, Decode)]
pub(super) struct Retry<'b> {
    #[n(0)]
    max_tries: u32,
    #[n(1)]
    initial_delay_ms: u64,
    #[n(2)]
    factor: f64,
    #[n(3)]
    max_delay_ms: u64,
    #[n(4)]
    jitter: f64,
    #[b(5)]
    #[cbor(skip_if = "Vec::is_empty")]
    final_codes: Vec<&'b str>,
}

impl<'b> Retry<'b> {
    pub(super) fn new(policy: &'b RetryPolicy) -> Self {
        Self {
            max_tries: policy.max_tries,
            initial_delay_ms: policy.initial_delay_ms,
            factor: policy.factor,
            max_delay_ms: policy.max_delay_ms,
            jitter: policy.jitter,
            final_codes: policy.final_codes.iter().map(String::as_str).collect(),
        }
    }

    pub(super) fn policy(&self) -> Result<RetryPolicy, Fault> {
        if !(self.factor.is_finite() && self.jitter.is_finite()) {
            return Err(Fault::new("a number of a retry policy is none"));
        }
        Ok(RetryPolicy {
            max_tries: self.max_tries,
            initial_delay_ms: self.initial_delay_ms,
            factor: self.factor,
            max_delay_ms: self.max_delay_ms,
            jitter: self.jitter,
            final_codes: self.final_codes.iter().map(|code| (*code).to_owned()).collect(),
        })
    }
}

/// A failure.
#[derive(Encode, Decode)]
pub(super) struct Failed<'b> {
    #[b(0)]
    code: &'b str,
    #[b(1)]
    message: &'b str,
    #[n(2)]
    #[cbor(skip_if = "is_false")]
    is_final: bool,
    #[n(3)]
    retry_after_ms: Option<u64>,
}

impl<'b> Failed<'b> {
    pub(super) fn new(failure: &'b Failure) -> Self {
        Self {
            code: &failure.code,
            message: &failure.message,
            is_final: failure.is_final,
            retry_after_ms: failure.retry_after_ms,
        }
    }

    pub(super) fn failure(&self) -> Failure {
        Failure {
            code: self.code.to_owned(),
            message: self.message.to_owned(),
            is_final: self.is_final,
            retry_after_ms: self.retry_after_ms,
        }
    }
}

/// Who asked for something, and why.
#[derive(Encode, Decode)]
pub(super) struct Asked<'b> {
    #[b(0)]
    actor: Option<&'b str>,
    #[b(1)]
    reason: Option<&'b str>,
    #[b(2)]
    traceparent: Option<&'b str>,
}

impl<'b> Asked<'b> {
    pub(super) fn new(envelope: &'b Envelope) -> Self {
        Self {
            actor: envelope.actor(),
            reason: envelope.reason(),
            traceparent: envelope.traceparent(),
        }
    }

    pub(super) fn envelope(&self) -> Envelope {
        Envelope::stored(self.actor, self.reason, self.traceparent)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the derive asks for a reference"
)]
pub(super) fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the derive asks for a reference"
)]
pub(super) fn is_zero(number: &u32) -> bool {
    *number == 0
}
