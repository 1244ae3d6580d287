//! Power failures and disk errors at any operation: what was acknowledged is there, and nothing is half there.

use std::time::Duration;

use phasegate_core::storage::{
    ChangeScope, EventScope, IdempotencyEntry, IdempotencyKey, Output, ResourceWrite, Storage, StorageError,
    Transition,
};
use phasegate_core::{
    CampaignId, Digest, EventKind, Mode, ResourceId, ResourceKind, ResourceRef, Run, Timestamp,
};
use phasegate_storage_redb::RedbStorage;
use phasegate_storage_redb::testing::{CrashBackend, RawStore};
use phasegate_testkit::storage::MemoryStorage;
use phasegate_testkit::storage::conformance::{Story, phase};
use proptest::prelude::*;
use serde_json::json;

use crate::sample;

#[derive(Clone, Debug)]
enum Write {
    Commit(Box<Transition>),
    Append(Output),
    Resource(ResourceWrite),
    Key(IdempotencyEntry),
}

async fn write(storage: &dyn Storage, write: Write) -> Result<(), StorageError> {
    match write {
        Write::Commit(transition) => storage.commit(*transition).await.map(|_| ()),
        Write::Append(output) => storage.append(output).await.map(|_| ()),
        Write::Resource(resource) => storage.write_resource(resource).await.map(|_| ()),
        Write::Key(entry) => storage.remember(entry).await,
    }
}

fn own_resource(id: CampaignId) -> ResourceRef {
    ResourceRef {
        kind: ResourceKind::new("proxy").unwrap(),
        id: ResourceId::new(id.to_string()).unwrap(),
    }
}

/// The key that a caller remembers as the `n`th thing it does.
fn own_key(id: CampaignId, n: usize) -> IdempotencyKey {
    IdempotencyKey::new(format!("{id}-{n}")).unwrap()
}

/// What one caller does: the life of one campaign, with a resource and idempotency keys of its own.
fn life(id: u128, choices: &[u8]) -> Vec<Write> {
    let mut story = Story::new(id);
    let (mut writes, mut batch, mut count) = (Vec::new(), 0, 0);
    let first = story.transition(vec![Story::creation("campaign", Mode::StepByStep)]);
    let mut next = Some(first);
    for (n, choice) in choices.iter().enumerate() {
        if let Some(transition) = next.take() {
            story.accept(&transition);
            writes.push(Write::Commit(Box::new(transition)));
        }
        let running = story
            .campaign
            .as_ref()
            .and_then(|campaign| campaign.ticket())
            .is_some();
        match choice % 8 {
            0 => next = Some(story.configuration("third", json!({"n": n, "pad": "x".repeat(n * 100)}))),
            1 => {
                next = Some(story.transition(vec![EventKind::ModeChanged {
                    mode: Mode::FullSequence,
                }]))
            }
            2 if n > 8 && !running => {
                let deletion = story.transition(vec![EventKind::CampaignDeleted {}]);
                story.accept(&deletion);
                writes.push(Write::Commit(Box::new(deletion)));
                return writes;
            }
            3 => {
                let document = (choice % 16 < 8).then(|| json!({"n": n}));
                let write = sample::resource_write(own_resource(story.id), document);
                writes.push(Write::Resource(write));
            }
            4 if choice % 16 < 8 => writes.push(Write::Key(IdempotencyEntry {
                key: own_key(story.id, n),
                campaign: None,
                command: Digest::of(&json!(n)),
                outcome: json!({"n": n, "pad": "z".repeat(n * 50)}),
                expires_at: Timestamp::from_unix_ms(i64::MAX),
            })),
            _ if running => {
                batch += 1;
                let size = usize::from(*choice) * 5;
                let records = (0..size).map(|r| format!("[{n}, {r}, \"{}\"]", "y".repeat(r % 50)));
                let mut output = story.output(batch, records);
                output.checkpoint = Some(json!(n));
                count += output.records.len() as u64;
                writes.push(Write::Append(output));
                if batch == 3 {
                    let mut last = story.output(4, vec![format!("\"the end of {n}\"")]);
                    last.checkpoint = Some(json!("done"));
                    let mut end = story.transition(vec![sample::completion(&story, "first", count + 1)]);
                    end.output = Some(last);
                    next = Some(end);
                }
            }
            _ if story
                .campaign
                .as_ref()
                .is_some_and(|campaign| campaign.position() == 0) =>
            {
                next = Some(story.transition(vec![story.start("first")]));
            }
            _ => {}
        }
    }
    writes
}

