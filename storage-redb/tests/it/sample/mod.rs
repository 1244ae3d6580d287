//! A small store that has something in every table, and the text of everything that a store shows.
//!
//! What it writes is the same on every run: the golden file is made of it.
#![allow(dead_code, reason = "the test of metrics uses a part of it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use phasegate_core::storage::{
    CampaignQuery, EventScope, Expected, IdempotencyEntry, IdempotencyKey, LoggedEvent, Output, Progress,
    ResourceWrite, Storage, StorageError, Transition,
};
use phasegate_core::{
    BatchNumber, CampaignId, CommitId, Digest, Envelope, EventKind, Mode, ResourceId, ResourceKind,
    ResourceRef, Run, Timestamp,
};
use phasegate_storage_redb::RedbStorage;
use phasegate_storage_redb::testing::{CrashBackend, Entry, RawStore};
use phasegate_testkit::storage::conformance::{Story, phase};
use serde_json::{Value, json};

/// The phases of every campaign of the sample.
const PHASES: [&str; 3] = ["first", "second", "third"];
/// The resources of the sample; the last one is deleted.
pub const RESOURCES: [(&str, &str); 3] = [("dns_persona", "careful"), ("proxy", "home"), ("proxy", "old")];
/// The idempotency keys of the sample, with the campaigns that are their scope.
pub const KEYS: [(Option<u128>, &str); 4] = [
    (None, "create-1"),
    (Some(1), "start-1"),
    (Some(1), "again-1"),
    (Some(8), "delete-8"),
];
/// The names of the cursors of the sample.
pub const CURSORS: [&str; 2] = ["mails", "web hook"];
/// The campaign of which the sample has most.
pub const RUNNING: u128 = 1;
/// The deleted campaign.
pub const DELETED: u128 = 8;

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
    keep_cursors(storage).await;
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

static RESOURCE_WRITES: AtomicU64 = AtomicU64::new(1);

/// The write of a resource, whatever is there; without a document its removal.
pub fn resource_write(resource: ResourceRef, document: Option<Value>) -> ResourceWrite {
    let n = RESOURCE_WRITES.fetch_add(1, Ordering::Relaxed);
    ResourceWrite {
        id: CommitId::from_u128(u128::from(n) << 64),
        resource,
        expected: Expected::Any,
        digest: Digest::of(&document.clone().unwrap_or_default()),
        document,
        envelope: Envelope::none().by("somebody").unwrap(),
    }
}

/// Writes or removes a resource, whatever is there.
pub async fn write_resource(storage: &dyn Storage, name: (&str, &str), document: Option<Value>) {
    let write = resource_write(resource(name), document);
    storage.write_resource(write).await.unwrap();
}

async fn running(storage: &dyn Storage) {
    let mut story = Story::new(RUNNING);
    let attributes = [("customer", "Müller & Söhne"), ("order.no", "17")];
    let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let creation = Story::creation_with("harvest", Mode::FullSequence, BTreeMap::from(attributes));
    let creation = story.transition(vec![creation]);
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
    storage.append(story.output(1, records(0, 2))).await.unwrap();
    let afresh = vec![story.stop("first"), story.restart("first")];
    story.tell(storage, afresh).await;
    for batch in 1..=2 {
        let mut output = story.output(batch, records((batch - 1) * 20, 20));
        output.checkpoint = Some(json!({"offset": batch * 20}));
        output.progress = Some(Progress {
            done: batch * 20,
            total: Some(40),
        });
        storage.append(output).await.unwrap();
    }
    let pruned = EventKind::RunPruned {
        phase: phase("first"),
        run: Run(1),
    };
    story.tell(storage, vec![pruned]).await;
    // A command that changed nothing is remembered too.
    let nothing = story.transition(vec![]);
    story.commit(storage, keyed(nothing, KEYS[2].0, KEYS[2].1)).await;
}

/// The names of the campaigns that rest, from the id 2 on.
const RESTING: [&str; 5] = ["paused", "failed", "stopped", "held", "waiting"];

/// The ids of the campaigns after those at rest.
const COMPLETED: u128 = 7;

/// Campaigns in the other activities, with one batch each.
async fn at_rest(storage: &dyn Storage) {
    for (id, name) in (2..).zip(RESTING) {
        let mut story = Story::new(id);
        story
            .tell(storage, vec![Story::creation(name, Mode::FullSequence)])
            .await;
        story
            .commit(storage, story.configuration("first", json!({"count": 1})))
            .await;
        story.tell(storage, vec![story.start("first")]).await;
        storage.append(story.output(1, records(0, 1))).await.unwrap();
        let moment = Timestamp::from_unix_ms(4_000_000_000_000);
        let end = match name {
            "paused" => vec![story.pause_request("first"), story.pause("first")],
            "failed" => vec![story.failure("first", Some(moment))],
            "stopped" => vec![story.stop_request("first"), story.stop("first")],
            "waiting" => vec![story.deferral("first", Some(moment))],
            _ => vec![
                completion(&story, "first", 1),
                EventKind::CampaignHeld {
                    phase: phase("second"),
                },
            ],
        };
        story.tell(storage, end).await;
    }
}

