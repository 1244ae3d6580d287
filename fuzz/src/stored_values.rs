//! Bytes as a value in a store's file.

use std::sync::LazyLock;

use phasegate::core::storage::{CampaignQuery, EventScope, Storage, StorageError};
use phasegate::core::{Campaign, EventKind, ResourceKind, Run};
use phasegate_storage_redb::testing::{CrashBackend, Entry, RawStore, sealed};
use phasegate_storage_redb::{RedbStorage, VerifyReport};

const GOLDEN: &[u8] = include_bytes!("../../storage-redb/tests/golden/format-1.redb");

/// A sound store that has something in every table but the queues of what is to be reclaimed: no value goes away by itself.
static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let disk = CrashBackend::from_bytes(GOLDEN.to_vec());
    while ["reclaim", "reclaim_runs"]
        .iter()
        .any(|queue| !entries(&disk, queue).is_empty())
    {
        let verified = runtime().block_on(verified(disk.clone()));
        assert!(verified.is_ok_and(|report| report.is_clean()));
    }
    disk.bytes()
});

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
}

fn entries(disk: &CrashBackend, table: &str) -> Vec<Entry> {
    let raw = RawStore::in_backend(disk.clone()).expect("the store opens");
    let entries = raw.entries(table).expect("a table of the store");
    raw.close().expect("the disk is written");
    entries
}

type Table = (&'static str, Vec<Entry>);

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let disk = CrashBackend::from_bytes(SOUND.clone());
    RawStore::tables()
        .map(|table| (table, entries(&disk, table)))
        .filter(|(_, entries)| !entries.is_empty())
        .collect()
});

/// Puts the bytes after the first three in the place of a value: the first byte chooses the table (`0` the first that is
/// not empty), the second the entry in it (`0` the first), and after a `s` the value gets the checksum that it should
/// have. Then everything is read: each read gives a value or a typed error, and a value that has no right checksum is
/// found.
///
/// # Panics
///
/// When it is not so: that is the finding.
pub fn stored_values(bytes: &[u8]) {
    let [table, entry, way, value @ ..] = bytes else {
        return;
    };
    let (table, entries) = &TABLES[usize::from(table.wrapping_sub(b'0')) % TABLES.len()];
    let (key, sound) = &entries[usize::from(entry.wrapping_sub(b'0')) % entries.len()];
    let value = match way {
        b's' => sealed(table, key, value).expect("a table of the store"),
        _ => value.to_vec(),
    };
    let disk = CrashBackend::from_bytes(SOUND.clone());
    let raw = RawStore::in_backend(disk.clone()).expect("the sound store opens");
    raw.put(table, key, &value).expect("the disk takes it");
    raw.close().expect("the disk is written");

    let found = runtime().block_on(verified(disk));
    // A value that was sealed may be another one that is right, such as a campaign's config with another number.
    if *way != b's' && value != *sound {
        let clean = found.as_ref().is_ok_and(VerifyReport::is_clean);
        assert!(!clean, "nothing is found in {table} at {key:02x?}");
    }
}

async fn verified(disk: CrashBackend) -> Result<VerifyReport, StorageError> {
    let storage = RedbStorage::with_backend(disk).await?;
    let report = storage.verify(|_| ()).await?;
    let _ = everything(&storage).await;
    storage.close().await?;
    Ok(report)
}

/// Reads whatever can be found, as far as that is possible.
async fn everything(storage: &dyn Storage) -> Result<(), StorageError> {
    for kind in ["dns_persona", "proxy"] {
        let kind = ResourceKind::new(kind).expect("a valid kind");
        let _ = storage.resources(&kind, None, 100).await;
    }
    let _ = storage.events(EventScope::Store, None, 1_000).await;
    let _ = storage.cursor("mails").await;
    for campaign in storage.campaigns(CampaignQuery::default()).await?.items {
        let _ = campaign_of(storage, &campaign).await;
    }
    Ok(())
}

async fn campaign_of(storage: &dyn Storage, campaign: &Campaign) -> Result<(), StorageError> {
    storage.campaign(campaign.id).await?;
    for slot in &campaign.phases {
        let run = slot.latest_run;
        storage.runs(campaign.id, &slot.phase, Run(0), 1_000).await?;
        storage.run_output(campaign.id, &slot.phase, run).await?;
        storage.records(campaign.id, &slot.phase, run, 0, 10_000).await?;
    }
    for logged in storage
        .events(EventScope::Campaign(campaign.id), None, 1_000)
        .await?
        .items
    {
        if let EventKind::PhaseConfigured { phase, revision, .. } = &logged.event.kind {
            storage.config(campaign.id, phase, *revision).await?;
        }
    }
    Ok(())
}
