//! Reclaiming the space of deleted campaigns, pruned runs and expired idempotency keys, in bounded commits.

use std::ops::Bound;

use phasegate_core::{CampaignId, PhaseName, Run, stored};
use redb::{ReadableTable, ReadableTableMetadata};

use super::Group;
use crate::commits::LastOfCommit;
use crate::envelope;
use crate::fault::Fault;
use crate::key::{self, Key};
use crate::lookup;
use crate::rows;
use crate::tables::{
    BY_EXPIRY, CAMPAIGN_LOG, CONFIGS, IDEMPOTENCY, LOG, RECLAIM, RECLAIM_RUNS, RECORDS, RUNS, TableSpec,
};

/// The result of one step of reclaiming.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reclaimed {
    /// There was nothing to do.
    Nothing,
    /// Something was done, and there may be more.
    Some,
}

/// How much one bounded commit may still remove.
struct Budget {
    keys: usize,
    bytes: usize,
}

const STEP: Budget = Budget {
    keys: 2_000,
    bytes: 4 * 1024 * 1024,
};

impl Budget {
    fn take(&mut self, bytes: usize) -> bool {
        if self.keys == 0 || self.bytes == 0 {
            return false;
        }
        self.keys -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }
}

/// The keys from one up to another, or to the end.
struct KeyRange {
    from: Key,
    to: Option<Key>,
}

impl KeyRange {
    fn of_prefix(prefix: Key) -> Self {
        Self {
            to: key::after_prefix(&prefix),
            from: prefix,
        }
    }
}

/// Reclaims some of the space of the first deleted campaign or pruned run in the queues. The group has no other writes.
pub(crate) fn reclaim_some(group: &mut Group<'_>) -> Result<Reclaimed, Fault> {
    if let Some(queued) = first(group, &RECLAIM)? {
        let done = match key::first_campaign(&queued).filter(|_| queued.len() == 16) {
            Some(id) => reclaim_campaign(group, id)?,
            None => true,
        };
        if done {
            group.remove(&RECLAIM, queued);
        }
        return Ok(Reclaimed::Some);
    }
    if let Some(queued) = first(group, &RECLAIM_RUNS)? {
        let done = match key::run_parts(&queued) {
            Some((id, phase, run)) => reclaim_runs(group, id, &phase, run)?,
            None => true,
        };
        if done {
            group.remove(&RECLAIM_RUNS, queued);
        }
        return Ok(Reclaimed::Some);
    }
    Ok(Reclaimed::Nothing)
}

fn first(group: &Group<'_>, queue: &TableSpec) -> Result<Option<Key>, Fault> {
    let queue = rows::table(group.before(), queue)?;
    if queue.is_empty()? {
        return Ok(None);
    }
    Ok(queue.first()?.map(|(key, _)| key.value().to_vec()))
}

/// Returns whether all is removed.
fn reclaim_campaign(group: &mut Group<'_>, id: CampaignId) -> Result<bool, Fault> {
    let mut budget = Budget { ..STEP };
    // Without a readable tombstone the campaign may not be deleted, so its values stay.
    let grave = match lookup::tombstone(group, id) {
        Ok(Some(grave)) => grave,
        Ok(None) | Err(Fault::Refused(_)) => return Ok(true),
        Err(broken) => return Err(broken),
    };
    let of_campaign = KeyRange::of_prefix(key::campaign(id));
    for table in [&RECORDS, &RUNS, &CONFIGS, &RECLAIM_RUNS] {
        if !remove_range(group, table, &of_campaign, &mut budget, |_, _, _| true)? {
            return Ok(false);
        }
    }
    let complete = remove_range(
        group,
        &CAMPAIGN_LOG,
        &of_campaign,
        &mut budget,
        |group, key, value| {
            match LastOfCommit::read(key, value) {
                Ok(last) if last.number == grave.number => return false,
                Ok(last) => group.remove(&LOG, key::log(last.number)),
                // Where its commit stands is unknown. A verification finds it.
                Err(_) => {}
            }
            true
        },
    )?;
    if !complete {
        return Ok(false);
    }
    let kept = grave.key.map(|kept| key::idempotency(Some(id), &kept));
    let keys = KeyRange::of_prefix(key::scope(Some(id)));
    remove_range(group, &IDEMPOTENCY, &keys, &mut budget, |group, key, value| {
        if kept.as_deref() == Some(key) {
            return false;
        }
        if let Ok(entry) = envelope::read(&IDEMPOTENCY, key, value, stored::key::read) {
            group.remove(&BY_EXPIRY, key::expiry(entry.expires_at, key));
        }
        true
    })
}

/// Removes a run and those before it. Returns whether all are removed.
fn reclaim_runs(group: &mut Group<'_>, id: CampaignId, phase: &PhaseName, run: Run) -> Result<bool, Fault> {
    // Where the campaign doesn't say so, they are not pruned, so they stay.
    match lookup::is_pruned(group, id, phase, run) {
        Ok(true) => {}
        Ok(false) | Err(Fault::Refused(_)) => return Ok(true),
        Err(broken) => return Err(broken),
    }
    let mut budget = Budget { ..STEP };
    let up_to_it = KeyRange {
        from: key::run(id, phase, Run(0)),
        to: key::after_prefix(&key::run(id, phase, run)),
    };
    Ok(
        remove_range(group, &RECORDS, &up_to_it, &mut budget, |_, _, _| true)?
            && remove_range(group, &RUNS, &up_to_it, &mut budget, |_, _, _| true)?,
    )
}

/// Forgets some of the idempotency keys that have expired. The group has no other writes.
pub(crate) fn purge_expired(group: &mut Group<'_>) -> Result<Reclaimed, Fault> {
    let mut budget = Budget { ..STEP };
    let expired = KeyRange {
        from: Key::new(),
        to: Some(key::expiry(group.now.plus_ms(1), &[])),
    };
    let mut reclaimed = Reclaimed::Nothing;
    remove_range(group, &BY_EXPIRY, &expired, &mut budget, |group, key, _| {
        reclaimed = Reclaimed::Some;
        if let Some(entry) = key.get(8..) {
            group.remove(&IDEMPOTENCY, entry.to_vec());
        }
        true
    })?;
    Ok(reclaimed)
}

/// Removes the rows of a range, within a budget, but for those that `is_removed` keeps. Returns whether all are removed.
fn remove_range<'w>(
    group: &mut Group<'w>,
    spec: &TableSpec,
    range: &KeyRange,
    budget: &mut Budget,
    mut is_removed: impl FnMut(&mut Group<'w>, &[u8], &[u8]) -> bool,
) -> Result<bool, Fault> {
    let to = range.to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let bounds = (Bound::Included(range.from.as_slice()), to);
    let entries = rows::table(group.before(), spec)?.range::<&[u8]>(bounds)?;
    for entry in entries {
        let (key, value) = entry?;
        let (key, value) = (key.value(), value.value());
        if !budget.take(key.len() + value.len()) {
            return Ok(false);
        }
        if is_removed(group, key, value) {
            group.remove(spec, key.to_vec());
        }
    }
    Ok(true)
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