/// Everything that a store shows of one campaign, its resource and its keys.
async fn shown(storage: &dyn Storage, id: CampaignId) -> String {
    let mut text = format!("{:?}\n", storage.campaign(id).await.unwrap().campaign);
    let page = storage
        .events(EventScope::Campaign(id), None, 1_000)
        .await
        .unwrap();
    for logged in page.items {
        text += &format!("{:?} {:?}\n", logged.seq, logged.event);
    }
    let output = storage.run_output(id, &phase("first"), Run(1)).await.unwrap();
    text += &format!("{output:?}\n");
    let page = storage
        .records(id, &phase("first"), Run(1), 0, 10_000)
        .await
        .unwrap();
    text += &format!("{:?} {:?}\n", page.records, page.next);
    for revision in 1..40 {
        let revision = phasegate_core::Revision(revision);
        text += &format!(
            "{:?}\n",
            storage.config(id, &phase("third"), revision).await.unwrap()
        );
    }
    for n in 0..25 {
        let remembered = storage.idempotency(None, &own_key(id, n)).await.unwrap();
        text += &format!("{remembered:?}\n");
    }
    text + &format!("{:?}", storage.resource(&own_resource(id)).await.unwrap())
}

/// What a process does to a disk, and how it ends.
#[derive(Clone, Copy, Debug)]
struct Session {
    end: End,
    /// The operation on the disk at which the end begins.
    after: u64,
    /// Whether the power goes off at the end. Otherwise the next process finds all that was written, synced or not.
    power: bool,
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
enum End {
    /// It ends while it opens the store.
    Opening,
    /// An operation fails while it opens the store, as in `Losing`.
    FailingToOpen,
    /// It ends while it writes.
    Writing,
    /// It ends while it closes the store.
    Closing,
    /// An operation fails while it writes, and it closes the store.
    Failing,
    /// As `Failing`. If it is a sync that fails, what it was to sync is lost, though it is seen until the power goes off.
    Losing,
}

fn session() -> impl Strategy<Value = Session> {
    let ends = vec![
        End::Opening,
        End::FailingToOpen,
        End::Writing,
        End::Closing,
        End::Failing,
        End::Losing,
    ];
    (prop::sample::select(ends), 1_u64..60, any::<bool>(), any::<u64>()).prop_map(
        |(end, after, power, seed)| {
            Session {
                end,
                // A close takes few operations, and so does opening.
                after: match end {
                    End::Opening | End::FailingToOpen | End::Closing => after % 12 + 1,
                    _ => after,
                },
                power,
                seed,
            }
        },
    )
}

/// What a caller does, and how much of it is acknowledged.
struct Caller {
    id: CampaignId,
    writes: Vec<Write>,
    acknowledged: usize,
    /// Whether the next write was tried.
    is_in_doubt: bool,
    expected: MemoryStorage,
}

impl Caller {
    /// Writes until a write fails.
    async fn write(&mut self, storage: &RedbStorage, at_most: usize) {
        for next in self.writes[self.acknowledged..].iter().take(at_most) {
            match write(storage, next.clone()).await {
                Ok(()) => {
                    write(&self.expected, next.clone()).await.unwrap();
                    self.acknowledged += 1;
                }
                Err(StorageError::OutcomeUnknown { .. }) => {
                    self.is_in_doubt = true;
                    return;
                }
                Err(StorageError::Unavailable { .. }) => return,
                Err(other) => panic!("{other}"),
            }
        }
    }

