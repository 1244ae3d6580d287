//! What a store tells of itself. The recorder is the process's, so this is one test in a program of its own.
#![allow(clippy::unwrap_used, reason = "a test panics when the store does not do it")]

#[path = "it/sample/mod.rs"]
mod sample;

use std::collections::BTreeMap;

use metrics::Unit;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use phasegate_core::storage::{IdempotencyEntry, IdempotencyKey, Storage, StorageError};
use phasegate_core::{Digest, EventKind, Mode, Timestamp};
use phasegate_storage_redb::testing::CrashBackend;
use phasegate_storage_redb::{RedbStorage, describe_metrics};
use phasegate_testkit::storage::conformance::Story;
use serde_json::json;

/// The values of each histogram since the last look, by name and labels.
fn recorded(snapshotter: &Snapshotter) -> BTreeMap<String, Vec<f64>> {
    let mut all = BTreeMap::new();
    for (key, unit, description, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        let expected = match key.name() {
            "phasegate_store_write_seconds" => Unit::Seconds,
            _ => Unit::Count,
        };
        assert_eq!(unit, Some(expected), "{key}");
        assert!(description.is_some(), "{key}");
        let DebugValue::Histogram(values) = value else {
            panic!("{key} is not a histogram");
        };
        let labels = key
            .labels()
            .map(|label| format!(" {}={}", label.key(), label.value()));
        let name = key.name().to_owned() + &labels.collect::<String>();
        all.insert(name, values.into_iter().map(|value| value.0).collect());
    }
    all
}

#[tokio::test]
async fn what_became_durable_is_recorded_by_its_kind_and_nothing_else_is() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    describe_metrics();
    let disk = CrashBackend::new();
    let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();

    let mut story = Story::running(&storage, 1).await;
    storage.append(story.output(1, vec!["1".into()])).await.unwrap();
    sample::write_resource(&storage, sample::RESOURCES[0], Some(json!({}))).await;
    let entry = IdempotencyEntry {
        key: IdempotencyKey::new("key").unwrap(),
        campaign: None,
        command: Digest::of(&json!(1)),
        outcome: json!(1),
        expires_at: Timestamp::from_unix_ms(i64::MAX),
    };
    storage.remember(entry.clone()).await.unwrap();
    let cursor = storage.latest().await.unwrap().unwrap();
    storage.set_cursor("name", cursor).await.unwrap();
    storage.release(story.owner, &[story.ticket()]).await.unwrap();
    let sync_writes = "phasegate_store_sync_writes";
    let seconds = "phasegate_store_write_seconds";
    let found = recorded(&snapshotter);
    let of = |kind| format!("{seconds} kind={kind}");
    let names = ["append", "commit", "cursor", "key", "lease", "resource"].map(of);
    assert!(found.keys().eq([sync_writes.to_owned()].iter().chain(&names)));
    assert_eq!(found[sync_writes], [1.0; 7], "each was awaited before the next");
    let times = names.clone().map(|name| found[&name].clone());
    assert_eq!(times.clone().map(|times| times.len()), [1, 2, 1, 1, 1, 1]);
    assert!(
        times.iter().flatten().all(|time| (0.0..600.0).contains(time)),
        "{times:?}"
    );

    // What is there already is acknowledged without a sync; what is refused or fails is not recorded.
    storage.append(story.output(1, vec!["1".into()])).await.unwrap();
    let used = storage.remember(entry).await;
    assert!(matches!(used, Err(StorageError::KeyUsed { .. })), "{used:?}");
    let change = story.transition(vec![EventKind::ModeChanged {
        mode: Mode::FullSequence,
    }]);
    story.version.0 += 1;
    let late = storage.commit(story.transition(vec![])).await;
    assert!(matches!(late, Err(StorageError::Conflict { .. })), "{late:?}");
    disk.fail_after(1);
    let failed = storage.commit(change).await;
    assert!(
        matches!(failed, Err(StorageError::OutcomeUnknown { .. })),
        "{failed:?}"
    );
    let found = recorded(&snapshotter);
    assert_eq!(found[sync_writes], [0.0; 0]);
    assert_eq!(names.map(|name| found[&name].len()), [1, 0, 0, 0, 0, 0]);
}
