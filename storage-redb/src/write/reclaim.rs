//! Reclaiming the space of deleted campaigns and expired idempotency keys, in bounded commits.

use phasegate_core::{CampaignId, Timestamp};
use redb::ReadableTable;

use super::{ReclaimBudget, Tables, remove_range};
use crate::envelope;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::tables;

/// The result of one step of reclaiming.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reclaimed {
    /// There was nothing to do.
    Nothing,
    /// Something was done, and there may be more.
    Some,
}

const STEP: ReclaimBudget = ReclaimBudget {
    keys: 2_000,
    bytes: 4 * 1024 * 1024,
};

/// Reclaims some of the space of the first deleted campaign in the queue.
pub(crate) fn reclaim_some(tables: &mut Tables<'_>) -> Result<Reclaimed, Fault> {
    let queued = match tables.reclaim.first()? {
        Some((key, _)) => key.value().to_vec(),
        None => return Ok(Reclaimed::Nothing),
    };
    tables.changed = true;
    let done = match key::first_campaign(&queued).filter(|_| queued.len() == 16) {
        Some(id) => reclaim(tables, id)?,
        None => true,
    };
    if done {
        tables.reclaim.remove(queued.as_slice())?;
    }
    Ok(Reclaimed::Some)
}

fn reclaim(tables: &mut Tables<'_>, id: CampaignId) -> Result<bool, Fault> {
    let mut budget = ReclaimBudget { ..STEP };
    // Without a readable tombstone the campaign may not be deleted, so its values stay.
    let grave = match lookup::tombstone(&tables.tombstones, id) {
        Ok(Some(grave)) => grave,
        Ok(None) | Err(Fault::Refused(_)) => return Ok(true),
        Err(broken) => return Err(broken),
    };
    let from = key::campaign(id);
    let to = key::after_prefix(&from);
    let range = (from.as_slice(), to.as_deref());
    for table in [&mut tables.records, &mut tables.runs, &mut tables.configs] {
        if !remove_range(table, range, &mut budget, |_| false, |_, _| Ok(()))? {
            return Ok(false);
        }
    }
    let log = &mut tables.log;
    let complete = remove_range(
        &mut tables.campaign_log,
        range,
        &mut budget,
        |key| key::last_u64(key) == Some(grave.seq.0),
        |key, value| {
            if let Ok(number) = envelope::open_u64(&tables::CAMPAIGN_LOG, key, value)
                && number != grave.number
            {
                log.remove(key::log(number).as_slice())?;
            }
            Ok(())
        },
    )?;
    if !complete {
        return Ok(false);
    }
    let kept = grave.key.map(|kept| key::idempotency(Some(id), &kept));
    let from = key::scope(Some(id));
    let to = key::after_prefix(&from);
    let by_expiry = &mut tables.by_expiry;
    remove_range(
        &mut tables.idempotency,
        (&from, to.as_deref()),
        &mut budget,
        |key| kept.as_deref() == Some(key),
        |key, value| {
            let entry = envelope::open_json(&tables::IDEMPOTENCY, key, value);
            if let Ok(phasegate_core::storage::IdempotencyEntry { expires_at, .. }) = entry {
                by_expiry.remove(key::expiry(expires_at.as_unix_ms(), key).as_slice())?;
            }
            Ok(())
        },
    )
}

/// Forgets some of the idempotency keys that have expired.
pub(crate) fn purge_expired(tables: &mut Tables<'_>, now: Timestamp) -> Result<Reclaimed, Fault> {
    let mut budget = ReclaimBudget { ..STEP };
    let to = key::expiry(now.as_unix_ms().saturating_add(1), &[]);
    let idempotency = &mut tables.idempotency;
    let mut removed = false;
    remove_range(
        &mut tables.by_expiry,
        (&[], Some(&to)),
        &mut budget,
        |_| false,
        |key, _| {
            removed = true;
            if let Some(entry) = key.get(8..) {
                idempotency.remove(entry)?;
            }
            Ok(())
        },
    )?;
    tables.changed |= removed;
    Ok(if removed {
        Reclaimed::Some
    } else {
        Reclaimed::Nothing
    })
}

