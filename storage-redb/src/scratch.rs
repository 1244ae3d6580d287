//! A database in memory and groups of writes on it, for unit tests.

use phasegate_core::storage::{IdempotencyEntry, IdempotencyKey, Transition};
use phasegate_core::{Digest, EventKind, Mode, Run, Timestamp};
use phasegate_testkit::storage::conformance::{Story, phase};
use redb::{Database, ReadableTable};
use serde_json::json;

use crate::fault::Fault;
use crate::format::make_tables;
use crate::leases::Leases;
use crate::lookup;
use crate::recent::Recent;
use crate::rows::{self, View};
use crate::tables::TableSpec;
use crate::write::{Append, Commit, Group, Write, begin};

pub(crate) const NOW: Timestamp = Timestamp::from_unix_ms(1_000);

pub(crate) fn database() -> Database {
    let backend = redb::backends::InMemoryBackend::new();
    let database = Database::builder().create_with_backend(backend).unwrap();
    make_tables(&database).unwrap();
    database
}

/// Does `work` in one group, at a moment, with these leases.
pub(crate) fn grouped<T>(
    database: &Database,
    leases: &mut Leases,
    now: Timestamp,
    work: impl FnOnce(&mut Group<'_>) -> Result<T, Fault>,
) -> T {
    let before = View::of(database).unwrap();
    let last = lookup::last_number(&before).unwrap();
    let recent = Recent::default();
    let mut group = Group::new(before.into(), &recent, last, now, leases);
    let done = work(&mut group).unwrap();
    let ended = group.end();
    let txn = begin(database).unwrap();
    ended.write(&txn).unwrap();
    txn.commit().unwrap();
    done
}

/// Does `work` in one group, where nobody works on anything.
pub(crate) fn in_one<T>(database: &Database, work: impl FnOnce(&mut Group<'_>) -> Result<T, Fault>) -> T {
    grouped(database, &mut Leases::none(), NOW, work)
}

/// Commits a transition, and takes it into the story.
pub(crate) fn commit(group: &mut Group<'_>, story: &mut Story, transition: Transition) -> Result<(), Fault> {
    story.accept(&transition);
    Commit::new(transition).apply(group).map(|_| ())
}

/// Commits these events, and takes them into the story.
pub(crate) fn tell(group: &mut Group<'_>, story: &mut Story, kinds: Vec<EventKind>) -> Result<(), Fault> {
    let transition = story.transition(kinds);
    commit(group, story, transition)
}

/// Appends one record.
pub(crate) fn append(group: &mut Group<'_>, story: &Story, batch: u64, record: &str) -> Result<(), Fault> {
    let output = story.output(batch, vec![format!("{record:?}")]);
    Append::new(output).apply(group).map(|_| ())
}

/// A campaign whose first phase is running.
pub(crate) fn running(group: &mut Group<'_>, id: u128) -> Result<Story, Fault> {
    let mut story = Story::new(id);
    tell(
        group,
        &mut story,
        vec![Story::creation("campaign", Mode::StepByStep)],
    )?;
    let start = vec![story.start("first")];
    tell(group, &mut story, start)?;
    Ok(story)
}

/// The transition with an idempotency key of its campaign.
pub(crate) fn keyed(mut transition: Transition, key: impl Into<String>, expires_at: Timestamp) -> Transition {
    transition.idempotency = Some(IdempotencyEntry {
        key: IdempotencyKey::new(key).unwrap(),
        campaign: Some(transition.campaign),
        command: Digest::of(&json!(1)),
        outcome: json!(1),
        expires_at,
    });
    transition
}

/// The event that prunes the runs of the first phase up to one.
pub(crate) fn pruning(run: u32) -> EventKind {
    EventKind::RunPruned {
        phase: phase("first"),
        run: Run(run),
    }
}

/// Every row of a table.
pub(crate) fn entries(database: &Database, spec: &TableSpec) -> Vec<(Vec<u8>, Vec<u8>)> {
    let view = View::of(database).unwrap();
    let table = rows::table(&view, spec).unwrap();
    let entries = ReadableTable::iter(table).unwrap().map(|entry| {
        let (key, value) = entry.unwrap();
        (key.value().to_vec(), value.value().to_vec())
    });
    entries.collect()
}
