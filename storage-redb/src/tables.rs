//! The bytes on disk: every table, its keys and its values.
//!
//! Every key is bytes whose order is the order of its parts: numbers are big-endian, ids are their 16 bytes, a text that
//! is followed by another part ends with a zero byte. Every value stands in an [envelope](crate::envelope), except for
//! the two kinds that say so below.

use redb::TableDefinition;

/// A part of a key, in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    /// The 16 bytes of a UUID.
    Id,
    /// 1 byte.
    U8,
    /// 4 bytes.
    U32,
    /// 8 bytes.
    U64,
    /// UTF-8 that ends with a zero byte.
    Text,
    /// UTF-8 after its length in 4 bytes.
    Name,
    /// UTF-8 to the end of the key.
    Rest,
    /// The scope of an idempotency key: 0 for the store, or 1 and a campaign's id.
    Scope,
}

/// A table: its name, and of what its keys consist.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) key: &'static [Part],
}

/// How redb knows every table.
pub(crate) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

impl Spec {
    pub(crate) const fn definition(&self) -> Definition {
        TableDefinition::new(self.name)
    }
}

/// `format` -> the number of the store's format (4 bytes) and the CRC32C of `meta`, zero, `format` and that number
/// (4 bytes). It stands in no envelope, and its layout never changes, so that every release can read it.
pub(crate) const META: Spec = Spec {
    name: "meta",
    key: &[Part::Rest],
};

/// campaign -> the snapshot, JSON. A deleted campaign has none.
pub(crate) const CAMPAIGNS: Spec = Spec {
    name: "campaigns",
    key: &[Part::Id],
};

/// (activity, mode, position, campaign) -> nothing at all. One entry for each snapshot.
pub(crate) const BY_STATE: Spec = Spec {
    name: "campaigns_by_state",
    key: &[Part::U8, Part::U8, Part::U32, Part::Id],
};

/// (name, campaign) -> nothing at all. One entry for each snapshot.
pub(crate) const BY_NAME: Spec = Spec {
    name: "campaigns_by_name",
    key: &[Part::Name, Part::Id],
};

/// number -> an event with its campaign, its number there and its commit, JSON. The store-wide log, from 1; the numbers
/// of reclaimed events are missing, the last one never is.
pub(crate) const LOG: Spec = Spec {
    name: "log",
    key: &[Part::U64],
};

/// (campaign, number within the campaign) -> number in the store-wide log, 8 bytes.
pub(crate) const CAMPAIGN_LOG: Spec = Spec {
    name: "campaign_log",
    key: &[Part::Id, Part::U64],
};

/// (campaign, phase, revision) -> a config, JSON.
pub(crate) const CONFIGS: Spec = Spec {
    name: "configs",
    key: &[Part::Id, Part::Text, Part::U64],
};

/// (campaign, phase, run) -> how far the run's output has come, JSON.
pub(crate) const RUNS: Spec = Spec {
    name: "runs",
    key: &[Part::Id, Part::Text, Part::U32],
};

/// (campaign, phase, run, index of the first record) -> a [block](crate::block) of records.
pub(crate) const RECORDS: Spec = Spec {
    name: "records",
    key: &[Part::Id, Part::Text, Part::U32, Part::U64],
};

/// (kind, id) -> a resource's revision and document, JSON.
pub(crate) const RESOURCES: Spec = Spec {
    name: "resources",
    key: &[Part::Text, Part::Rest],
};

/// (kind, id) -> the highest revision that the resource ever had, 8 bytes. It survives the resource.
pub(crate) const RESOURCE_REVISIONS: Spec = Spec {
    name: "resource_revisions",
    key: &[Part::Text, Part::Rest],
};

/// (scope, key) -> what an idempotency key was used for, JSON.
pub(crate) const IDEMPOTENCY: Spec = Spec {
    name: "idempotency",
    key: &[Part::Scope, Part::Rest],
};

/// (milliseconds of expiry, scope, key) -> nothing at all. One entry for each idempotency key.
pub(crate) const BY_EXPIRY: Spec = Spec {
    name: "idempotency_by_expiry",
    key: &[Part::U64, Part::Scope, Part::Rest],
};

/// campaign -> its tombstone, JSON: the number of its deletion, in its own log and in the store's, and the idempotency
/// key that the deletion was sent with. It stays for ever, so that an id is never used again.
pub(crate) const TOMBSTONES: Spec = Spec {
    name: "tombstones",
    key: &[Part::Id],
};

/// campaign -> an empty envelope: a deleted campaign, whose space is still to be reclaimed.
pub(crate) const RECLAIM: Spec = Spec {
    name: "reclaim",
    key: &[Part::Id],
};

/// Every table.
pub(crate) const ALL: [&Spec; 15] = [
    &META,
    &CAMPAIGNS,
    &BY_STATE,
    &BY_NAME,
    &LOG,
    &CAMPAIGN_LOG,
    &CONFIGS,
    &RUNS,
    &RECORDS,
    &RESOURCES,
    &RESOURCE_REVISIONS,
    &IDEMPOTENCY,
    &BY_EXPIRY,
    &TOMBSTONES,
    &RECLAIM,
];
