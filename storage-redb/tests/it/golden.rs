//! Stores that older releases wrote are read by this one.

use std::path::PathBuf;

use expect_test::expect_file;
use phasegate_core::storage::{Storage, WriteRef};
use phasegate_core::{CampaignId, CommitId, Version};
use phasegate_storage_redb::{FORMAT, RedbStorage, verify_file};
use phasegate_testkit::storage::MemoryStorage;

use crate::sample;

/// A copy of the golden file of a format, in a folder of its own.
fn copy_of(format: u32) -> (tempfile::TempDir, PathBuf) {
    let golden = format!("{}/tests/golden/format-{format}.redb", env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("store.redb");
    std::fs::copy(golden, &copy).unwrap();
    (folder, copy)
}

#[tokio::test]
async fn a_store_of_format_1_holds_what_was_written_to_it() {
    let (_folder, path) = copy_of(1);
    let storage = RedbStorage::open(path).await.unwrap();
    let shown = sample::shown(&storage).await.unwrap();
    expect_file!["../golden/format-1.txt"].assert_eq(&shown);
    let id = CampaignId::from_u128(sample::RUNNING);
    for (commit, found) in [(1, true), (2, false)] {
        let write = WriteRef::Commit {
            campaign: id,
            expected_version: Version(0),
            id: CommitId::from_u128(commit),
        };
        let is_done = storage.outcome(&write).await.unwrap();
        assert_eq!(is_done, found, "{write}");
    }
}

#[tokio::test]
async fn a_store_of_every_format_so_far_is_verified_and_takes_writes() {
    for format in 1..=FORMAT {
        let (_folder, path) = copy_of(format);
        let storage = RedbStorage::open(&path).await.unwrap();
        let name = sample::RESOURCES[2];
        let before = storage.resource(&sample::resource(name)).await.unwrap();
        assert_eq!(before, None, "format {format}");
        sample::write_resource(&storage, name, Some(serde_json::json!({"back": true}))).await;
        let back = storage.resource(&sample::resource(name)).await.unwrap();
        let revision = back.map(|resource| resource.revision.0);
        assert_eq!(revision, Some(3), "the revisions of a deleted resource go on");
        storage.close().await.unwrap();
        let report = verify_file(&path, |_| ()).await.unwrap();
        assert!(report.is_clean(), "format {format}: {:#?}", report.findings);
    }
}

#[tokio::test]
async fn the_file_shows_what_the_store_in_memory_shows() {
    let folder = tempfile::tempdir().unwrap();
    let storage = RedbStorage::open(folder.path().join("store.redb")).await.unwrap();
    sample::write(&storage).await;
    let memory = MemoryStorage::new();
    sample::write(&memory).await;
    let without_cursors = |text: String| {
        let (campaigns, _) = text.split_once("\nlog\n").unwrap();
        campaigns.to_owned()
    };
    let expected = without_cursors(sample::shown(&memory).await.unwrap());
    assert_eq!(without_cursors(sample::shown(&storage).await.unwrap()), expected);
}
