//! The journal: what a kill leaves in it, and what its damage is taken for.

use std::time::{Duration, Instant};

use phasegate_core::storage::{ChangeScope, Storage, StorageError};
use phasegate_core::{CampaignId, EventKind, Mode, OwnerId};
use phasegate_storage_redb::testing::{CrashBackend, RawStore};
use phasegate_storage_redb::{RedbStorage, verify_file};
use phasegate_testkit::storage::conformance::Story;

/// Where the first frame of a journal begins.
const JOURNAL: usize = 4_096;
/// How many bytes of a frame stand before its body, the first four its length.
const HEADER: usize = 32;

/// The bytes of a store that was killed after it had created these campaigns, one commit each.
async fn killed_with(ids: std::ops::RangeInclusive<u128>) -> Vec<u8> {
    let disk = CrashBackend::new();
    let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
    for id in ids {
        Story::created(&storage, id).await;
    }
    disk.bytes()
}

/// Where each frame of a journal begins, and where the last one ends.
fn frames(bytes: &[u8]) -> Vec<usize> {
    std::iter::successors(Some(JOURNAL), |at| next(bytes, *at)).collect()
}

/// Where the frame ends that begins there.
fn next(bytes: &[u8], at: usize) -> Option<usize> {
    let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (length > 0).then(|| at + HEADER + usize::try_from(length).unwrap())
}

async fn open(bytes: Vec<u8>) -> Result<RedbStorage, StorageError> {
    RedbStorage::with_backend(CrashBackend::from_bytes(bytes)).await
}

async fn has(storage: &RedbStorage, id: u128) -> bool {
    let read = storage.campaign(CampaignId::from_u128(id)).await;
    read.unwrap().campaign.is_some()
}

#[tokio::test]
async fn what_a_kill_leaves_in_the_journal_is_there_and_goes_on_from_there() {
    let bytes = killed_with(1..=5).await;
    assert_eq!(frames(&bytes).len(), 5 + 1, "each commit is a frame");
    let raw = RawStore::in_backend(CrashBackend::from_bytes(bytes.clone())).unwrap();
    assert_eq!(
        raw.entries("campaigns").unwrap().len(),
        0,
        "redb has none of them"
    );

    let disk = CrashBackend::from_bytes(bytes);
    let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
    Story::created(&storage, 6).await;
    let bytes = disk.bytes();
    assert_eq!(frames(&bytes).len(), 6 + 1, "the next commit stands behind them");
    let storage = open(bytes).await.unwrap();
    for id in 1..=6 {
        assert!(has(&storage, id).await, "{id}");
    }
    assert!(storage.verify(|_| ()).await.unwrap().is_clean());
}

#[tokio::test]
async fn a_close_leaves_nothing_in_the_journal() {
    let disk = CrashBackend::from_bytes(killed_with(1..=3).await);
    let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
    storage.close().await.unwrap();
    let raw = RawStore::in_backend(disk).unwrap();
    assert_eq!(raw.entries("campaigns").unwrap().len(), 3);
}

#[tokio::test]
async fn a_file_that_a_kill_left_is_verified_with_what_is_in_its_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut bytes = killed_with(1..=5).await;
    std::fs::write(&path, &bytes).unwrap();
    // The verification leaves the journal as it is.
    for _ in 0..2 {
        let report = verify_file(&path, |_| ()).await.unwrap();
        assert!(report.is_clean(), "{:#?}", report.findings);
        assert_eq!(report.campaigns, 5);
    }
    let storage = RedbStorage::open(&path).await.unwrap();
    assert!(has(&storage, 5).await);
    storage.close().await.unwrap();

    bytes[JOURNAL + HEADER] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let report = verify_file(&path, |_| ()).await.unwrap();
    let finding = &report.findings[0];
    assert_eq!((finding.table, finding.key.as_str()), ("journal", "1"));
}

#[tokio::test]
async fn a_store_without_writes_empties_its_journal_though_it_is_asked_all_the_time() {
    let disk = CrashBackend::new();
    let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
    Story::created(&storage, 1).await;
    let (written, since) = (disk.operations(), Instant::now());
    let ask = || storage.renew(OwnerId::from_u128(1), Duration::from_secs(1), &[]);
    while disk.operations() == written {
        assert!(since.elapsed() < Duration::from_secs(5));
        ask().await.unwrap();
        let latest = storage.latest().await.unwrap();
        let wait = storage.changed(ChangeScope::Store, latest, Duration::from_millis(50));
        assert_eq!(wait.await, Ok(false));
    }
    // It answers between its own work.
    ask().await.unwrap();
    let raw = RawStore::in_backend(CrashBackend::from_bytes(disk.bytes())).unwrap();
    assert_eq!(raw.entries("campaigns").unwrap().len(), 1);
}

