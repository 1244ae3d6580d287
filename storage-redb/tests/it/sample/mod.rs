//! A small store that has something in every table, and the text of everything that a store shows.
//!
//! What it writes is the same on every run: the golden file is made of it.
#![allow(dead_code, reason = "the test of metrics uses a part of it")]

use std::fmt::Write as _;
use std::sync::LazyLock;

use phasegate_core::storage::{
    CampaignQuery, EventScope, Expected, IdempotencyEntry, IdempotencyKey, Progress, ResourceWrite, Storage,
    StorageError, Transition,
};
use phasegate_core::{
    CampaignId, Digest, EventKind, Failure, Mode, ResourceId, ResourceKind, ResourceRef, Run, StopReason,
    Timestamp,
};
use phasegate_storage_redb::RedbStorage;
use phasegate_storage_redb::testing::{CrashBackend, Entry, RawStore};
use phasegate_testkit::storage::conformance::{Story, phase};
use serde_json::json;

/// The phases of every campaign of the sample.
const PHASES: [&str; 3] = ["first", "second", "third"];
/// The resources of the sample; the last one is deleted.
pub const RESOURCES: [(&str, &str); 3] = [("dns_persona", "careful"), ("proxy", "home"), ("proxy", "old")];
/// The idempotency keys of the sample, with the campaigns that are their scope.
pub const KEYS: [(Option<u128>, &str); 4] = [
    (None, "create-1"),
    (Some(1), "start-1"),
    (Some(1), "again-1"),
    (Some(7), "delete-7"),
];
/// The campaign of which the sample has most.
pub const RUNNING: u128 = 1;
/// The deleted campaign.
pub const DELETED: u128 = 7;

pub fn resource((kind, id): (&str, &str)) -> ResourceRef {
    ResourceRef {
        kind: ResourceKind::new(kind).unwrap(),
        id: ResourceId::new(id).unwrap(),
    }
}

/// Gives a transition an idempotency key, which expires after every test.
pub fn keyed(mut transition: Transition, scope: Option<u128>, key: &str) -> Transition {
    transition.idempotency = Some(IdempotencyEntry {
        key: IdempotencyKey::new(key).unwrap(),
        campaign: scope.map(CampaignId::from_u128),
        command: Digest::of(&json!(key)),
        outcome: json!({"status": "ok", "key": key}),
        expires_at: Timestamp::from_unix_ms(4_000_000_000_000),
    });
    transition
}

fn records(from: u64, count: u64) -> Vec<String> {
    let one = |n| format!("{{\"domain\": \"host-{n:03}.example\", \"offset\": {n}}}");
    (from..from + count).map(one).collect()
}

/// Writes the sample into an empty store.
pub async fn write(storage: &dyn Storage) {
    write_resources(storage).await;
    running(storage).await;
    at_rest(storage).await;
    completed(storage).await;
    deleted(storage).await;
}

async fn write_resources(storage: &dyn Storage) {
    let documents = [
        json!({"resolvers": ["127.0.0.1:53"], "timeout_ms": 500}),
        json!({"url": "socks5://127.0.0.1:1080", "password": "geheim"}),
        json!({"url": "http://127.0.0.1:3128", "enabled": false}),
    ];
    for (name, document) in RESOURCES.into_iter().zip(documents) {
        for document in [json!({}), document] {
            write_resource(storage, name, Some(document)).await;
        }
    }
    write_resource(storage, RESOURCES[2], None).await;
}

/// Writes or deletes a resource, whatever is there.
pub async fn write_resource(storage: &dyn Storage, name: (&str, &str), document: Option<serde_json::Value>) {
    let write = ResourceWrite {
        resource: resource(name),
        expected: Expected::Any,
        document,
    };
    storage.write_resource(write).await.unwrap();
}

async fn running(storage: &dyn Storage) {
    let mut story = Story::new(RUNNING);
    let creation = story.transition(vec![Story::creation("harvest", Mode::FullSequence)]);
    story.commit(storage, keyed(creation, KEYS[0].0, KEYS[0].1)).await;
    for (name, config) in [
        ("first", json!({"count": 20})),
        ("first", json!({"count": 40, "ratio": 0.1})),
        ("second", json!({"personaIds": ["careful"]})),
        ("third", json!({"keyword": "Zürich ☃"})),
    ] {
        story.commit(storage, story.configuration(name, config)).await;
    }
    let start = story.transition(vec![story.start("first")]);
    story.commit(storage, keyed(start, KEYS[1].0, KEYS[1].1)).await;
    for batch in 1..=2 {
        let mut output = story.output(batch, records((batch - 1) * 20, 20));
        output.checkpoint = Some(json!({"offset": batch * 20}));
        output.progress = Some(Progress {
            done: batch * 20,
            total: Some(40),
        });
        storage.append(output).await.unwrap();
    }
    // A command that changed nothing is remembered too.
    let nothing = story.transition(vec![]);
    story.commit(storage, keyed(nothing, KEYS[2].0, KEYS[2].1)).await;
}

