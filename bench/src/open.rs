//! Opening a file that a killed process left.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context as _;
use futures::stream::TryStreamExt as _;
use phasegate::core::Mode;
use phasegate::core::storage::Storage;
use phasegate_phases::pipeline;
use phasegate_storage_redb::RedbStorage;
use phasegate_testkit::storage::conformance::Story;
use serde_json::json;

use crate::table::{mib, middle_and_longest, ms, row};

/// The argument by which the program is the process that is killed.
pub const CHILD: &str = "fill-and-write-on";
const CAMPAIGNS: u128 = 100_000;
/// How many write at once while the file is filled.
const WRITERS: usize = 512;
const OPENINGS: usize = 9;
const FULL: &str = "full";

/// Fills the file, says so, and writes on until it is killed.
pub fn fill(path: &Path) -> anyhow::Result<()> {
    crate::runtime::runtime()?.block_on(async {
        let storage = RedbStorage::open(path).await?;
        let campaigns = futures::stream::iter((1..=CAMPAIGNS).map(Ok::<_, anyhow::Error>));
        campaigns
            .try_for_each_concurrent(WRITERS, |id| campaign(&storage, id))
            .await?;
        println!("{FULL}");
        std::io::stdout().flush()?;
        let endless = futures::stream::iter((CAMPAIGNS + 1..).map(Ok::<_, anyhow::Error>));
        endless
            .try_for_each_concurrent(4, |id| campaign(&storage, id))
            .await
    })
}

/// A campaign with a config, whose first phase runs.
async fn campaign(storage: &RedbStorage, id: u128) -> anyhow::Result<()> {
    let mut story = Story::new(id);
    let created = story.transition(vec![Story::creation(
        &format!("campaign {id}"),
        Mode::FullSequence,
    )]);
    story.commit(storage, created).await;
    let configured = story.configuration("first", json!({"keyword": "phasegate", "number": id.to_string()}));
    story.commit(storage, configured).await;
    Ok(())
}

pub fn bench() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let left = folder.path().join("left.redb");
    let begun = Instant::now();
    let mut child = Command::new(std::env::current_exe()?)
        .args([CHILD.as_ref(), left.as_os_str()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = String::new();
    BufReader::new(child.stdout.take().context("it was piped")?).read_line(&mut said)?;
    anyhow::ensure!(said.trim() == FULL, "the process that fills the file ended early");
    let took = begun.elapsed();
    // A moment of writing on, so that it is killed within it.
    std::thread::sleep(std::time::Duration::from_millis(200));
    child.kill()?;
    child.wait()?;
    let size = std::fs::metadata(&left)?.len();
    row("filling it", &[(took.as_secs_f64(), "s"), (mib(size), "MiB")]);

    let closed = folder.path().join("closed.redb");
    std::fs::copy(&left, &closed)?;
    crate::runtime::runtime()?.block_on(async {
        RedbStorage::open(&closed).await?.close().await?;
        times("opening it after a kill", &left, folder.path()).await?;
        times("opening it after it was closed", &closed, folder.path()).await
    })
}

/// Opens copies of a file: the store alone, and then an engine that recovers what it holds.
async fn times(what: &str, file: &Path, folder: &Path) -> anyhow::Result<()> {
    let (mut opened, mut first_read) = (Vec::new(), Vec::new());
    for _ in 0..OPENINGS {
        let copy = folder.join("copy.redb");
        std::fs::copy(file, &copy)?;
        let begun = Instant::now();
        let storage = RedbStorage::open(&copy).await?;
        opened.push(begun.elapsed());
        let engine = phasegate::Engine::builder()
            .storage(storage.clone())
            .pipeline(pipeline()?)
            .build()?;
        engine.recover().await?;
        storage.latest().await?;
        first_read.push(begun.elapsed());
        engine.shutdown().await?;
    }
    for (what, times) in [
        (what.to_owned(), opened),
        ("  and an engine that recovers on it".to_owned(), first_read),
    ] {
        let (middle, longest) = middle_and_longest(times);
        row(
            &what,
            &[(ms(middle), "ms (median)"), (ms(longest), "ms (longest)")],
        );
    }
    Ok(())
}
