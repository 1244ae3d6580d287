//! Files that are no sound store: told by a typed error, and left as they are.

use std::path::{Path, PathBuf};

use expect_test::expect;
use phasegate_core::storage::{Storage, StorageError};
use phasegate_storage_redb::testing::{CrashBackend, RawStore, format_value};
use phasegate_storage_redb::{FORMAT, RedbStorage, verify_file};
use phasegate_testkit::storage::conformance::Story;

use crate::sample;

fn a_file(content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

fn golden() -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    std::fs::read(format!("{folder}/format-{FORMAT}.redb")).unwrap()
}

/// Whether the error is of those that a file can have that is no sound store.
fn is_about_the_file(error: &StorageError) -> bool {
    matches!(
        error,
        StorageError::Damaged { .. } | StorageError::Unavailable { .. } | StorageError::NewerFormat { .. }
    )
}

/// The text of an error without the name of the folder.
fn text(error: &StorageError, path: &Path) -> String {
    let folder = path.parent().unwrap().display().to_string();
    error.to_string().replace(&folder, "FOLDER")
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_left_alone() {
    for content in ["Dear diary,\n", &"text ".repeat(1_000_000), "\0"] {
        let (_folder, path) = a_file(content);
        let refused = RedbStorage::open(&path).await.unwrap_err();
        expect!["the store can't be used: FOLDER/store.redb is not a store: choose another path"]
            .assert_eq(&text(&refused, &path));
        assert_eq!(verify_file(&path, |_| ()).await, Err(refused));
        assert_eq!(std::fs::read(&path).unwrap(), content.as_bytes());
    }
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let (_folder, path) = a_file("");
    let storage = RedbStorage::open(&path).await.unwrap();
    Story::created(&storage, 1).await;
    storage.close().await.unwrap();
    assert!(verify_file(&path, |_| ()).await.unwrap().is_clean());
}

#[tokio::test]
async fn the_verification_of_an_empty_file_leaves_it_alone() {
    let (_folder, path) = a_file("");
    let refused = verify_file(&path, |_| ()).await.unwrap_err();
    expect!["the store can't be used: FOLDER/store.redb is not a store: choose another path"]
        .assert_eq(&text(&refused, &path));
    assert_eq!(std::fs::read(&path).unwrap(), b"");
}

#[tokio::test]
async fn a_journal_longer_than_any_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = RedbStorage::options().journal_bytes(u64::MAX);
    let refused = options.open(folder.path().join("store.redb")).await.unwrap_err();
    assert!(matches!(refused, StorageError::Unavailable { .. }), "{refused:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_find_an_empty_file_none_takes_another_one_s_store_away() {
    for _ in 0..10 {
        let (_folder, path) = a_file("");
        let callers = (1..=8).map(|id| {
            let path = path.clone();
            tokio::spawn(async move {
                let storage = loop {
                    match RedbStorage::open(&path).await {
                        Ok(storage) => break storage,
                        Err(StorageError::Held { .. }) => tokio::task::yield_now().await,
                        Err(other) => panic!("{other}"),
                    }
                };
                let story = Story::created(&storage, id).await;
                storage.close().await.unwrap();
                story
            })
        });
        let mut stories = Vec::new();
        for caller in callers.collect::<Vec<_>>() {
            stories.push(caller.await.unwrap());
        }
        let storage = RedbStorage::open(&path).await.unwrap();
        for story in stories {
            let campaign = storage.campaign(story.id).await.unwrap().campaign;
            assert_eq!(campaign, story.campaign);
        }
    }
}

#[tokio::test]
async fn a_place_where_no_file_can_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = (folder.path().join("file"), folder.path().join("none/store.redb"));
    std::fs::write(&file, "text").unwrap();
    for path in [folder.path(), &path, &file.join("store.redb"), Path::new("")] {
        let refused = RedbStorage::open(path).await.unwrap_err();
        assert!(
            matches!(refused, StorageError::Unavailable { .. }),
            "{path:?}: {refused:?}"
        );
        assert!(verify_file(path, |_| ()).await.is_err(), "{path:?}");
    }
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let theirs = redb::TableDefinition::<u64, u64>::new("theirs");
    let database = redb::Database::create(&path).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(theirs).unwrap().insert(1, 2).unwrap();
    txn.commit().unwrap();
    drop(database);
    let refused = RedbStorage::open(&path).await.unwrap_err();
    expect!["the store can't be used: FOLDER/store.redb is not a store: choose another path"]
        .assert_eq(&text(&refused, &path));
    let database = redb::Database::open(&path).unwrap();
    let txn = redb::ReadableDatabase::begin_read(&database).unwrap();
    let value = txn.open_table(theirs).unwrap().get(1).unwrap().unwrap().value();
    assert_eq!(value, 2);
}