/// Campaigns in the other activities, with one batch each.
async fn at_rest(storage: &dyn Storage) {
    let name = || phase("first");
    let rests: [(u128, &str, Vec<EventKind>); 4] = [
        (
            2,
            "paused",
            vec![
                EventKind::PhasePauseRequested { phase: name() },
                EventKind::PhasePaused { phase: name() },
            ],
        ),
        (
            3,
            "failed",
            vec![EventKind::PhaseFailed {
                phase: name(),
                run: Run(1),
                failure: Failure::new("timed_out", "no answer within 500 ms"),
            }],
        ),
        (
            4,
            "stopped",
            vec![
                EventKind::PhaseStopRequested { phase: name() },
                EventKind::PhaseStopped {
                    phase: name(),
                    reason: StopReason::Requested,
                },
            ],
        ),
        (
            5,
            "held",
            vec![
                Story::completion("first", json!({"items": 1})),
                EventKind::CampaignHeld {
                    phase: phase("second"),
                },
            ],
        ),
    ];
    for (id, name, end) in rests {
        let mut story = Story::new(id);
        story
            .tell(storage, vec![Story::creation(name, Mode::FullSequence)])
            .await;
        story
            .commit(storage, story.configuration("first", json!({"count": 1})))
            .await;
        story.tell(storage, vec![story.start("first")]).await;
        storage.append(story.output(1, records(0, 1))).await.unwrap();
        story.tell(storage, end).await;
    }
}

async fn completed(storage: &dyn Storage) {
    let mut story = Story::new(6);
    story
        .tell(storage, vec![Story::creation("completed", Mode::StepByStep)])
        .await;
    for name in PHASES {
        story
            .commit(storage, story.configuration(name, json!({"phase": name})))
            .await;
        story.tell(storage, vec![story.start(name)]).await;
        storage.append(story.output(1, records(0, 3))).await.unwrap();
        let mut end = vec![Story::completion(name, json!({"items": 3}))];
        if name == "third" {
            end.push(EventKind::CampaignCompleted {});
        }
        story.tell(storage, end).await;
    }
}

async fn deleted(storage: &dyn Storage) {
    let mut story = Story::running(storage, DELETED).await;
    storage.append(story.output(1, records(0, 5))).await.unwrap();
    let deletion = story.transition(vec![EventKind::CampaignDeleted {}]);
    story.commit(storage, keyed(deletion, KEYS[3].0, KEYS[3].1)).await;
}

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    // On a thread of its own, since the tests are within a runtime already.
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(settled())
    })
    .join()
    .unwrap()
});

async fn settled() -> Vec<u8> {
    let disk = CrashBackend::new();
    let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
    write(&storage).await;
    storage.close().await.unwrap();
    while !entries_in(disk.bytes(), "reclaim").is_empty() {
        let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
        storage.verify(|_| ()).await.unwrap();
        storage.close().await.unwrap();
    }
    disk.bytes()
}

/// Every entry of a table of the store that these bytes are.
pub fn entries_in(bytes: Vec<u8>, table: &str) -> Vec<Entry> {
    let raw = RawStore::in_backend(CrashBackend::from_bytes(bytes)).unwrap();
    raw.entries(table).unwrap()
}

/// The bytes of a sound store with the sample in it, in which no space is left to reclaim: nothing is written to it
/// unless somebody asks for it.
pub fn sound() -> Vec<u8> {
    SOUND.clone()
}

/// The text of everything that a store shows, as far as the sample goes.
pub async fn shown(storage: &dyn Storage) -> Result<String, StorageError> {
    let mut text = String::new();
    for name in RESOURCES {
        match storage.resource(&resource(name)).await? {
            Some(it) => writeln!(text, "{} at {}: {}", it.resource, it.revision.0, it.document).unwrap(),
            None => writeln!(text, "{} is not there", resource(name)).unwrap(),
        }
    }
    for (scope, key) in KEYS {
        let key = IdempotencyKey::new(key).unwrap();
        let entry = storage
            .idempotency(scope.map(CampaignId::from_u128), &key)
            .await?;
        let outcome = entry.map(|entry| format!("{} {}", entry.command, entry.outcome));
        writeln!(text, "key {key}: {}", outcome.as_deref().unwrap_or("none")).unwrap();
    }
    let mut query = CampaignQuery::default();
    loop {
        let page = storage.campaigns(query.clone()).await?;
        for campaign in &page.items {
            let json = serde_json::to_string(campaign).unwrap();
            writeln!(text, "\ncampaign {json}").unwrap();
            one(storage, campaign.id, &mut text).await?;
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    text.push_str("\ndeleted\n");
    one(storage, CampaignId::from_u128(DELETED), &mut text).await?;
    text.push_str("\nlog\n");
    let mut after = None;
    loop {
        let page = storage.events(EventScope::Store, after, 7).await?;
        for logged in page.items {
            let id = logged.campaign_id.as_u128();
            let (cursor, seq, name) = (logged.cursor, logged.seq.0, logged.event.kind.name());
            writeln!(text, "{cursor} {id}/{seq} {name}").unwrap();
        }
        match page.next_cursor {
            Some(next) => after = Some(next),
            None => return Ok(text),
        }
    }
}

async fn one(storage: &dyn Storage, id: CampaignId, text: &mut String) -> Result<(), StorageError> {
    let events = storage.events(EventScope::Campaign(id), None, 1_000).await?;
    for logged in events.items {
        let json = serde_json::to_string(&logged.event).unwrap();
        writeln!(text, "  {} {json}", logged.seq.0).unwrap();
        if let EventKind::PhaseConfigured { phase, revision, .. } = &logged.event.kind {
            let config = storage.config(id, phase, *revision).await?;
            let config = config.map_or("none".to_owned(), |config| config.to_string());
            writeln!(text, "  config of {phase} at {}: {config}", revision.0).unwrap();
        }
    }
    for name in PHASES {
        let (name, run) = (phase(name), Run(1));
        let Some(output) = storage.run_output(id, &name, run).await? else {
            continue;
        };
        writeln!(
            text,
            "  output of {name}: {}",
            serde_json::to_string(&output).unwrap()
        )
        .unwrap();
        let page = storage.records(id, &name, run, 0, 10_000).await?;
        for record in page.records {
            writeln!(text, "    {record}").unwrap();
        }
    }
    Ok(())
}
