//! What redb holds: every table, its keys and its values.
//!
//! Keys are ordered as their parts are: numbers are big-endian, ids are their 16 bytes, and a text before another part ends
//! with a zero byte. Every value stands in an [envelope](crate::envelope), except for the number of the format; the rows of an
//! index have no value. Of the payloads, those with a form of their own are described in [`phasegate_core::stored`].

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

/// What the rows of a table have beside their keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Content {
    /// A value.
    Values,
    /// Nothing: the table is an index.
    Nothing,
}

/// A table: its name, the parts of its keys, and what its rows have.
#[derive(Debug)]
pub(crate) struct TableSpec {
    pub(crate) name: &'static str,
    /// Where it stands in [`ALL`].
    pub(crate) place: usize,
    pub(crate) key: &'static [KeyPart],
    pub(crate) content: Content,
}

/// The type that every table has in redb.
pub(crate) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

impl TableSpec {
    pub(crate) const fn definition(&self) -> Definition {
        TableDefinition::new(self.name)
    }
}

/// Declares the tables, each said once, and [`ALL`] of them.
macro_rules! tables {
    ($($(#[$doc:meta])+ $table:ident = $name:literal, [$($part:ident),+], $content:ident;)+) => {
        $($(#[$doc])+
        pub(crate) const $table: TableSpec = TableSpec {
            name: $name,
            place: Place::$table as usize,
            key: &[$(KeyPart::$part),+],
            content: Content::$content,
        };)+

        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "they are the names of the tables")]
        enum Place {
            $($table),+
        }

        /// Every table.
        pub(crate) const ALL: &[&TableSpec] = &[$(&$table),+];
    };
}

tables! {
    /// `format` -> the number of the store's format (4 bytes) and the CRC32C of `meta`, zero, `format` and that number
    /// (4 bytes). It stands in no envelope, and its layout never changes, so that every release can read it.
    ///
    /// `token_secret` -> the 32 bytes that the tokens of answers are made with, drawn when the store was created.
    ///
    /// `journal_epoch` -> the 8 bytes that the frames of the [journal](crate::journal) have since the last checkpoint, and the 8 bytes that
    /// they had before it.
    META = "meta", [Rest], Values;

    /// campaign -> its snapshot. A deleted campaign has none.
    CAMPAIGNS = "campaigns", [Id], Values;

    /// (activity, mode, position, campaign). One row for each snapshot. The position of one that isn't idle is 0.
    BY_STATE = "campaigns_by_state", [U8, U8, U32, Id], Nothing;

    /// (name, campaign). One row for each snapshot.
    BY_NAME = "campaigns_by_name", [Name, Id], Nothing;

    /// (key, value, campaign). One row for each attribute of each snapshot.
    BY_ATTRIBUTE = "campaigns_by_attribute", [Name, Name, Id], Nothing;

    /// (pipeline, milliseconds, campaign). One row for each snapshot that wants to be woken, with the moment.
    BY_DUE = "campaigns_by_due", [Text, U64, Id], Nothing;

    /// campaign -> the attempt that a runner works on, or should, and whether its lease was released in order. One row for each
    /// snapshot with such an attempt. Nothing else fences an append.
    RUNNING = "running", [Id], Values;

    /// number of its last event -> a commit: its id, its campaign, the number there of its first event, and its events, or the one
    /// event of a resource. The store-wide log, whose events are numbered from 1. The rows of reclaimed campaigns are missing; the
    /// last row is always there.
    LOG = "log", [U64], Values;

    /// (campaign, number within the campaign of a commit's last event) -> its number in the store-wide log, 8 bytes. A deletion has no
    /// row here: its tombstone says where it stands.
    CAMPAIGN_LOG = "campaign_log", [Id, U64], Values;

    /// (campaign, phase, revision) -> a config.
    CONFIGS = "configs", [Id, Text, U64], Values;

    /// (campaign, phase, run) -> when the run was launched, how far its output has come, and how to know its latest batch again.
    /// One row for each run that a snapshot knows of and that is not pruned.
    RUNS = "runs", [Id, Text, U32], Values;

    /// (campaign, phase, run, index of the first record) -> a [block](crate::block) of records.
    RECORDS = "records", [Id, Text, U32, U64], Values;

    /// (kind, id) -> a resource: its document, its revision, and the id of its latest write.
    RESOURCES = "resources", [Text, Rest], Values;

    /// (kind, id) -> what remains of a resource that was removed: its last revision, from which its revisions go on, and the id of
    /// the removal. Each resource is in one of the two tables.
    REMOVED_RESOURCES = "removed_resources", [Text, Rest], Values;

    /// (scope, key) -> what an idempotency key was used for.
    IDEMPOTENCY = "idempotency", [Scope, Rest], Values;

    /// (milliseconds of expiry, scope, key). One row for each idempotency key.
    BY_EXPIRY = "idempotency_by_expiry", [U64, Scope, Rest], Nothing;

    /// name -> the number in the store-wide log of the event that a cursor names, 8 bytes.
    CURSORS = "cursors", [Rest], Values;

    /// campaign -> its tombstone: the number of its deletion, in its own log and in the store's, and the idempotency key that the
    /// deletion was sent with. It stays for ever, so that an id is never used again.
    TOMBSTONES = "tombstones", [Id], Values;

    /// campaign: a deleted campaign with space to reclaim.
    RECLAIM = "reclaim", [Id], Nothing;

    /// (campaign, phase, run): a phase with runs to reclaim, this one and all before it.
    RECLAIM_RUNS = "reclaim_runs", [Id, Text, U32], Nothing;
}
