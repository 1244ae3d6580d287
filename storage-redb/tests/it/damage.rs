//! Damaged stores: a typed error that says what and where, on read and in a verification, and never a panic.

use expect_test::expect;
use phasegate_core::storage::{EventScope, Storage, StorageError, WriteRef};
use phasegate_core::{CampaignId, CommitId, EventKind, Mode, Version};
use phasegate_storage_redb::testing::{CrashBackend, Entry, RawStore, format_value, readable_key, sealed};
use phasegate_storage_redb::{RedbStorage, VerifyReport, verify_file};
use phasegate_testkit::storage::conformance::Story;

use crate::sample;

/// A sound store's disk, after `damage` was done to it.
fn damaged(damage: impl FnOnce(&RawStore)) -> CrashBackend {
    let disk = CrashBackend::from_bytes(sample::sound());
    let raw = RawStore::in_backend(disk.clone()).unwrap();
    damage(&raw);
    raw.close().unwrap();
    disk
}

fn entries(table: &str) -> Vec<Entry> {
    sample::entries_in(sample::sound(), table)
}

/// Whether a table's entries have no values.
fn is_index(table: &str) -> bool {
    RawStore::indexes().any(|index| index == table)
}

/// Every entry of the tables that have values, `meta` left out.
fn values() -> impl Iterator<Item = (&'static str, Entry)> {
    let tables = RawStore::tables().filter(|table| *table != "meta" && !is_index(table));
    tables.flat_map(|table| entries(table).into_iter().map(move |entry| (table, entry)))
}

fn finds(report: &VerifyReport, table: &str, key: &str) -> bool {
    let mut findings = report.findings.iter();
    findings.any(|finding| finding.table == table && finding.key == key)
}

#[tokio::test]
async fn the_sound_store_is_clean_and_has_something_in_every_table_but_the_queue() {
    let storage = RedbStorage::with_backend(damaged(|_| ())).await.unwrap();
    let report = storage.verify(|_| ()).await.unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
    for table in RawStore::tables() {
        assert_eq!(
            entries(table).is_empty(),
            sample::QUEUES.contains(&table),
            "{table}"
        );
    }
}

/// Ways to damage a value; some leave it as it is.
fn damages(value: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![
        Vec::new(),
        value[..value.len() / 2].to_vec(),
        [value, b" "].concat(),
    ];
    for place in [0, 1, value.len() / 2, value.len() - 1] {
        let mut flipped = value.to_vec();
        flipped[place] ^= 1 << (place % 8);
        all.push(flipped);
    }
    all
}

#[tokio::test]
async fn a_damaged_value_is_named_by_reads_and_by_the_verification() {
    for (n, (table, (key, value))) in values().enumerate() {
        let named = readable_key(table, &key).unwrap();
        let all = damages(&value);
        let bad = &all[n % all.len()];
        let disk = damaged(|raw| raw.put(table, &key, bad).unwrap());
        let storage = RedbStorage::with_backend(disk).await.unwrap();
        let report = storage.verify(|_| ()).await.unwrap();
        assert!(finds(&report, table, &named), "{table}[{named}]: {report:#?}");

        let read = match table {
            // Only a write reads them.
            "removed_resources" => write_every_resource(&storage).await,
            "running" => {
                let batch = sample::next_batch(&storage).await;
                storage.append(batch).await.map(|_| ())
            }
            _ => sample::shown(&storage).await.map(|_| ()),
        };
        match read {
            Err(StorageError::Damaged { table: told, key, .. }) => assert_eq!((told, &key), (table, &named)),
            other => panic!("{table}[{named}]: {other:?}"),
        }
    }
}