    /// Checks that what was acknowledged is there, and nothing more but what may be there.
    async fn check(&mut self, storage: &RedbStorage) {
        let actual = shown(storage, self.id).await;
        if actual != shown(&self.expected, self.id).await {
            assert!(
                self.is_in_doubt,
                "nothing was in doubt, and yet the store differs"
            );
            let doubtful = self.writes[self.acknowledged].clone();
            write(&self.expected, doubtful).await.unwrap();
            self.acknowledged += 1;
            assert_eq!(actual, shown(&self.expected, self.id).await);
        }
        self.is_in_doubt = false;
    }
}

async fn survives(lives: Vec<Vec<Write>>, journal_bytes: u64, cache_bytes: usize, sessions: Vec<Session>) {
    let options = RedbStorage::options()
        .journal_bytes(journal_bytes)
        .cache_bytes(cache_bytes);
    let mut disk = CrashBackend::new();
    let storage = options.open_backend(disk.clone()).await.unwrap();
    storage.close().await.unwrap();
    let mut callers: Vec<_> = lives
        .into_iter()
        .zip(1..)
        .map(|(writes, id)| Caller {
            id: CampaignId::from_u128(id),
            writes,
            acknowledged: 0,
            is_in_doubt: false,
            expected: MemoryStorage::new(),
        })
        .collect();
    for Session {
        end,
        after,
        power,
        seed,
    } in sessions
    {
        match end {
            End::Opening => disk.power_off_after(after),
            End::FailingToOpen => disk.lose_after(after),
            _ => {}
        }
        let opened = options.open_backend(disk.clone()).await;
        if !matches!(end, End::Opening | End::FailingToOpen) {
            let storage = opened.expect("it opens again");
            check(&storage, &mut callers).await;
            match end {
                End::Writing => disk.power_off_after(after),
                End::Failing => disk.fail_after(after),
                End::Losing => disk.lose_after(after),
                _ => {}
            }
            let at_most = match end {
                End::Closing => 3,
                _ => usize::MAX,
            };
            let writing = callers.into_iter().map(|mut caller| {
                let storage = storage.clone();
                tokio::spawn(async move {
                    caller.write(&storage, at_most).await;
                    caller
                })
            });
            let writing: Vec<_> = writing.collect();
            callers = Vec::new();
            for caller in writing {
                callers.push(caller.await.unwrap());
            }
            if matches!(end, End::Closing) {
                disk.power_off_after(after);
            }
            let _ = storage.close().await;
        }
        disk = match power {
            true => disk.crash(seed),
            false => disk.kill(),
        };
    }
    let storage = options.open_backend(disk).await;
    check(&storage.expect("it opens again"), &mut callers).await;
}

async fn check(storage: &RedbStorage, callers: &mut [Caller]) {
    for caller in callers {
        caller.check(storage).await;
    }
    let report = storage.verify(|_| ()).await.unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
}

/// Opens a store that has so long a journal if it is new.
async fn with_journal(disk: &CrashBackend, bytes: u64) -> RedbStorage {
    let options = RedbStorage::options().journal_bytes(bytes);
    options.open_backend(disk.clone()).await.unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_survives_whatever_ends_one_process_after_another(
        choices in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..25), 1..5),
        journal_bytes in prop::sample::select(vec![4_096, 16_384, 2_097_152]),
        cache_bytes in prop::sample::select(vec![0, 65_536, 8_388_608]),
        sessions in proptest::collection::vec(session(), 1..6),
    ) {
        let lives = choices.iter().zip(1..).map(|(choices, id)| life(id, choices)).collect();
        runtime().block_on(survives(lives, journal_bytes, cache_bytes, sessions));
    }
}

