//! Making keys from their parts, and making them readable.

use std::fmt::Write as _;

use phasegate_core::storage::{ActivityKind, IdempotencyKey};
use phasegate_core::{
    CampaignId, Mode, PhaseName, PipelineId, ResourceKind, ResourceRef, Revision, Run, Timestamp,
};

use crate::tables::{KeyPart, TableSpec};

/// A key of any table.
pub(crate) type Key = Vec<u8>;

/// The room that most keys need.
const ROOM: usize = 48;

fn of_parts(parts: &[&[u8]]) -> Key {
    let mut key = Vec::with_capacity(ROOM);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

pub(crate) fn campaign(id: CampaignId) -> Key {
    of_parts(&[&id.as_u128().to_be_bytes()])
}

/// The position by which a campaign is found. One that isn't idle is found by 0 wherever it is, so that its row stays where it is while
/// its chain goes on.
pub(crate) fn position_in_state(activity: ActivityKind, position: usize) -> u32 {
    match activity {
        ActivityKind::Idle => u32::try_from(position).unwrap_or(u32::MAX),
        ActivityKind::Running | ActivityKind::Paused | ActivityKind::Failed | ActivityKind::Stopped => 0,
    }
}

/// The part of an index key before the campaign.
pub(crate) fn state_prefix(activity: ActivityKind, mode: Mode, position: u32) -> Key {
    let activity = match activity {
        ActivityKind::Idle => 0,
        ActivityKind::Running => 1,
        ActivityKind::Paused => 2,
        ActivityKind::Failed => 3,
        ActivityKind::Stopped => 4,
    };
    let mode = match mode {
        Mode::StepByStep => 0,
        Mode::FullSequence => 1,
    };
    of_parts(&[&[activity, mode], &position.to_be_bytes()])
}

/// The part of an index key before the campaign.
pub(crate) fn name_prefix(name: &str) -> Key {
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    of_parts(&[&length.to_be_bytes(), name.as_bytes()])
}

/// An index key: a prefix and a campaign.
pub(crate) fn with_campaign(mut prefix: Key, id: CampaignId) -> Key {
    prefix.extend(id.as_u128().to_be_bytes());
    prefix
}

/// The part of an index key before the campaign.
pub(crate) fn attribute_prefix(key: &str, value: &str) -> Key {
    let mut prefix = name_prefix(key);
    prefix.extend(name_prefix(value));
    prefix
}

/// The part of an index key before the moment.
pub(crate) fn pipeline_prefix(pipeline: &PipelineId) -> Key {
    of_parts(&[pipeline.as_str().as_bytes(), &[0]])
}

/// The part of an index key before the campaign.
pub(crate) fn due_prefix(pipeline: &PipelineId, at: Timestamp) -> Key {
    let mut key = pipeline_prefix(pipeline);
    key.extend(milliseconds(at));
    key
}

/// The moment of a key in the index of moments, and its campaign.
pub(crate) fn moment_and_campaign(key: &[u8]) -> Option<(Timestamp, CampaignId)> {
    let (before, id) = key.split_last_chunk::<16>()?;
    let ms = i64::try_from(last_u64(before)?).ok()?;
    Some((
        Timestamp::from_unix_ms(ms),
        CampaignId::from_u128(u128::from_be_bytes(*id)),
    ))
}

fn milliseconds(at: Timestamp) -> [u8; 8] {
    // No timestamp is before 1970.
    u64::try_from(at.as_unix_ms()).unwrap_or(0).to_be_bytes()
}

pub(crate) fn log(number: u64) -> Key {
    of_parts(&[&number.to_be_bytes()])
}

pub(crate) fn campaign_log(id: CampaignId, seq: u64) -> Key {
    let mut key = campaign(id);
    key.extend(seq.to_be_bytes());
    key
}

/// The part of a key before the run or the revision.
pub(crate) fn phase(id: CampaignId, phase: &PhaseName) -> Key {
    let id = id.as_u128().to_be_bytes();
    of_parts(&[&id, phase.as_str().as_bytes(), &[0]])
}

pub(crate) fn config(id: CampaignId, name: &PhaseName, revision: Revision) -> Key {
    let mut key = phase(id, name);
    key.extend(revision.0.to_be_bytes());
    key
}

pub(crate) fn run(id: CampaignId, name: &PhaseName, run: Run) -> Key {
    let mut key = phase(id, name);
    key.extend(run.0.to_be_bytes());
    key
}

/// The parts of the key of a run.
pub(crate) fn run_parts(key: &[u8]) -> Option<(CampaignId, PhaseName, Run)> {
    let (id, rest) = key.split_first_chunk::<16>()?;
    let (name, run) = rest.split_last_chunk::<4>()?;
    let name = std::str::from_utf8(name.strip_suffix(&[0])?).ok()?;
    Some((
        CampaignId::from_u128(u128::from_be_bytes(*id)),
        PhaseName::new(name).ok()?,
        Run(u32::from_be_bytes(*run)),
    ))
}

/// The key of the block of `run` that begins with the record `first`.
pub(crate) fn block(run: &[u8], first: u64) -> Key {
    let mut key = run.to_vec();
    key.extend(first.to_be_bytes());
    key
}

pub(crate) fn resource_kind(kind: &ResourceKind) -> Key {
    let mut key = kind.as_str().as_bytes().to_vec();
    key.push(0);
    key
}

pub(crate) fn resource(resource: &ResourceRef) -> Key {
    let mut key = resource_kind(&resource.kind);
    key.extend(resource.id.as_str().as_bytes());
    key
}

/// The beginning of the idempotency keys of a campaign or of the store.
pub(crate) fn scope(campaign: Option<CampaignId>) -> Key {
    match campaign {
        None => vec![0],
        Some(id) => with_campaign(vec![1], id),
    }
}

pub(crate) fn idempotency(campaign: Option<CampaignId>, key: &IdempotencyKey) -> Key {
    let mut bytes = scope(campaign);
    bytes.extend(key.as_str().as_bytes());
    bytes
}

pub(crate) fn expiry(at: Timestamp, idempotency: &[u8]) -> Key {
    let mut key = milliseconds(at).to_vec();
    key.extend(idempotency);
    key
}

/// The first key after all keys that begin with `prefix`; `None` if such a key can't exist.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Key> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// The number in the last 4 bytes of a key.
pub(crate) fn last_u32(key: &[u8]) -> Option<u32> {
    key.last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The number in the last 8 bytes of a key.
pub(crate) fn last_u64(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// The campaign in the last 16 bytes of a key.
pub(crate) fn last_campaign(key: &[u8]) -> Option<CampaignId> {
    key.last_chunk::<16>()
        .map(|bytes| CampaignId::from_u128(u128::from_be_bytes(*bytes)))
}

/// The campaign in the first 16 bytes of a key.
pub(crate) fn first_campaign(key: &[u8]) -> Option<CampaignId> {
    key.first_chunk::<16>()
        .map(|bytes| CampaignId::from_u128(u128::from_be_bytes(*bytes)))
}

/// Whether `key` consists of the parts that its table prescribes.
pub(crate) fn is_well_formed(table: &TableSpec, key: &[u8]) -> bool {
    describe(table, key).is_some()
}

/// A key as readable text; a malformed key as hexadecimal digits.
pub(crate) fn readable(table: &TableSpec, key: &[u8]) -> String {
    describe(table, key).unwrap_or_else(|| {
        let mut text = String::from("0x");
        for byte in key.iter().take(128) {
            let _ = write!(text, "{byte:02x}");
        }
        text
    })
}

fn describe(table: &TableSpec, mut key: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    for part in table.key {
        let text;
        (text, key) = take(*part, key)?;
        parts.push(text);
    }
    key.is_empty().then(|| parts.join("/"))
}

fn take(part: KeyPart, key: &[u8]) -> Option<(String, &[u8])> {
    match part {
        KeyPart::Id => {
            let (id, rest) = key.split_first_chunk::<16>()?;
            Some((CampaignId::from_u128(u128::from_be_bytes(*id)).to_string(), rest))
        }
        KeyPart::U8 => key.split_first().map(|(byte, rest)| (byte.to_string(), rest)),
        KeyPart::U32 => {
            let (number, rest) = key.split_first_chunk::<4>()?;
            Some((u32::from_be_bytes(*number).to_string(), rest))
        }
        KeyPart::U64 => {
            let (number, rest) = key.split_first_chunk::<8>()?;
            Some((u64::from_be_bytes(*number).to_string(), rest))
        }
        KeyPart::Text => {
            let end = key.iter().position(|byte| *byte == 0)?;
            let text = std::str::from_utf8(&key[..end]).ok()?;
            Some((text.to_owned(), &key[end + 1..]))
        }
        KeyPart::Name => {
            let (length, rest) = key.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let (text, rest) = rest.split_at_checked(length)?;
            Some((format!("{:?}", std::str::from_utf8(text).ok()?), rest))
        }
        KeyPart::Rest => std::str::from_utf8(key)
            .ok()
            .map(|text| (text.to_owned(), &[][..])),
        KeyPart::Scope => match key.split_first()? {
            (0, rest) => Some(("store".to_owned(), rest)),
            (1, rest) => take(KeyPart::Id, rest),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables;

    #[test]
    fn a_key_is_told_by_its_parts_and_a_damaged_one_by_its_digits() {
        let id = CampaignId::from_u128(7);
        let phase = PhaseName::new("scan").unwrap();
        let key = block(&run(id, &phase, Run(2)), 300);
        let text = "00000000-0000-0000-0000-000000000007/scan/2/300";
        assert_eq!(readable(&tables::RECORDS, &key), text);
        assert_eq!(readable(&tables::LOG, &[1, 2]), "0x0102");
    }

    #[test]
    fn moments_are_ordered_within_their_pipeline() {
        let id = CampaignId::from_u128(7);
        let letters = PipelineId::new("letters").unwrap();
        let key = |ms| with_campaign(due_prefix(&letters, Timestamp::from_unix_ms(ms)), id);
        assert!(key(255) < key(256));
        assert_eq!(
            moment_and_campaign(&key(256)),
            Some((Timestamp::from_unix_ms(256), id))
        );
        let other = PipelineId::new("letters2").unwrap();
        assert!(
            !with_campaign(due_prefix(&other, Timestamp::default()), id)
                .starts_with(&pipeline_prefix(&letters))
        );
    }

    #[test]
    fn names_that_begin_alike_don_t_mix_in_the_index() {
        let id = CampaignId::from_u128(u128::MAX);
        assert!(!with_campaign(name_prefix("ab"), id).starts_with(&name_prefix("a")));
        assert_eq!(after_prefix(&[1, 255]), Some(vec![2]));
        assert_eq!(after_prefix(&[255]), None);
    }
}