#[cfg(test)]
mod tests {
    use phasegate_core::storage::{EventScope, IdempotencyEntry, IdempotencyKey, Transition};
    use phasegate_core::{CommitId, Digest, EventKind, Mode, Run, Version};
    use phasegate_testkit::storage::conformance::{Story, phase};
    use redb::{Database, ReadableDatabase, ReadableTableMetadata};
    use serde_json::json;

    use super::super::Write;
    use super::*;
    use crate::format::make_tables;
    use crate::read;
    use crate::write::begin;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_000);

    fn database() -> Database {
        let backend = redb::backends::InMemoryBackend::new();
        let database = Database::builder().create_with_backend(backend).unwrap();
        make_tables(&database).unwrap();
        database
    }

    fn in_one<T>(database: &Database, work: impl FnOnce(&mut Tables<'_>) -> Result<T, Fault>) -> T {
        let txn = begin(database).unwrap();
        let mut tables = Tables::open(&txn).unwrap();
        let done = work(&mut tables).unwrap();
        drop(tables);
        txn.commit().unwrap();
        done
    }

    fn keyed(mut transition: Transition, story: &Story, key: String, expires_at: Timestamp) -> Transition {
        transition.idempotency = Some(IdempotencyEntry {
            key: IdempotencyKey::new(key).unwrap(),
            campaign: Some(story.id),
            command: Digest::of(&json!(1)),
            outcome: json!(1),
            expires_at,
        });
        transition
    }

    /// How many entries each table has that reclaiming may take from.
    fn lengths(database: &Database) -> [u64; 8] {
        in_one(database, |tables| {
            Ok([
                tables.records.len()?,
                tables.runs.len()?,
                tables.configs.len()?,
                tables.log.len()?,
                tables.campaign_log.len()?,
                tables.idempotency.len()?,
                tables.by_expiry.len()?,
                tables.reclaim.len()?,
            ])
        })
    }

    /// A campaign with output, many configs and many idempotency keys.
    fn large(tables: &mut Tables<'_>, id: u128) -> Result<Story, Fault> {
        let mut story = Story::new(id);
        let creation = story.transition(vec![Story::creation("campaign", Mode::StepByStep)]);
        creation.apply(tables, NOW)?;
        story.accept(&creation);
        let start = story.transition(vec![story.start("first")]);
        start.apply(tables, NOW)?;
        story.accept(&start);
        story.output(1, vec!["1".to_owned()]).apply(tables, NOW)?;
        for n in 0..2_500 {
            let configuration = story.configuration("second", json!(n));
            let expires_at = Timestamp::from_unix_ms(2_000);
            keyed(configuration.clone(), &story, format!("key-{n}"), expires_at).apply(tables, NOW)?;
            story.accept(&configuration);
        }
        Ok(story)
    }

    #[test]
    fn the_space_of_a_large_campaign_is_reclaimed_in_bounded_steps_and_no_other_s_is() {
        let database = database();
        in_one(&database, |tables| large(tables, 1));
        let other = lengths(&database);
        in_one(&database, |tables| {
            let mut story = large(tables, 2)?;
            let deletion = story.transition(vec![EventKind::CampaignDeleted {}]);
            let own = keyed(
                deletion,
                &story,
                "deletion".to_owned(),
                Timestamp::from_unix_ms(2_000),
            );
            own.apply(tables, NOW)?;
            story.accept(&own);
            Ok(())
        });
        let mut steps = 0;
        let mut before: u64 = lengths(&database).iter().sum();
        while in_one(&database, reclaim_some) == Reclaimed::Some {
            steps += 1;
            let after: u64 = lengths(&database).iter().sum();
            let taken = before.checked_sub(after).expect("a step adds nothing");
            // Removing a counted key also removes its entry in another table.
            assert!(
                (1..=2 * STEP.keys as u64 + 1).contains(&taken),
                "step {steps}: {taken}"
            );
            before = after;
        }
        assert!(steps >= 4, "{steps}");
        let [records, runs, configs, log, campaign_log, keys, expiries, queued] = other;
        let deletion = [
            records,
            runs,
            configs,
            log + 1,
            campaign_log + 1,
            keys + 1,
            expiries + 1,
            queued,
        ];
        assert_eq!(lengths(&database), deletion);
    }

    #[test]
    fn of_a_deleted_campaign_only_the_deletion_shows_also_before_its_space_is_reclaimed() {
        let database = database();
        let (mut story, mut creation, mut deletion) = (Story::new(1), None, None);
        in_one(&database, |tables| {
            let created = story.transition(vec![Story::creation("campaign", Mode::StepByStep)]);
            created.apply(tables, NOW)?;
            story.accept(&created);
            let start = story.transition(vec![story.start("first")]);
            keyed(start.clone(), &story, "start".to_owned(), NOW.plus_ms(1)).apply(tables, NOW)?;
            story.accept(&start);
            story.output(1, vec!["1".to_owned()]).apply(tables, NOW)?;
            let deleted = story.transition(vec![EventKind::CampaignDeleted {}]);
            let deleted = keyed(deleted, &story, "delete".to_owned(), NOW.plus_ms(1));
            deleted.apply(tables, NOW)?;
            (creation, deletion) = (Some(created.commit_id), Some(deleted.commit_id));
            Ok(())
        });
        let (id, first) = (story.id, phase("first"));
        let txn = database.begin_read().unwrap();

        for scope in [EventScope::Store, EventScope::Campaign(id)] {
            let page = read::events(&txn, scope, None, 10).unwrap();
            let kinds: Vec<_> = page.items.into_iter().map(|logged| logged.event.kind).collect();
            assert_eq!(kinds, [EventKind::CampaignDeleted {}], "{scope:?}");
        }
        let committed = |version, commit: Option<CommitId>| {
            read::committed(&txn, id, Version(version), commit.expect("it was told")).unwrap()
        };
        assert!(!committed(0, creation));
        assert!(committed(2, deletion));
        for (key, kept) in [("start", false), ("delete", true)] {
            let key = IdempotencyKey::new(key).unwrap();
            let entry = read::idempotency(&txn, Some(id), &key, NOW).unwrap();
            assert_eq!(entry.is_some(), kept, "{key}");
        }
        assert_eq!(read::run_output(&txn, id, &first, Run(1)).unwrap(), None);
        let page = read::records(&txn, (id, &first, Run(1)), 0, 10).unwrap();
        assert!(page.records.is_empty());
        assert_eq!(lengths(&database)[7], 1, "its space is still to be reclaimed");
    }

    #[test]
    fn keys_are_forgotten_once_they_have_expired_in_bounded_steps() {
        let database = database();
        in_one(&database, |tables| {
            let mut story = large(tables, 1)?;
            let nothing = keyed(
                story.transition(vec![]),
                &story,
                "later".to_owned(),
                Timestamp::from_unix_ms(2_001),
            );
            nothing.apply(tables, NOW)?;
            story.accept(&nothing);
            Ok(())
        });
        let at = |ms| {
            in_one(&database, |tables| {
                purge_expired(tables, Timestamp::from_unix_ms(ms))
            })
        };
        let keys = || (lengths(&database)[5], lengths(&database)[6]);
        assert_eq!((at(1_999), keys()), (Reclaimed::Nothing, (2_501, 2_501)));
        assert_eq!((at(2_000), keys()), (Reclaimed::Some, (501, 501)));
        assert_eq!((at(2_000), keys()), (Reclaimed::Some, (1, 1)));
        assert_eq!((at(2_000), keys()), (Reclaimed::Nothing, (1, 1)));
        assert_eq!((at(2_001), keys()), (Reclaimed::Some, (0, 0)));
    }
}