#[tokio::test]
async fn frames_of_before_a_checkpoint_are_not_taken_up_again() {
    let disk = CrashBackend::from_bytes(killed_with(1..=3).await);
    let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
    storage.close().await.unwrap();
    let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
    let mut story = Story::new(4);
    let creation = story.transition(vec![Story::creation("campaign", Mode::StepByStep)]);
    story.accept(&creation);
    storage.commit(creation).await.unwrap();
    let deletion = story.transition(vec![EventKind::CampaignDeleted {}]);
    storage.commit(deletion).await.unwrap();
    let bytes = disk.bytes();
    let end_of_two = next(&bytes, next(&bytes, JOURNAL).unwrap()).unwrap();
    assert!(
        bytes[end_of_two..end_of_two + 100].iter().any(|byte| *byte != 0),
        "old frames stand behind the new ones"
    );
    let storage = open(bytes).await.unwrap();
    assert!(!has(&storage, 4).await);
    assert!(storage.verify(|_| ()).await.unwrap().is_clean());
}

#[tokio::test]
async fn a_commit_that_the_power_cut_short_is_not_done_and_those_before_it_are() {
    let bytes = killed_with(1..=3).await;
    let frames = frames(&bytes);
    let (last, end) = (frames[2], frames[3]);
    for at in (last..end).step_by(7).chain([end - 1]) {
        let mut cut = bytes.clone();
        cut[at..end].fill(0);
        // The last bytes of a frame may be zeros themselves.
        let is_whole = cut == bytes;
        let storage = open(cut).await.unwrap();
        assert!(has(&storage, 2).await, "byte {at}");
        assert_eq!(has(&storage, 3).await, is_whole, "byte {at}");
        Story::created(&storage, 4).await;
        assert!(storage.verify(|_| ()).await.unwrap().is_clean());
    }
}

#[tokio::test]
async fn a_damaged_commit_with_sound_ones_after_it_is_named_and_nothing_is_dropped() {
    let bytes = killed_with(1..=3).await;
    let frames = frames(&bytes);
    for at in (frames[1]..frames[2]).step_by(5) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let refused = open(damaged).await.unwrap_err();
        assert!(
            matches!(&refused, StorageError::Damaged { table: "journal", key, .. } if key == "2"),
            "byte {at}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_commit_too_large_for_the_journal_is_durable_all_the_same() {
    let disk = CrashBackend::new();
    let options = RedbStorage::options().journal_bytes(16 * 1024);
    let storage = options.open_backend(disk.clone()).await.unwrap();
    let story = Story::running(&storage, 1).await;
    let records = vec![format!("{:?}", "x".repeat(60_000)); 20];
    storage.append(story.output(1, records)).await.unwrap();
    Story::created(&storage, 2).await;
    let storage = open(disk.crash(1).bytes()).await.unwrap();
    let run = storage
        .run_output(story.id, &story.ticket().phase, story.ticket().run)
        .await;
    assert_eq!(run.unwrap().map(|run| run.records), Some(20));
    assert!(has(&storage, 2).await);
}

#[tokio::test]
async fn a_journal_that_goes_on_from_a_later_state_than_the_database_has_is_damaged() {
    let disk = CrashBackend::new();
    let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
    Story::created(&storage, 1).await;
    storage.close().await.unwrap();
    let before = disk.bytes();
    let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
    Story::created(&storage, 2).await;
    storage.close().await.unwrap();
    let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
    Story::created(&storage, 3).await;
    // The database of before the last checkpoint, under the journal of after it.
    let mut mixed = disk.bytes();
    let database_at = JOURNAL + 2 * 1024 * 1024;
    mixed.truncate(database_at);
    mixed.extend_from_slice(&before[database_at..]);
    let refused = open(mixed).await.unwrap_err();
    assert!(
        matches!(&refused, StorageError::Damaged { table: "journal", reason, .. } if reason.contains("a later state")),
        "{refused:?}"
    );
}