#[test]
fn after_a_disk_error_nothing_is_acknowledged_until_the_store_is_opened_anew() {
    runtime().block_on(async {
        let mut failures = 0;
        // In the journal, and in a checkpoint that each commit needs.
        for (n, journal_bytes) in (1..40).flat_map(|n| [(n, 2_097_152), (n, 0)]) {
            let disk = CrashBackend::new();
            let storage = with_journal(&disk, journal_bytes).await;
            let story = Story::created(&storage, 1).await;
            let another = Story::created(&storage, 2).await;
            disk.fail_after(n);
            let change = || {
                vec![EventKind::ModeChanged {
                    mode: Mode::FullSequence,
                }]
            };
            let transition = story.transition(change());
            let write = transition.write_ref();
            let Err(error) = storage.commit(transition.clone()).await else {
                continue;
            };
            failures += 1;
            match &error {
                StorageError::OutcomeUnknown { write: named, .. } => assert_eq!(**named, write),
                other => panic!("{other:?}"),
            }
            let later = storage.commit(another.transition(change())).await;
            assert!(
                matches!(later, Err(StorageError::Unavailable { .. })),
                "it was not tried: {later:?}"
            );
            let looked_up = storage.outcome(&write).await;
            assert!(
                matches!(looked_up, Err(StorageError::Unavailable { .. })),
                "{looked_up:?}"
            );
            let waited = storage.changed(ChangeScope::Store, None, Duration::MAX).await;
            assert!(
                matches!(waited, Err(StorageError::Unavailable { .. })),
                "{waited:?}"
            );
            drop(storage);

            let storage = RedbStorage::with_backend(disk.crash(n)).await.unwrap();
            let is_there = storage.outcome(&write).await.unwrap();
            let campaign = storage.campaign(story.id).await.unwrap().campaign;
            assert_eq!(
                campaign,
                if is_there {
                    transition.snapshot
                } else {
                    story.campaign
                }
            );
            let unchanged = storage.campaign(another.id).await.unwrap().campaign;
            assert_eq!(unchanged, another.campaign);
            assert!(storage.verify(|_| ()).await.unwrap().is_clean());
        }
        assert!(failures >= 2 + 3, "the errors were met: {failures}");
    });
}

#[test]
fn a_store_opens_after_a_crash_without_being_repaired() {
    runtime().block_on(async {
        for (n, journal_bytes) in (1..40).flat_map(|n| [(n, 2_097_152), (n, 0)]) {
            let disk = CrashBackend::new();
            let storage = with_journal(&disk, journal_bytes).await;
            let story = Story::running(&storage, 1).await;
            disk.power_off_after(n);
            let _ = storage.append(story.output(1, vec!["1".to_owned()])).await;
            let left = disk.crash(n);
            drop(storage);
            let opened = RawStore::without_repair(left);
            assert!(opened.is_ok(), "operation {n}: {:?}", opened.err());
        }
    });
}

#[test]
fn a_close_does_not_count_on_what_a_failed_sync_has_lost() {
    runtime().block_on(async {
        let mut failures = 0;
        for n in 1..60 {
            let disk = CrashBackend::new();
            // Without a cache redb writes its pages before the journal's sync.
            let options = RedbStorage::options().cache_bytes(0);
            let storage = options.open_backend(disk.clone()).await.unwrap();
            let story = Story::running(&storage, 1).await;
            disk.lose_after(n);
            for batch in 1..10 {
                let records = (0..100).map(|n| format!("[{n}, \"{}\"]", "x".repeat(200)));
                if storage.append(story.output(batch, records)).await.is_err() {
                    failures += 1;
                    break;
                }
            }
            let _ = storage.close().await;
            let storage = RedbStorage::with_backend(disk.crash(n)).await.unwrap();
            let campaign = storage.campaign(story.id).await.unwrap().campaign;
            assert_eq!(campaign, story.campaign, "operation {n}");
            assert!(storage.verify(|_| ()).await.unwrap().is_clean(), "operation {n}");
        }
        assert!(failures > 20, "the errors were met: {failures}");
    });
}

#[test]
fn a_commit_whose_sync_failed_stays_once_it_is_seen() {
    runtime().block_on(async {
        let mut seen = 0;
        for n in 1..10 {
            let disk = CrashBackend::new();
            let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
            disk.lose_after(n);
            let story = Story::new(1);
            let creation = story.transition(vec![Story::creation("campaign", Mode::StepByStep)]);
            let _ = storage.commit(creation).await;
            let disk = disk.kill();
            let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
            if storage.campaign(story.id).await.unwrap().campaign.is_some() {
                seen += 1;
                let storage = RedbStorage::with_backend(disk.crash(n)).await.unwrap();
                let campaign = storage.campaign(story.id).await.unwrap().campaign;
                assert!(campaign.is_some(), "operation {n}");
            }
        }
        assert!(seen > 0);
    });
}
