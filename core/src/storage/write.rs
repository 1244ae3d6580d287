//! What a store writes.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::query::{Cursor, Progress};
use crate::campaign::Campaign;
use crate::event::Event;
use crate::ids::{
    BatchNumber, CampaignId, CommitId, InvalidName, PhaseName, ResourceRef, Revision, Ticket, Version,
};
use crate::json::Digest;
use crate::limits::MAX_IDEMPOTENCY_KEY_BYTES;
use crate::time::Timestamp;

/// One decision, to be written as one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The commit's own id, to look up its outcome by.
    pub commit_id: CommitId,
    /// The campaign.
    pub campaign: CampaignId,
    /// The version that the decision was made for; 0 for a creation.
    pub expected_version: Version,
    /// The resources that the decision relied on.
    pub expected_resources: Vec<ExpectedResource>,
    /// The campaign after the events; `None` deletes it. Without events no snapshot is written.
    pub snapshot: Option<Campaign>,
    /// The events, numbered from `expected_version` on. Without events only the idempotency key is stored.
    pub events: Vec<Event>,
    /// The texts of the configs that the events store.
    pub configs: Vec<ConfigWrite>,
    /// The idempotency key to remember, with its outcome.
    pub idempotency: Option<IdempotencyEntry>,
}

/// A resource as a decision saw it.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct ExpectedResource {
    /// The resource.
    pub resource: ResourceRef,
    /// Its revision; `None` where there was none.
    pub revision: Option<Revision>,
}

/// The text of one config.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigWrite {
    /// The phase.
    pub phase: PhaseName,
    /// The revision that its event gave it.
    pub revision: Revision,
    /// The config.
    pub config: Value,
}

/// The result of a commit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Committed {
    /// The campaign's version after it.
    pub version: Version,
    /// The place of its last event in the store-wide log; `None` without events.
    pub cursor: Option<Cursor>,
}

/// A caller's own name for a command, which makes it safe to send again: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Checks and takes `text`.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] when it is not 1 to 255 visible ASCII characters.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
        let text = text.into();
        if (1..=MAX_IDEMPOTENCY_KEY_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        {
            Ok(Self(text))
        } else {
            let rule = "1 to 255 visible ASCII characters";
            Err(InvalidName {
                what: "idempotency key",
                text: text.chars().take(80).collect(),
                rule,
            })
        }
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IdempotencyKey {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::new(text)
    }
}

impl From<IdempotencyKey> for String {
    fn from(key: IdempotencyKey) -> Self {
        key.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an idempotency key was used for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdempotencyEntry {
    /// The key.
    pub key: IdempotencyKey,
    /// The scope of the key: a campaign, or the store itself for a creation and for a request without a commit.
    pub campaign: Option<CampaignId>,
    /// The digest of the command, or of another request.
    pub command: Digest,
    /// The outcome to repeat, as the engine wrote it.
    pub outcome: Value,
    /// When the key expires.
    pub expires_at: Timestamp,
}

/// A batch of a running phase's output, to be written as one unit.
#[derive(Clone, Debug)]
pub struct Output {
    /// The attempt that made it.
    pub ticket: Ticket,
    /// Its number, the next one of the run.
    pub batch: BatchNumber,
    /// The records, as JSON texts of at most [`MAX_RECORD_BYTES`](crate::limits::MAX_RECORD_BYTES) each and
    /// [`MAX_BATCH_BYTES`](crate::limits::MAX_BATCH_BYTES) in all.
    pub records: Vec<Box<RawValue>>,
    /// The resume point that covers everything up to and including these records; `None` keeps the previous one.
    pub checkpoint: Option<Value>,
    /// How far the run has come; `None` keeps the previous progress.
    pub progress: Option<Progress>,
}

/// The result of an append.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Appended {
    /// The batch.
    pub batch: BatchNumber,
    /// How many records the run has now.
    pub records: u64,
}

/// What a write to a resource expects to find.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected {
    /// Anything, or nothing.
    Any,
    /// No such resource.
    Absent,
    /// The resource at this revision.
    Revision(Revision),
}

/// A resource, to be written or deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceWrite {
    /// The resource.
    pub resource: ResourceRef,
    /// What it replaces.
    pub expected: Expected,
    /// The new document; `None` deletes it.
    pub document: Option<Value>,
}
