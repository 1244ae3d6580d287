//! Reclaiming the space of deleted campaigns, pruned runs and expired idempotency keys, in bounded commits.

use std::ops::Bound;

use phasegate_core::{CampaignId, PhaseName, Run, stored};
use redb::{ReadableTable, ReadableTableMetadata};

use super::group::Group;
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
            // Where a commit stands whose row is damaged is unknown. A verification finds it.
            if let Ok(last) = LastOfCommit::read(key, value) {
                group.remove(&LOG, key::log(last.number));
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
    use phasegate_core::storage::{EventScope, IdempotencyKey, WriteRef};
    use phasegate_core::{CampaignId, CommitId, EventKind, Mode, Timestamp, Version};
    use phasegate_testkit::storage::conformance::{Story, phase};
    use redb::Database;
    use serde_json::json;

    use super::*;
    use crate::leases::Leases;
    use crate::read;
    use crate::rows::View;
    use crate::scratch::{
        NOW, append, commit, database, entries, grouped, in_one, keyed, pruning, running, tell,
    };

    /// The tables that reclaiming may take from.
    const TABLES: [&TableSpec; 9] = [
        &RECORDS,
        &RUNS,
        &CONFIGS,
        &LOG,
        &CAMPAIGN_LOG,
        &IDEMPOTENCY,
        &BY_EXPIRY,
        &RECLAIM,
        &RECLAIM_RUNS,
    ];

    /// How many rows each of them has.
    fn lengths(database: &Database) -> [u64; 9] {
        TABLES.map(|spec| length(database, spec) as u64)
    }

    fn length(database: &Database, spec: &TableSpec) -> usize {
        entries(database, spec).len()
    }

    /// A campaign with output, many configs and many idempotency keys.
    fn large(group: &mut Group<'_>, id: u128) -> Result<Story, Fault> {
        let mut story = running(group, id)?;
        append(group, &story, 1, "record")?;
        for n in 0..2_500 {
            let configuration = story.configuration("second", json!(n));
            let expires_at = Timestamp::from_unix_ms(2_000);
            let configuration = keyed(configuration, format!("key-{n}"), expires_at);
            commit(group, &mut story, configuration)?;
        }
        Ok(story)
    }

    /// Reclaims all there is. Gives the number of steps.
    fn reclaim_all(database: &Database) -> usize {
        let mut steps = 0;
        let mut before: u64 = lengths(database).iter().sum();
        while in_one(database, reclaim_some) == Reclaimed::Some {
            steps += 1;
            let after: u64 = lengths(database).iter().sum();
            let taken = before.checked_sub(after).expect("a step adds nothing");
            // Removing a counted row also removes its row in another table.
            assert!(taken <= 2 * STEP.keys as u64 + 1, "step {steps}: {taken}");
            before = after;
        }
        steps
    }

    #[test]
    fn the_space_of_a_large_campaign_is_reclaimed_in_bounded_steps_and_no_other_s_is() {
        let database = database();
        in_one(&database, |group| large(group, 1));
        let [
            records,
            runs,
            configs,
            log,
            campaign_log,
            keys,
            expiries,
            queued,
            queued_runs,
        ] = lengths(&database);
        in_one(&database, |group| {
            let mut story = large(group, 2)?;
            let deletion = story.transition(vec![EventKind::CampaignDeleted {}]);
            let deletion = keyed(deletion, "deletion", Timestamp::from_unix_ms(2_000));
            commit(group, &mut story, deletion)
        });
        let steps = reclaim_all(&database);
        assert!(steps >= 4, "{steps}");
        let deletion = [
            records,
            runs,
            configs,
            log + 1,
            campaign_log,
            keys + 1,
            expiries + 1,
            queued,
            queued_runs,
        ];
        assert_eq!(lengths(&database), deletion);
    }

    #[test]
    fn of_a_deleted_campaign_only_the_deletion_shows_also_before_its_space_is_reclaimed() {
        let database = database();
        let (creation, deletion) = in_one(&database, |group| {
            let mut story = Story::new(1);
            let created = story.transition(vec![Story::creation("campaign", Mode::StepByStep)]);
            let creation = created.commit_id;
            commit(group, &mut story, created)?;
            let start = story.transition(vec![story.start("first")]);
            commit(group, &mut story, keyed(start, "start", NOW.plus_ms(1)))?;
            append(group, &story, 1, "record")?;
            let deleted = story.transition(vec![EventKind::CampaignDeleted {}]);
            let deletion = deleted.commit_id;
            commit(group, &mut story, keyed(deleted, "delete", NOW.plus_ms(1)))?;
            Ok((creation, deletion))
        });
        let (id, first) = (CampaignId::from_u128(1), phase("first"));
        let txn = View::of(&database).unwrap();

        for scope in [EventScope::Store, EventScope::Campaign(id)] {
            let page = read::events(&txn, scope, None, 10).unwrap();
            let kinds: Vec<_> = page.items.into_iter().map(|logged| logged.event.kind).collect();
            assert_eq!(kinds, [EventKind::CampaignDeleted {}], "{scope:?}");
        }
        let is_done = |version, id: CommitId| {
            let write = WriteRef::Commit {
                campaign: CampaignId::from_u128(1),
                expected_version: Version(version),
                id,
            };
            read::outcome(&txn, &write).unwrap()
        };
        assert!(!is_done(0, creation));
        assert!(is_done(2, deletion));
        for (key, kept) in [("start", false), ("delete", true)] {
            let key = IdempotencyKey::new(key).unwrap();
            let entry = read::idempotency(&txn, Some(id), &key, NOW).unwrap();
            assert_eq!(entry.is_some(), kept, "{key}");
        }
        assert_eq!(read::run_output(&txn, id, &first, Run(1), None).unwrap(), None);
        assert!(read::runs(&txn, id, &first, Run(0), 10).unwrap().items.is_empty());
        let page = read::records(&txn, (id, &first, Run(1)), 0, 10).unwrap();
        assert!(page.records.is_empty());
        drop(txn);
        assert_eq!(
            length(&database, &RECLAIM),
            1,
            "its space is still to be reclaimed"
        );
    }

    #[test]
    fn a_pruned_run_is_hidden_at_once_and_reclaimed_later_with_those_before_it() {
        let database = database();
        let mut story = in_one(&database, |group| {
            let mut story = running(group, 1)?;
            for run in 1..=4 {
                append(group, &story, 1, "record")?;
                if run < 4 {
                    let again = vec![story.stop("first"), story.restart("first")];
                    tell(group, &mut story, again)?;
                }
            }
            // Another campaign, to be left alone.
            running(group, 2)?;
            Ok(story)
        });
        in_one(&database, |group| {
            tell(group, &mut story, vec![pruning(1)])?;
            tell(group, &mut story, vec![pruning(2)])
        });
        let (id, first) = (story.id, phase("first"));
        let shown = || {
            let txn = View::of(&database).unwrap();
            let page = read::runs(&txn, id, &first, Run(0), 10).unwrap();
            let runs: Vec<_> = page
                .items
                .into_iter()
                .map(|run| (run.run.0, run.launched.0))
                .collect();
            for run in 1..=4 {
                let is_shown = run > 2;
                let output = read::run_output(&txn, id, &first, Run(run), None).unwrap();
                assert_eq!(output.is_some(), is_shown, "{run}");
                let page = read::records(&txn, (id, &first, Run(run)), 0, 10).unwrap();
                assert_eq!(page.records.len(), usize::from(is_shown), "{run}");
            }
            runs
        };
        assert_eq!(shown(), [(3, 6), (4, 8)]);
        assert_eq!((length(&database, &RUNS), length(&database, &RECORDS)), (5, 4));
        assert_eq!(reclaim_all(&database), 2);
        assert_eq!(shown(), [(3, 6), (4, 8)]);
        assert_eq!((length(&database, &RUNS), length(&database, &RECORDS)), (3, 2));
        assert_eq!(length(&database, &RECLAIM_RUNS), 0);
    }

    #[test]
    fn keys_are_forgotten_once_they_have_expired_in_bounded_steps() {
        let database = database();
        in_one(&database, |group| {
            let mut story = large(group, 1)?;
            let nothing = story.transition(vec![]);
            let later = keyed(nothing, "later", Timestamp::from_unix_ms(2_001));
            commit(group, &mut story, later)
        });
        let at = |ms| {
            let now = Timestamp::from_unix_ms(ms);
            grouped(&database, &mut Leases::none(), now, purge_expired)
        };
        let keys = || (length(&database, &IDEMPOTENCY), length(&database, &BY_EXPIRY));
        assert_eq!((at(1_999), keys()), (Reclaimed::Nothing, (2_501, 2_501)));
        assert_eq!((at(2_000), keys()), (Reclaimed::Some, (501, 501)));
        assert_eq!((at(2_000), keys()), (Reclaimed::Some, (1, 1)));
        assert_eq!((at(2_000), keys()), (Reclaimed::Nothing, (1, 1)));
        assert_eq!((at(2_001), keys()), (Reclaimed::Some, (0, 0)));
    }
}