#[tokio::test]
async fn a_store_of_a_newer_release_is_refused_and_left_alone() {
    let (_folder, path) = a_file(golden());
    let raw = RawStore::open(&path).unwrap();
    raw.put("meta", b"format", &format_value(FORMAT + 1)).unwrap();
    raw.close().unwrap();
    let before = std::fs::read(&path).unwrap();
    let refused = RedbStorage::open(&path).await.unwrap_err();
    expect!["the store has format 2, and this release reads up to 1: use a newer release"]
        .assert_eq(&refused.to_string());
    assert_eq!(verify_file(&path, |_| ()).await, Err(refused));
    assert!(RawStore::open(&path).unwrap().entries("log").unwrap().len() > 30);
    assert_eq!(std::fs::read(&path).unwrap().len(), before.len());
}

#[tokio::test]
async fn a_store_that_is_open_already_is_refused_until_it_is_closed() {
    let (_folder, path) = a_file(golden());
    let first = RedbStorage::open(&path).await.unwrap();
    let refused = RedbStorage::open(&path).await.unwrap_err();
    expect!["FOLDER/store.redb is held by another process: stop it, or work through it"]
        .assert_eq(&text(&refused, &path));
    assert_eq!(verify_file(&path, |_| ()).await, Err(refused));
    Story::created(&first, 100).await;
    first.close().await.unwrap();
    RedbStorage::open(&path).await.unwrap();
}

#[tokio::test]
async fn a_truncated_store_is_told_by_a_typed_error_at_any_length() {
    let golden = golden();
    for sixteenth in 1..=32 {
        // Within and at the ends of pages.
        let length = golden.len() * sixteenth / 32 - sixteenth % 3;
        if length == golden.len() {
            continue;
        }
        let (_folder, path) = a_file(&golden[..length]);
        let verified = verify_file(&path, |_| ()).await;
        let told = match &verified {
            Ok(report) => !report.is_clean(),
            Err(error) => matches!(error, StorageError::Damaged { table: "file", .. }),
        };
        assert!(told, "{length}: {verified:?}");
        match RedbStorage::open(&path).await {
            Err(error) => assert!(
                matches!(error, StorageError::Damaged { table: "file", .. }),
                "{length}: {error:?}"
            ),
            Ok(_) => panic!("it opened at {length} of {} bytes", golden.len()),
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
fn random(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from(z >> 33).unwrap()
}

#[tokio::test]
async fn reading_a_store_with_damaged_pages_never_panics() {
    let (sound, mut state) = (sample::sound(), 1);
    let cases = std::env::var("PHASEGATE_DAMAGES").map_or(300, |cases| cases.parse().unwrap());
    let mut refused = 0;
    for case in 0..cases {
        let mut bytes = sound.clone();
        // Every other time in the first pages, where the database keeps its own structures.
        let end = [bytes.len(), 16 * 1024][case % 2];
        for _ in 0..[1, 8, 64][case % 3] {
            let place = random(&mut state) % end;
            bytes[place] = u8::try_from(random(&mut state) % 256).unwrap();
        }
        let storage = match RedbStorage::with_backend(CrashBackend::from_bytes(bytes)).await {
            Ok(storage) => storage,
            Err(error) => {
                assert!(is_about_the_file(&error), "case {case}: {error:?}");
                refused += 1;
                continue;
            }
        };
        if let Err(error) = storage.verify(|_| ()).await {
            assert!(is_about_the_file(&error), "case {case}: {error:?}");
        }
        if let Err(error) = sample::shown(&storage).await {
            assert!(is_about_the_file(&error), "case {case}: {error:?}");
        }
        let _ = storage.close().await;
    }
    assert!(refused > 0, "some damage was grave");
}
