//! Backups of a store that is in use.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use phasegate_core::storage::{ChangeScope, EventScope, Storage, StorageError};
use phasegate_core::{EventKind, Mode, Run};
use phasegate_storage_redb::testing::RawStore;
use phasegate_storage_redb::{Progress, RedbStorage, verify_file};
use phasegate_testkit::storage::conformance::{Story, phase};
use tokio::runtime::Handle;

use crate::sample;

/// A store with the sample in it, and its folder.
async fn a_store() -> (tempfile::TempDir, RedbStorage) {
    let folder = tempfile::tempdir().unwrap();
    let storage = RedbStorage::open(folder.path().join("store.redb")).await.unwrap();
    sample::write(&storage).await;
    (folder, storage)
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

fn other_mode(story: &Story) -> Vec<EventKind> {
    let mode = match story.campaign.as_ref().map(|campaign| campaign.mode) {
        Some(Mode::StepByStep) => Mode::FullSequence,
        _ => Mode::StepByStep,
    };
    vec![EventKind::ModeChanged { mode }]
}

fn large_records(batch: u64) -> impl Iterator<Item = String> {
    (0..100).map(move |n| format!("[{batch}, {n}, \"{}\"]", "x".repeat(5_000)))
}

/// Every event of the store-wide log, as text.
async fn log(storage: &dyn Storage) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = storage.events(EventScope::Store, after, 1_000).await.unwrap();
        all.extend(page.items.iter().map(|event| format!("{event:?}")));
        match page.next_cursor {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

#[tokio::test]
async fn a_backup_shows_what_the_store_showed_when_it_began() {
    let (folder, storage) = a_store().await;
    let before = sample::shown(&storage).await.unwrap();
    let to = folder.path().join("copy.redb");
    let (writing, handle) = (storage.clone(), Handle::current());
    let mut written = false;
    let progress = move |_| {
        if !written {
            written = true;
            handle.block_on(async {
                let mut story = Story::created(&writing, 100).await;
                story.tell(&writing, other_mode(&story)).await;
                sample::write_resource(&writing, sample::RESOURCES[0], None).await;
            });
        }
    };
    let report = storage.backup(&to, progress).await.unwrap();
    assert_eq!(report.bytes_written, size(&to));
    assert_ne!(
        sample::shown(&storage).await.unwrap(),
        before,
        "the store went on"
    );

    let verified = verify_file(&to, |_| ()).await.unwrap();
    assert!(verified.is_clean(), "{:#?}", verified.findings);
    let copy = RedbStorage::open(&to).await.unwrap();
    assert_eq!(sample::shown(&copy).await.unwrap(), before);
    Story::created(&copy, 100).await;
    assert_eq!(files(folder.path()), ["copy.redb", "store.redb"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_amid_concurrent_writes_is_one_moment_of_the_store() {
    let (folder, storage) = a_store().await;
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (200..204)
        .map(|id| {
            let (storage, done) = (storage.clone(), done.clone());
            tokio::spawn(async move {
                let mut story = Story::running(&storage, id).await;
                let mut batch = 0;
                while !done.load(Ordering::Relaxed) {
                    batch += 1;
                    storage
                        .append(story.output(batch, vec![format!("[{batch}]")]))
                        .await
                        .unwrap();
                    story.tell(&storage, other_mode(&story)).await;
                }
            })
        })
        .collect();
    for n in 0..5 {
        let at_most = Duration::from_secs(60);
        storage.changed(ChangeScope::Store, None, at_most).await.unwrap();
        let to = folder.path().join(format!("copy-{n}.redb"));
        let before = log(&storage).await;
        storage.backup(&to, |_| ()).await.unwrap();
        let after = log(&storage).await;

        let report = verify_file(&to, |_| ()).await.unwrap();
        assert!(report.is_clean(), "{:#?}", report.findings);
        let copied = log(&RedbStorage::open(&to).await.unwrap()).await;
        assert!(
            copied.starts_with(&before),
            "what was acknowledged before is there"
        );
        assert!(after.starts_with(&copied), "and nothing that the store has not");
    }
    done.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn a_backup_says_by_how_much_the_file_grew_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("store.redb");
    let storage = RedbStorage::open(&source).await.unwrap();
    let story = Story::running(&storage, 1).await;
    let quiet = storage
        .backup(folder.path().join("1.redb"), |_| ())
        .await
        .unwrap();
    assert_eq!(quiet.source_grew_by, 0);

    let before = size(&source);
    let (writing, handle) = (storage.clone(), Handle::current());
    let mut batch = 0;
    let progress = move |_| {
        batch += 1;
        let output = story.output(batch, large_records(batch));
        handle.block_on(writing.append(output)).unwrap();
    };
    let busy = storage
        .backup(folder.path().join("2.redb"), progress)
        .await
        .unwrap();
    assert!(busy.source_grew_by > 0);
    assert_eq!(busy.source_grew_by, size(&source) - before);
}

#[tokio::test]
async fn the_progress_of_long_work_goes_from_nothing_to_all() {
    let (folder, storage) = a_store().await;
    let (sender, of_backup) = std::sync::mpsc::channel();
    let tell = move |progress| sender.send(progress).unwrap();
    storage
        .backup(folder.path().join("copy.redb"), tell)
        .await
        .unwrap();
    let (sender, of_verification) = std::sync::mpsc::channel();
    storage
        .verify(move |progress| sender.send(progress).unwrap())
        .await
        .unwrap();
    for told in [of_backup, of_verification] {
        let told: Vec<Progress> = told.iter().collect();
        let total = told[0].total;
        assert_eq!(told.first(), Some(&Progress { done: 0, total }));
        assert_eq!(told.last(), Some(&Progress { done: total, total }));
        assert!(told.is_sorted_by_key(|progress| progress.done));
    }
}

#[tokio::test]
async fn records_of_many_transactions_are_copied_whole() {
    let (folder, storage) = a_store().await;
    let story = Story::running(&storage, 100).await;
    for batch in 1..=40 {
        storage
            .append(story.output(batch, large_records(batch)))
            .await
            .unwrap();
    }
    let to = folder.path().join("copy.redb");
    storage.backup(&to, |_| ()).await.unwrap();
    let copy = RedbStorage::open(&to).await.unwrap();
    let report = copy.verify(|_| ()).await.unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
    let expected: Vec<_> = (1..=40).flat_map(large_records).collect();
    let (mut copied, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next {
        let page = copy
            .records(story.id, &phase("first"), Run(1), from, 1_000)
            .await
            .unwrap();
        copied.extend(page.records.iter().map(|record| record.get().to_owned()));
        next = page.next;
    }
    assert!(copied == expected);
}

/// What a run of a running story appends, with a text by which its bytes are found again.
async fn with_output(storage: &dyn Storage, story: &Story, text: &str) {
    let mut output = story.output(1, (0..3_000).map(|n| format!("[{n}, \"{text}\"]")));
    output.checkpoint = Some(serde_json::json!({ "checkpoint": text }));
    storage.append(output).await.unwrap();
}

fn contains(path: &Path, text: &str) -> bool {
    let bytes = std::fs::read(path).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_backup_right_after_a_deletion_holds_nothing_of_the_campaign_but_the_deletion() {
    let (folder, storage) = a_store().await;
    let other = Story::running(&storage, 100).await;
    with_output(&storage, &other, "kept of another").await;
    let mut story = Story::new(101);
    let creation = story.transition(vec![Story::creation("name of the deleted", Mode::StepByStep)]);
    story
        .commit(&storage, sample::keyed(creation, None, "key-of-its-creation"))
        .await;
    let config = story.configuration("first", serde_json::json!("config of the deleted"));
    story
        .commit(&storage, sample::keyed(config, Some(101), "key-of-its-config"))
        .await;
    story.tell(&storage, vec![story.start("first")]).await;
    with_output(&storage, &story, "records of the deleted").await;

    let to = folder.path().join("copy.redb");
    let deletion = story.transition(vec![EventKind::CampaignDeleted {}]);
    let deletion = sample::keyed(deletion, Some(101), "key-of-its-deletion");
    let committed = story.commit(&storage, deletion).await;
    storage.backup(&to, |_| ()).await.unwrap();
    for (text, is_there) in [
        ("kept of another", true),
        ("key-of-its-creation", true),
        ("key-of-its-deletion", true),
        ("name of the deleted", false),
        ("config of the deleted", false),
        ("key-of-its-config", false),
        ("records of the deleted", false),
    ] {
        assert_eq!(contains(&to, text), is_there, "{text}");
    }
    let verified = verify_file(&to, |_| ()).await.unwrap();
    assert!(verified.is_clean(), "{:#?}", verified.findings);
    let raw = RawStore::open(&to).unwrap();
    for queue in sample::QUEUES {
        assert!(raw.entries(queue).unwrap().is_empty(), "{queue}");
    }
    raw.close().unwrap();
    let copy = RedbStorage::open(&to).await.unwrap();
    let page = copy
        .events(EventScope::Campaign(story.id), None, 10)
        .await
        .unwrap();
    let cursors: Vec<_> = page.items.into_iter().map(|event| Some(event.cursor)).collect();
    assert_eq!(cursors, [committed.cursor]);
}

#[tokio::test]
async fn a_backup_holds_no_pruned_run_and_the_secret_of_the_store() {
    let (folder, storage) = a_store().await;
    let mut story = Story::running(&storage, 100).await;
    with_output(&storage, &story, "records of the first run").await;
    let afresh = vec![story.stop("first"), story.restart("first")];
    story.tell(&storage, afresh).await;
    with_output(&storage, &story, "records of the second run").await;
    let pruned = EventKind::RunPruned {
        phase: phase("first"),
        run: Run(1),
    };
    story.tell(&storage, vec![pruned]).await;
    let to = folder.path().join("copy.redb");
    storage.backup(&to, |_| ()).await.unwrap();
    assert!(!contains(&to, "records of the first run"));
    assert!(contains(&to, "records of the second run"));
    let verified = verify_file(&to, |_| ()).await.unwrap();
    assert!(verified.is_clean(), "{:#?}", verified.findings);
    let copy = RedbStorage::open(&to).await.unwrap();
    assert_eq!(copy.token_secret().await, storage.token_secret().await);
    let other = RedbStorage::in_memory().await.unwrap();
    assert_ne!(other.token_secret().await, storage.token_secret().await);
}

#[tokio::test]
async fn a_backup_never_replaces_a_file() {
    let (folder, storage) = a_store().await;
    let to = folder.path().join("copy.redb");
    std::fs::write(&to, "mine").unwrap();
    let refused = storage.backup(&to, |_| ()).await;
    assert!(
        matches!(refused, Err(StorageError::Unavailable { reason }) if reason.contains("exists already"))
    );

    // Nor one that appears while it is on its way.
    let later = folder.path().join("later.redb");
    let appears = later.clone();
    let refused = storage
        .backup(&later, move |_| std::fs::write(&appears, "theirs").unwrap())
        .await;
    assert!(
        matches!(refused, Err(StorageError::Unavailable { reason }) if reason.contains("exists already"))
    );

    let own = storage.backup(folder.path().join("store.redb"), |_| ()).await;
    assert!(matches!(own, Err(StorageError::Unavailable { .. })));
    assert_eq!(std::fs::read(&to).unwrap(), b"mine");
    assert_eq!(std::fs::read(&later).unwrap(), b"theirs");
    assert_eq!(files(folder.path()), ["copy.redb", "later.redb", "store.redb"]);
    assert!(storage.verify(|_| ()).await.unwrap().is_clean());
}

#[tokio::test]
async fn a_backup_into_a_folder_that_is_missing_is_refused() {
    let (folder, storage) = a_store().await;
    let refused = storage
        .backup(folder.path().join("none").join("copy.redb"), |_| ())
        .await;
    assert!(
        matches!(refused, Err(StorageError::Unavailable { .. })),
        "{refused:?}"
    );
    assert_eq!(files(folder.path()), ["store.redb"]);
}

#[tokio::test]
async fn a_backup_that_is_dropped_leaves_no_file() {
    let (folder, storage) = a_store().await;
    let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, gate) = std::sync::mpsc::channel::<()>();
    let progress = move |_| {
        entered.send(()).unwrap();
        // Holds the copy until the test has dropped the other end.
        let _ = gate.recv();
    };
    let mut backup = Box::pin(storage.backup(folder.path().join("copy.redb"), progress));
    tokio::select! {
        _ = inside.recv() => {}
        ended = &mut backup => panic!("it ended: {ended:?}"),
    }
    drop(backup);
    drop(go_on);
    // The callback is gone when the backup has cleaned up behind itself.
    while inside.recv().await.is_some() {}
    assert_eq!(files(folder.path()), ["store.redb"]);
    assert!(storage.verify(|_| ()).await.unwrap().is_clean());
}

#[tokio::test]
async fn a_backup_ends_when_the_store_is_closed() {
    let (folder, storage) = a_store().await;
    let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, gate) = std::sync::mpsc::channel::<()>();
    let progress = move |_| {
        let _ = entered.send(());
        let _ = gate.recv();
    };
    let mut backup = Box::pin(storage.backup(folder.path().join("copy.redb"), progress));
    tokio::select! {
        _ = inside.recv() => {}
        ended = &mut backup => panic!("it ended: {ended:?}"),
    }
    let closing = storage.clone();
    let mut close = Box::pin(closing.close());
    // Asked for once, the close waits for the backup, which meets it at its next step.
    assert!(poll_once(&mut close).is_pending());
    drop(go_on);
    assert_eq!(backup.await, Err(StorageError::Closed));
    close.await.unwrap();
    assert_eq!(files(folder.path()), ["store.redb"]);
}

#[tokio::test]
async fn every_close_ends_when_the_file_is_released() {
    let (folder, storage) = a_store().await;
    let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, gate) = std::sync::mpsc::channel::<()>();
    let progress = move |_| {
        let _ = entered.send(());
        let _ = gate.recv();
    };
    let mut backup = Box::pin(storage.backup(folder.path().join("copy.redb"), progress));
    tokio::select! {
        _ = inside.recv() => {}
        ended = &mut backup => panic!("it ended: {ended:?}"),
    }
    // The first one is given up, as by a timeout; the backup still has the file.
    assert!(poll_once(&mut Box::pin(storage.close())).is_pending());
    let mut second = Box::pin(storage.close());
    assert!(poll_once(&mut second).is_pending());
    drop(go_on);
    assert_eq!(second.await, Ok(()));
    RedbStorage::open(folder.path().join("store.redb")).await.unwrap();
    assert_eq!(backup.await, Err(StorageError::Closed));
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut context)
}

#[tokio::test]
async fn a_progress_function_that_panics_fails_its_backup_and_nothing_else() {
    let (folder, storage) = a_store().await;
    let told = |progress: Progress| assert!(progress.done == 0, "the test panics here on purpose");
    let failed = storage.backup(folder.path().join("copy.redb"), told).await;
    assert!(
        matches!(failed, Err(StorageError::Unavailable { .. })),
        "{failed:?}"
    );
    assert_eq!(files(folder.path()), ["store.redb"]);
    let failed = storage.verify(told).await;
    assert!(
        matches!(failed, Err(StorageError::Unavailable { .. })),
        "{failed:?}"
    );
    assert!(storage.verify(|_| ()).await.unwrap().is_clean());
    Story::created(&storage, 100).await;
}
