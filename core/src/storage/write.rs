//! What a store writes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::query::{Cursor, Progress};
use crate::campaign::Campaign;
use crate::envelope::Envelope;
use crate::event::Event;
use crate::ids::{
    BatchNumber, CampaignId, CommitId, InvalidName, OwnerId, PhaseName, ResourceRef, Revision, Run, Ticket,
    Version,
};
use crate::json::{Digest, canonical_json};
use crate::limits::MAX_IDEMPOTENCY_KEY_BYTES;
use crate::time::Timestamp;

/// One decision, to be written as one unit.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The commit's own id, to look up its outcome by.
    pub commit_id: CommitId,
    /// The campaign.
    pub campaign: CampaignId,
    /// The version that the decision was made for; 0 for a creation.
    pub expected_version: Version,
    /// The resources that the decision relied on.
    pub expected_resources: Vec<ExpectedResource>,
    /// The output that the decision relied on, if it did.
    pub expected_batch: Option<ExpectedBatch>,
    /// The campaign after the events; `None` deletes it. Without events no snapshot is written.
    pub snapshot: Option<Arc<Campaign>>,
    /// The events, numbered from `expected_version` on. Without events only the idempotency key is stored.
    pub events: Vec<Event>,
    /// The texts of the configs that the events store.
    pub configs: Vec<ConfigWrite>,
    /// The idempotency key to remember, with its outcome.
    pub idempotency: Option<IdempotencyEntry>,
    /// Who works on the attempt that the commit launches.
    pub lease: Lease,
    /// The last batch of a run that ends with this commit.
    pub output: Option<Output>,
}

impl Transition {
    /// The commit, to look up its outcome by.
    pub fn write_ref(&self) -> WriteRef {
        WriteRef::Commit {
            campaign: self.campaign,
            expected_version: self.expected_version,
            id: self.commit_id,
        }
    }
}

/// The output of a run as a decision saw it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExpectedBatch {
    /// The phase.
    pub phase: PhaseName,
    /// The run.
    pub run: Run,
    /// Its latest batch; 0 before its first.
    pub batch: BatchNumber,
}

/// A lease as a commit asks for it.
///
/// The store compares the attempt that a runner works on before and after the commit
/// ([`Campaign::working_ticket`]): another one than before gives `owner` its lease, the same one leaves the lease as it is, and
/// none frees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lease {
    /// The engine that commits.
    pub owner: OwnerId,
    /// How long the lease lasts without being renewed. A store whose leases last while it is held ignores it.
    pub ttl: Duration,
    /// Whether the lease of the attempt before must be over when the commit is made, as it must for a recovery.
    pub if_over: bool,
}

/// A write whose outcome can be looked up.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "write",
    rename_all = "snake_case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum WriteRef {
    /// A commit with events.
    Commit {
        /// The campaign.
        campaign: CampaignId,
        /// The version that it followed.
        expected_version: Version,
        /// Its id.
        id: CommitId,
    },
    /// A batch of a run's output.
    Append {
        /// The attempt that made it.
        ticket: Ticket,
        /// Its number.
        batch: BatchNumber,
        /// Its digest.
        digest: Digest,
    },
    /// A write of a resource.
    Resource {
        /// The resource.
        resource: ResourceRef,
        /// Its id.
        id: CommitId,
    },
    /// An idempotency key of the store's own scope.
    Key {
        /// The key.
        key: IdempotencyKey,
        /// The digest of what it was used for.
        command: Digest,
    },
    /// A cursor that the store keeps.
    Cursor {
        /// Its name.
        name: String,
        /// The cursor.
        cursor: Cursor,
    },
    /// Leases that were renewed, released or taken. Nothing depends on their outcome: ask again.
    Leases {},
}

impl fmt::Display for WriteRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit { campaign, id, .. } => write!(f, "commit {id} of campaign {campaign}"),
            Self::Append { ticket, batch, .. } => write!(f, "batch {batch} of {ticket}"),
            Self::Resource { resource, id } => write!(f, "write {id} of {resource}"),
            Self::Key { key, .. } => write!(f, "idempotency key {key}"),
            Self::Cursor { name, .. } => write!(f, "cursor {name:?}"),
            Self::Leases {} => f.write_str("leases"),
        }
    }
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

impl Output {
    /// The digest by which the same batch is known again.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        for record in &self.records {
            hash.update((record.get().len() as u64).to_be_bytes());
            hash.update(record.get());
        }
        hash.update(u64::MAX.to_be_bytes());
        if let Some(checkpoint) = &self.checkpoint {
            hash.update(canonical_json(checkpoint));
        }
        if let Some(progress) = &self.progress {
            hash.update(progress.done.to_be_bytes());
            hash.update(progress.total.map_or([0xff; 8], u64::to_be_bytes));
        }
        Digest::from_hash(hash.finalize().into())
    }

    /// The batch, to look up its outcome by.
    pub fn write_ref(&self) -> WriteRef {
        WriteRef::Append {
            ticket: self.ticket.clone(),
            batch: self.batch,
            digest: self.digest(),
        }
    }
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
    /// The write's own id, to look up its outcome by.
    pub id: CommitId,
    /// The resource.
    pub resource: ResourceRef,
    /// What it replaces.
    pub expected: Expected,
    /// The new document; `None` deletes it.
    pub document: Option<Value>,
    /// The digest of the new document without the members that are only written; it stands in the event.
    pub digest: Digest,
    /// Who asks for it, and why; it stands in the event.
    pub envelope: Envelope,
}

impl ResourceWrite {
    /// The write, to look up its outcome by.
    pub fn write_ref(&self) -> WriteRef {
        WriteRef::Resource {
            resource: self.resource.clone(),
            id: self.id,
        }
    }
}