async fn write_every_resource(storage: &RedbStorage) -> Result<(), StorageError> {
    for name in sample::RESOURCES {
        let document = Some(serde_json::json!({}));
        let write = sample::resource_write(sample::resource(name), document);
        storage.write_resource(write).await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_way_to_damage_a_value_is_noticed() {
    for table in RawStore::tables() {
        let Some((key, value)) = entries(table).into_iter().find(|(_, value)| !value.is_empty()) else {
            continue;
        };
        let named = readable_key(table, &key).unwrap();
        for bad in damages(&value) {
            let disk = damaged(|raw| raw.put(table, &key, &bad).unwrap());
            let told = match RedbStorage::with_backend(disk).await {
                Ok(storage) => {
                    let report = storage.verify(|_| ()).await.unwrap();
                    finds(&report, table, &named)
                }
                Err(StorageError::Damaged { table: told, key, .. }) => (told, key) == (table, named.clone()),
                Err(other) => panic!("{other}"),
            };
            assert!(told, "{table}[{named}] = {bad:02x?}");
        }
    }
}

#[tokio::test]
async fn a_payload_of_another_shape_is_an_error_though_its_checksum_is_right() {
    let payloads: [&[u8]; 12] = [
        b"",
        b"\x01",
        b"\x01null",
        b"\x01{}",
        b"\x01\x80",
        b"\x01\xff\xfe",
        b"\x02null",
        b"null",
        &[0; 8],
        &[0xff; 8],
        &[0xff; 40],
        b"\0\0\0\x01\0\0\0\x07not JSON",
    ];
    for table in RawStore::tables().filter(|table| *table != "meta" && !is_index(table)) {
        let Some((key, _)) = entries(table).into_iter().next() else {
            continue;
        };
        for payload in payloads {
            let disk = damaged(|raw| {
                let value = sealed(table, &key, payload).unwrap();
                raw.put(table, &key, &value).unwrap();
            });
            let storage = RedbStorage::with_backend(disk).await.unwrap();
            let report = storage.verify(|_| ()).await.unwrap();
            let shown = sample::shown(&storage).await;
            match table {
                // Any JSON is a config, with another digest.
                "configs" if matches!(payload, b"\x01null" | b"\x01{}") => {}
                // Only a write reads them.
                "running" | "removed_resources" => {}
                _ => assert!(shown.is_err(), "{table}: {payload:02x?}"),
            }
            assert!(!report.is_clean(), "{table}: {payload:02x?}");
        }
    }
}

#[tokio::test]
async fn a_value_of_another_key_is_noticed_though_its_checksum_is_right() {
    for table in [
        "campaigns",
        "log",
        "campaign_log",
        "configs",
        "runs",
        "idempotency",
    ] {
        let all = entries(table);
        for (n, (key, value)) in all.iter().enumerate() {
            let other = &all[(n + 1) % all.len()].1;
            if other[5..] == value[5..] {
                continue;
            }
            let disk = damaged(|raw| {
                let value = sealed(table, key, &other[5..]).unwrap();
                raw.put(table, key, &value).unwrap();
            });
            let storage = RedbStorage::with_backend(disk).await.unwrap();
            let report = storage.verify(|_| ()).await.unwrap();
            assert!(
                !report.is_clean(),
                "{table}[{}]",
                readable_key(table, key).unwrap()
            );
        }
    }
}

#[tokio::test]
async fn a_missing_entry_is_noticed() {
    for table in RawStore::tables().filter(|table| *table != "meta") {
        for (key, _) in entries(table) {
            let named = readable_key(table, &key).unwrap();
            // A cursor that is missing looks as one that was never kept.
            if table == "cursors" {
                continue;
            }
            let disk = damaged(|raw| raw.remove(table, &key).unwrap());
            let storage = RedbStorage::with_backend(disk).await.unwrap();
            let report = storage.verify(|_| ()).await.unwrap();
            assert!(!report.is_clean(), "{table}[{named}]");
            // Whatever is read instead, it is a value or a typed error.
            let _ = sample::shown(&storage).await;
        }
    }
}

#[tokio::test]
async fn an_entry_too_many_is_noticed() {
    let stranger = [9; 16];
    for table in RawStore::tables() {
        let mut strays = vec![b"\xff\xff".to_vec(), Vec::new()];
        strays.extend(entries(table).into_iter().take(1).map(|(mut key, _)| {
            let end = key.len() - 1;
            key[end] ^= 0x10;
            key
        }));
        match table {
            "reclaim" => strays.push(stranger.to_vec()),
            "reclaim_runs" => strays.push([&stranger[..], b"first\0\0\0\0\x01"].concat()),
            _ => {}
        }
        for key in strays {
            let value = match is_index(table) {
                true => Vec::new(),
                false => entries(table).first().map_or_else(
                    || sealed(table, &key, b"").unwrap(),
                    |entry| sealed(table, &key, entry.1.get(5..).unwrap_or_default()).unwrap(),
                ),
            };
            let named = readable_key(table, &key).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("store.redb");
            let disk = damaged(|raw| raw.put(table, &key, &value).unwrap());
            std::fs::write(&path, disk.bytes()).unwrap();
            // In a file, since an open store would work its queue off meanwhile.
            let report = verify_file(&path, |_| ()).await.unwrap();
            // A cursor may be there for no other reason than that somebody kept it.
            let allowed = table == "cursors" && !key.is_empty() && str::from_utf8(&key).is_ok();
            assert!(!report.is_clean() || allowed, "{table}[{named}]");
            if let Ok(storage) = RedbStorage::open(&path).await {
                let _ = sample::shown(&storage).await;
            }
        }
    }
}

#[tokio::test]
async fn an_expiry_at_another_moment_than_the_key_s_is_noticed() {
    // It would have the key forgotten too early.
    let (mut key, _) = entries("idempotency_by_expiry").swap_remove(0);
    key[7] ^= 1;
    let named = readable_key("idempotency_by_expiry", &key).unwrap();
    let disk = damaged(|raw| raw.put("idempotency_by_expiry", &key, b"").unwrap());
    let storage = RedbStorage::with_backend(disk).await.unwrap();
    let report = storage.verify(|_| ()).await.unwrap();
    assert!(finds(&report, "idempotency_by_expiry", &named), "{report:#?}");
}

#[tokio::test]
async fn a_damaged_campaign_refuses_its_writes_and_the_others_go_on() {
    let (key, mut value) = entries("campaigns").swap_remove(0);
    value[9] ^= 1;
    let disk = damaged(|raw| raw.put("campaigns", &key, &value).unwrap());
    let storage = RedbStorage::with_backend(disk).await.unwrap();
    let mut story = Story::new(sample::RUNNING);
    let creation = story.transition(vec![Story::creation("harvest", Mode::StepByStep)]);
    story.accept(&creation);
    let change = story.transition(vec![EventKind::ModeChanged {
        mode: Mode::FullSequence,
    }]);
    let refused = storage.commit(change).await.unwrap_err();
    expect!["the stored value campaigns[00000000-0000-0000-0000-000000000001] is damaged (its checksum is wrong): restore the store from a backup"]
        .assert_eq(&refused.to_string());
    let running = Story::running(&storage, 100).await;
    storage
        .append(running.output(1, vec!["1".to_owned()]))
        .await
        .unwrap();
    let paused = CampaignId::from_u128(2);
    assert!(storage.campaign(paused).await.unwrap().campaign.is_some());
    let events = storage.events(EventScope::Campaign(story.id), None, 100).await;
    assert_eq!(events, Err(refused), "how long its log is can't be known");
    let events = storage.events(EventScope::Store, None, 100).await;
    assert!(events.is_ok(), "what is in the log is sound");
}

#[tokio::test]
async fn whether_a_commit_was_done_is_not_guessed_where_its_event_is_missing() {
    let (_, place) = entries("campaign_log").swap_remove(0);
    let key = place[5..].to_vec();
    let disk = damaged(|raw| raw.remove("log", &key).unwrap());
    let storage = RedbStorage::with_backend(disk).await.unwrap();
    let id = CampaignId::from_u128(sample::RUNNING);
    let write = WriteRef::Commit {
        campaign: id,
        expected_version: Version(0),
        id: CommitId::from_u128(1),
    };
    let looked_up = storage.outcome(&write).await;
    assert!(
        matches!(looked_up, Err(StorageError::Damaged { table: "log", .. })),
        "{looked_up:?}"
    );
}

#[tokio::test]
async fn a_store_whose_format_is_damaged_is_refused() {
    for (bad, told) in [
        (&b""[..], "it is not 8 bytes long"),
        (b"1234567", "it is not 8 bytes long"),
        (b"12345678", "its checksum is wrong"),
        (&format_value(0), "0 is not a format"),
    ] {
        let disk = damaged(|raw| raw.put("meta", b"format", bad).unwrap());
        let refused = RedbStorage::with_backend(disk).await.unwrap_err();
        let expected = StorageError::Damaged {
            table: "meta",
            key: "format".into(),
            reason: told.into(),
        };
        assert_eq!(refused, expected);
    }
    let disk = damaged(|raw| raw.remove("meta", b"format").unwrap());
    let refused = RedbStorage::with_backend(disk).await.unwrap_err();
    assert!(matches!(refused, StorageError::Damaged { table: "meta", .. }));
}
