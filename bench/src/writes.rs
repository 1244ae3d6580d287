//! Writes, by how many come at once.

use std::sync::Arc;
use std::time::Instant;

use futures::stream::TryStreamExt as _;
use phasegate::core::storage::Storage;
use phasegate::core::{EventKind, Mode};
use phasegate_storage_redb::RedbStorage;
use phasegate_testkit::MemoryStorage;
use phasegate_testkit::storage::conformance::Story;

use crate::table::{rate, row};

const AT_ONCE: [u64; 4] = [1, 16, 64, 256];
/// How many commits each campaign takes, and how many batches.
const EACH: u64 = 40;
const BATCH: u64 = 1_000;

pub fn bench() -> anyhow::Result<()> {
    crate::runtime::runtime()?.block_on(async {
        for at_once in AT_ONCE {
            let folder = tempfile::tempdir()?;
            let redb = RedbStorage::open(folder.path().join("store.redb")).await?;
            compare(
                &format!("commits, {at_once} at once"),
                &redb,
                at_once,
                commits,
                at_once * EACH,
            )
            .await?;
        }
        for at_once in [1, 16] {
            let folder = tempfile::tempdir()?;
            let redb = RedbStorage::open(folder.path().join("store.redb")).await?;
            let records = at_once * EACH * BATCH;
            compare(
                &format!("records in batches of {BATCH}, {at_once} at once"),
                &redb,
                at_once,
                batches,
                records,
            )
            .await?;
        }
        Ok(())
    })
}

type Writer = fn(Arc<dyn Storage>, u128) -> futures::future::BoxFuture<'static, anyhow::Result<()>>;

async fn compare(
    what: &str,
    redb: &RedbStorage,
    at_once: u64,
    write: Writer,
    count: u64,
) -> anyhow::Result<()> {
    let memory: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let mut numbers = Vec::new();
    for (storage, unit) in [
        (Arc::new(redb.clone()) as Arc<dyn Storage>, "/s redb"),
        (memory, "/s memory"),
    ] {
        let begun = Instant::now();
        let writers = futures::stream::iter((1..=u128::from(at_once)).map(Ok::<_, anyhow::Error>));
        writers
            .try_for_each_concurrent(None, |id| {
                let task = tokio::spawn(write(Arc::clone(&storage), id));
                async { task.await? }
            })
            .await?;
        numbers.push((rate(count, begun.elapsed()), unit));
    }
    row(what, &numbers);
    Ok(())
}

fn commits(storage: Arc<dyn Storage>, id: u128) -> futures::future::BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async move {
        let mut story = Story::created(&*storage, id).await;
        for n in 1..EACH {
            let mode = if n % 2 == 0 {
                Mode::StepByStep
            } else {
                Mode::FullSequence
            };
            story.tell(&*storage, vec![EventKind::ModeChanged { mode }]).await;
        }
        Ok(())
    })
}

fn batches(storage: Arc<dyn Storage>, id: u128) -> futures::future::BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async move {
        let story = Story::running(&*storage, id).await;
        for batch in 1..=EACH {
            let record = |n| {
                format!(
                    "{{\"domain\":\"host-{:06}.example\",\"offset\":{n}}}",
                    batch * BATCH + n
                )
            };
            storage
                .append(story.output(batch, (0..BATCH).map(record)))
                .await?;
        }
        Ok(())
    })
}
