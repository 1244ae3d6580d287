//! The bytes on disk: every table, its keys and its values.
//!
//! Keys are ordered as their parts are: numbers are big-endian, ids are their 16 bytes, and a text before another part ends
//! with a zero byte. Every value stands in an [envelope](crate::envelope), except for the two kinds that say so below.

use redb::TableDefinition;

/// A part of a key, in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyPart {
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

/// A table: its name, and the parts of its keys.
#[derive(Debug)]
pub(crate) struct TableSpec {
    pub(crate) name: &'static str,
    pub(crate) key: &'static [KeyPart],
}

/// The type that every table has in redb.
pub(crate) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

impl TableSpec {
    pub(crate) const fn definition(&self) -> Definition {
        TableDefinition::new(self.name)
    }
}

/// `format` -> the number of the store's format (4 bytes) and the CRC32C of `meta`, zero, `format` and that number
/// (4 bytes). It stands in no envelope, and its layout never changes, so that every release can read it.
pub(crate) const META: TableSpec = TableSpec {
    name: "meta",
    key: &[KeyPart::Rest],
};

/// campaign -> the snapshot, JSON. A deleted campaign has none.
pub(crate) const CAMPAIGNS: TableSpec = TableSpec {
    name: "campaigns",
    key: &[KeyPart::Id],
};

/// (activity, mode, position, campaign) -> no value. One entry for each snapshot.
pub(crate) const BY_STATE: TableSpec = TableSpec {
    name: "campaigns_by_state",
    key: &[KeyPart::U8, KeyPart::U8, KeyPart::U32, KeyPart::Id],
};

/// (name, campaign) -> no value. One entry for each snapshot.
pub(crate) const BY_NAME: TableSpec = TableSpec {
    name: "campaigns_by_name",
    key: &[KeyPart::Name, KeyPart::Id],
};

/// number -> an event with its campaign, its number there and its commit, JSON. The store-wide log, from 1. The numbers of
/// reclaimed events are missing; the last number is always there.
pub(crate) const LOG: TableSpec = TableSpec {
    name: "log",
    key: &[KeyPart::U64],
};

/// (campaign, number within the campaign) -> number in the store-wide log, 8 bytes.
pub(crate) const CAMPAIGN_LOG: TableSpec = TableSpec {
    name: "campaign_log",
    key: &[KeyPart::Id, KeyPart::U64],
};

/// (campaign, phase, revision) -> a config, JSON.
pub(crate) const CONFIGS: TableSpec = TableSpec {
    name: "configs",
    key: &[KeyPart::Id, KeyPart::Text, KeyPart::U64],
};

/// (campaign, phase, run) -> how far the run's output has come, JSON.
pub(crate) const RUNS: TableSpec = TableSpec {
    name: "runs",
    key: &[KeyPart::Id, KeyPart::Text, KeyPart::U32],
};

/// (campaign, phase, run, index of the first record) -> a [block](crate::block) of records.
pub(crate) const RECORDS: TableSpec = TableSpec {
    name: "records",
    key: &[KeyPart::Id, KeyPart::Text, KeyPart::U32, KeyPart::U64],
};

/// (kind, id) -> a resource's revision and document, JSON.
pub(crate) const RESOURCES: TableSpec = TableSpec {
    name: "resources",
    key: &[KeyPart::Text, KeyPart::Rest],
};

/// (kind, id) -> the highest revision that the resource ever had, 8 bytes. It survives the resource.
pub(crate) const RESOURCE_REVISIONS: TableSpec = TableSpec {
    name: "resource_revisions",
    key: &[KeyPart::Text, KeyPart::Rest],
};

/// (scope, key) -> what an idempotency key was used for, JSON.
pub(crate) const IDEMPOTENCY: TableSpec = TableSpec {
    name: "idempotency",
    key: &[KeyPart::Scope, KeyPart::Rest],
};

/// (milliseconds of expiry, scope, key) -> no value. One entry for each idempotency key.
pub(crate) const BY_EXPIRY: TableSpec = TableSpec {
    name: "idempotency_by_expiry",
    key: &[KeyPart::U64, KeyPart::Scope, KeyPart::Rest],
};

/// campaign -> its tombstone, JSON: the number of its deletion, in its own log and in the store's, and the idempotency
/// key that the deletion was sent with. It stays for ever, so that an id is never used again.
pub(crate) const TOMBSTONES: TableSpec = TableSpec {
    name: "tombstones",
    key: &[KeyPart::Id],
};

/// campaign -> an empty envelope: a deleted campaign with space to reclaim.
pub(crate) const RECLAIM: TableSpec = TableSpec {
    name: "reclaim",
    key: &[KeyPart::Id],
};

/// Every table.
pub(crate) const ALL: [&TableSpec; 15] = [
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