/// The next batch of the running campaign of the sample.
pub async fn next_batch(storage: &dyn Storage) -> Output {
    let campaign = storage
        .campaign(CampaignId::from_u128(RUNNING))
        .await
        .unwrap()
        .campaign;
    Output {
        ticket: campaign.unwrap().ticket().unwrap(),
        batch: BatchNumber(3),
        records: Vec::new(),
        checkpoint: None,
        progress: None,
    }
}

/// The event that completes a phase with so many records.
pub fn completion(story: &Story, name: &str, count: u64) -> EventKind {
    let mut completion = story.completion(name, json!({"items": count}));
    if let EventKind::PhaseCompleted { records, .. } = &mut completion {
        *records = count;
    }
    completion
}

async fn completed(storage: &dyn Storage) {
    let mut story = Story::new(COMPLETED);
    story
        .tell(storage, vec![Story::creation("completed", Mode::StepByStep)])
        .await;
    for name in PHASES {
        story
            .commit(storage, story.configuration(name, json!({"phase": name})))
            .await;
        story.tell(storage, vec![story.start(name)]).await;
        storage.append(story.output(1, records(0, 3))).await.unwrap();
        // The last batch of the last phase comes with its end.
        let mut end = vec![completion(&story, name, 3)];
        let mut output = None;
        if name == "third" {
            end = vec![completion(&story, name, 5), EventKind::CampaignCompleted {}];
            output = Some(story.output(2, records(3, 2)));
        }
        let mut end = story.transition(end);
        end.output = output;
        story.commit(storage, end).await;
    }
}

async fn keep_cursors(storage: &dyn Storage) {
    let page = storage.events(EventScope::Store, None, 5).await.unwrap();
    let cursors = page.items.into_iter().map(|event| event.cursor);
    for (name, cursor) in CURSORS.into_iter().zip(cursors) {
        storage.set_cursor(name, cursor).await.unwrap();
    }
}

async fn deleted(storage: &dyn Storage) {
    let mut story = Story::running(storage, DELETED).await;
    storage.append(story.output(1, records(0, 5))).await.unwrap();
    let deletion = story.transition(vec![EventKind::CampaignDeleted {}]);
    story.commit(storage, keyed(deletion, KEYS[3].0, KEYS[3].1)).await;
}

/// The tables in which a store at rest has nothing.
pub const QUEUES: [&str; 2] = ["reclaim", "reclaim_runs"];

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
    while QUEUES
        .iter()
        .any(|queue| !entries_in(disk.bytes(), queue).is_empty())
    {
        let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
        storage.verify(|_| ()).await.unwrap();
        storage.close().await.unwrap();
    }
    // Each time redb frees the pages that the commits before it have replaced. Where there are some and their list is damaged, its
    // close may end the process.
    for _ in 0..3 {
        let storage = RedbStorage::with_backend(disk.clone()).await.unwrap();
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
    storage.token_secret().await?;
    let mut query = CampaignQuery::default();
    loop {
        let page = storage.campaigns(query.clone()).await?;
        for campaign in &page.items {
            writeln!(text, "\ncampaign {campaign:?}").unwrap();
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
            writeln!(text, "{}", line(&logged)).unwrap();
        }
        match page.next_cursor {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    for name in CURSORS {
        let cursor = storage.cursor(name).await?;
        writeln!(text, "cursor {name}: {cursor:?}").unwrap();
    }
    Ok(text)
}

/// An event of the store-wide log on one line. The moments of resources are those of the store's clock, so they are left out.
fn line(logged: &LoggedEvent) -> String {
    let (cursor, name) = (&logged.cursor, logged.event.kind.name());
    match (logged.campaign_id, logged.seq, &logged.event.kind) {
        (Some(id), Some(seq), _) => format!("{cursor} {}/{seq} {name}", id.as_u128()),
        (_, _, kind) => {
            let kind = serde_json::to_string(kind).unwrap();
            format!("{cursor} {kind} by {:?}", logged.event.envelope.actor())
        }
    }
}

async fn one(storage: &dyn Storage, id: CampaignId, text: &mut String) -> Result<(), StorageError> {
    let events = storage.events(EventScope::Campaign(id), None, 1_000).await?;
    for logged in events.items {
        let json = serde_json::to_string(&logged.event).unwrap();
        let seq = logged.seq.unwrap();
        writeln!(text, "  {seq} {json}").unwrap();
        // Deleted campaigns have no single events.
        let single = storage.event(id, seq).await?;
        assert!(single.is_none() || single.as_ref() == Some(&logged));
        if let EventKind::PhaseConfigured { phase, revision, .. } = &logged.event.kind {
            let config = storage.config(id, phase, *revision).await?;
            let config = config.map_or("none".to_owned(), |config| config.to_string());
            writeln!(text, "  config of {phase} at {}: {config}", revision.0).unwrap();
        }
    }
    for name in PHASES {
        let name = phase(name);
        for run in storage.runs(id, &name, Run(0), 10).await?.items {
            let output = serde_json::to_string(&run.output).unwrap();
            let (number, launched) = (run.run, run.launched);
            writeln!(text, "  run {number} of {name}, launched by {launched}: {output}").unwrap();
            assert_eq!(storage.run_output(id, &name, number).await?, Some(run.output));
            let page = storage.records(id, &name, number, 0, 10_000).await?;
            for record in page.records {
                writeln!(text, "    {record}").unwrap();
            }
        }
    }
    Ok(())
}
