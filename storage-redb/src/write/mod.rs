//! Writes. Each is checked completely before it changes anything.

mod commit;
mod cursor;
mod group;
mod idempotency;
mod index;
mod output;
mod reclaim;
mod release;
mod resource;

use redb::{Database, Durability, WriteTransaction};

use crate::fault::Fault;

pub(crate) use commit::Commit;
pub(crate) use cursor::KeepCursor;
pub(crate) use group::{Ended, Group, Grown, TableRows, Write};
pub(crate) use idempotency::Remember;
pub(crate) use index::index_keys;
pub(crate) use output::Append;
pub(crate) use reclaim::{Reclaimed, purge_expired, reclaim_some};
pub(crate) use release::Release;
pub(crate) use resource::WriteResource;

/// Begins a transaction that is durable when it is committed. A store that is killed after it opens at once.
pub(crate) fn begin(database: &Database) -> Result<WriteTransaction, Fault> {
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    txn.set_quick_repair(true);
    Ok(txn)
}

#[cfg(test)]
mod tests {
    use phasegate_core::limits::{
        MAX_CHECKPOINT_BYTES, MAX_CONFIG_BYTES, MAX_OUTCOME_BYTES, MAX_RESOURCE_BYTES, MAX_SUMMARY_BYTES,
    };
    use phasegate_core::storage::{Expected, IdempotencyEntry, IdempotencyKey, ResourceWrite};
    use phasegate_core::{
        CommitId, Digest, Envelope, Mode, ResourceId, ResourceKind, ResourceRef, Timestamp,
    };
    use phasegate_testkit::storage::conformance::Story;
    use serde_json::{Value, json};

    use super::*;

    /// A document of `bytes` bytes of JSON.
    fn document(bytes: usize) -> Value {
        Value::String("x".repeat(bytes - 2))
    }

    #[test]
    fn a_write_weighs_what_it_holds() {
        let mut story = Story::new(1);
        let creation = story.transition(vec![Story::creation("campaign", Mode::StepByStep)]);
        story.accept(&creation);
        assert!((4_096..8_192).contains(&Commit::new(creation).weight()));
        let large = story.configuration("first", document(MAX_CONFIG_BYTES));
        assert!(Commit::new(large).weight() > MAX_CONFIG_BYTES);

        let start = story.transition(vec![story.start("first")]);
        story.accept(&start);
        let mut output = story.output(1, vec![document(60_000).to_string(); 10]);
        output.checkpoint = Some(document(MAX_CHECKPOINT_BYTES));
        let least = 600_000 + MAX_CHECKPOINT_BYTES;
        assert!(Append::new(output.clone()).weight() > least);

        let summary = document(MAX_SUMMARY_BYTES);
        let mut completion = story.transition(vec![story.completion("first", summary)]);
        assert!(Commit::new(completion.clone()).weight() > MAX_SUMMARY_BYTES);
        completion.output = Some(output);
        assert!(Commit::new(completion).weight() > MAX_SUMMARY_BYTES + least);

        let resource = ResourceWrite {
            id: CommitId::from_u128(1),
            resource: ResourceRef {
                kind: ResourceKind::new("proxy").unwrap(),
                id: ResourceId::new("one").unwrap(),
            },
            expected: Expected::Any,
            document: Some(document(MAX_RESOURCE_BYTES)),
            digest: Digest::of(&json!(1)),
            envelope: Envelope::none(),
        };
        assert!(WriteResource::new(resource.clone()).weight() > MAX_RESOURCE_BYTES);
        let nothing = ResourceWrite {
            document: Some(json!({})),
            ..resource
        };
        assert!(WriteResource::new(nothing).weight() < 8_192);

        let key = IdempotencyEntry {
            key: IdempotencyKey::new("key").unwrap(),
            campaign: None,
            command: Digest::of(&json!(1)),
            outcome: document(MAX_OUTCOME_BYTES),
            expires_at: Timestamp::from_unix_ms(0),
        };
        assert!(Remember::new(key).weight() > MAX_OUTCOME_BYTES);
    }
}
