//! The same work in Rust and in the other hosts: what the boundary costs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use phasegate::{
    Batch, Engine, Mode, NewCampaign, PhaseDefinition, PhaseName, PhaseRunner, Pipeline, RunContext,
    RunError, RunOutcome,
};
use phasegate_storage_redb::RedbStorage;
use serde::Deserialize;
use serde_json::json;

use crate::table::row;

const CALLS: u64 = 5_000;
const CHAINS: u64 = 1_000;
const RECORDS: u64 = 100_000;
const BATCH: u64 = 1_000;

/// What each host measures, by the word that its program prints.
const MEASURED: [(&str, &str); 3] = [
    ("call", "calls of view(), one after the other"),
    ("phase", "campaigns of one empty phase, created and run"),
    ("records", "100,000 records through two phases, by 1,000"),
];

/// A host's own program: its name, and how it is started.
struct Host {
    name: &'static str,
    /// Takes the root of the repository and the counts.
    command: fn(&Path, &[String]) -> anyhow::Result<Command>,
}

/// A new host is an entry here, and a program that prints a line for each of [`MEASURED`].
const HOSTS: [Host; 2] = [
    Host {
        name: "Python",
        command: python,
    },
    Host {
        name: "Kotlin",
        command: kotlin,
    },
];

struct Idle;

#[async_trait]
impl PhaseRunner for Idle {
    async fn run(&self, _: RunContext) -> Result<RunOutcome, RunError> {
        Ok(RunOutcome::Completed(json!(null)))
    }
}

struct Write;

#[async_trait]
impl PhaseRunner for Write {
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        for begin in (0..RECORDS).step_by(BATCH as usize) {
            let mut batch = Batch::new();
            for number in begin..begin + BATCH {
                batch.push(&json!({ "number": number }))?;
            }
            batch.set_checkpoint(&(begin + BATCH))?;
            ctx.commit(batch).await?;
        }
        Ok(RunOutcome::Completed(json!(null)))
    }
}

struct Read;

#[derive(Deserialize)]
struct Number {
    number: u64,
}

#[async_trait]
impl PhaseRunner for Read {
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        let mut upstream = ctx.upstream(0);
        let (mut total, mut batch) = (0, Batch::new());
        while let Some(record) = upstream.next().await? {
            let Number { number } = record.read()?;
            total += number;
            batch.push(&json!({ "number": number * 2 }))?;
            if batch.len() as u64 == BATCH {
                ctx.commit(std::mem::take(&mut batch)).await?;
            }
        }
        Ok(RunOutcome::Completed(json!(total)))
    }
}

pub fn bench() -> anyhow::Result<()> {
    let mut hosts = vec![("Rust", crate::runtime::runtime()?.block_on(rust())?)];
    for host in &HOSTS {
        hosts.push((host.name, measured_by(host)?));
    }
    for (number, (_, what)) in MEASURED.iter().enumerate() {
        for (name, rates) in &hosts {
            row(&format!("{name}: {what}"), &[(rates[number], "/s")]);
        }
    }
    Ok(())
}

/// How many a second of each of [`MEASURED`], in memory, so that no disk is measured.
async fn rust() -> anyhow::Result<Vec<f64>> {
    let definition = |name: &str| -> anyhow::Result<PhaseDefinition> {
        Ok(PhaseDefinition::new(
            PhaseName::new(name)?,
            json!({ "type": "object" }),
        ))
    };
    let engine = Engine::builder()
        .storage(RedbStorage::in_memory().await?)
        .pipeline(
            Pipeline::builder("idle")
                .runner(definition("rest")?, Idle)
                .build()?,
        )
        .pipeline(
            Pipeline::builder("numbers")
                .runner(definition("write")?, Write)
                .runner(definition("read")?, Read)
                .build()?,
        )
        .build()?;
    let campaign = engine.create(NewCampaign::new("calls").pipeline("idle")).await?;
    let mut rates = Vec::new();
    for _ in 0..CALLS {
        campaign.view().await?;
    }
    let begun = Instant::now();
    for _ in 0..CALLS {
        campaign.view().await?;
    }
    rates.push(crate::table::rate(CALLS, begun.elapsed()));
    let begun = Instant::now();
    for _ in 0..CHAINS {
        let chain = NewCampaign::new("chain")
            .pipeline("idle")
            .config("rest", json!({}));
        let chain = engine.create(chain).await?;
        chain.start("rest").await?;
        chain.at_rest().await?;
    }
    rates.push(crate::table::rate(CHAINS, begun.elapsed()));
    let large = NewCampaign::new("large")
        .pipeline("numbers")
        .mode(Mode::FullSequence);
    let large = large.config("write", json!({})).config("read", json!({}));
    let begun = Instant::now();
    let large = engine.create(large).await?;
    large.start("write").await?;
    let view = large.at_rest().await?;
    rates.push(crate::table::rate(RECORDS, begun.elapsed()));
    ensure!(
        view.phases[1].summary == Some(json!(RECORDS * (RECORDS - 1) / 2)),
        "{view:?}"
    );
    engine.shutdown().await?;
    Ok(rates)
}

/// Runs a host's program, and reads the numbers that it prints.
fn measured_by(host: &Host) -> anyhow::Result<Vec<f64>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("bench has a parent")?;
    let counts = [CALLS, CHAINS, RECORDS, BATCH].map(|count| count.to_string());
    let output = (host.command)(root, &counts)?
        .output()
        .with_context(|| format!("cannot start the program of {}", host.name))?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "the program of {} failed: {text}{}",
        host.name,
        String::from_utf8_lossy(&output.stderr)
    );
    MEASURED
        .iter()
        .map(|(word, _)| {
            // Not at the beginning of the line: Maven resets the colour there.
            let said = format!("{word} ");
            let line = text.lines().find_map(|line| Some(line.split_once(&said)?.1));
            let number = line.with_context(|| format!("{} measured no {word}", host.name))?;
            Ok(number.parse()?)
        })
        .collect()
}

/// Python, in an environment that holds nothing but the wheel as it is shipped.
fn python(root: &Path, counts: &[String]) -> anyhow::Result<Command> {
    let made = root.join("target/python");
    let wheel =
        found(&made.join("wheels/release"), "whl").context("build the wheel first: cargo xtask python")?;
    let environment = made.join("bench");
    let interpreter = environment.join("bin/python");
    let venv = Command::new(made.join("venv/bin/python"))
        .args(["-m", "venv", "--clear"])
        .arg(&environment)
        .status()?;
    ensure!(venv.success(), "no virtual environment could be made");
    let pip = Command::new(&interpreter)
        .args([
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
            "install",
            "--no-index",
        ])
        .arg(wheel)
        .status()?;
    ensure!(pip.success(), "the wheel could not be installed");
    let mut command = Command::new(interpreter);
    command.arg(root.join("bench/hosts/boundary.py")).args(counts);
    Ok(command)
}

/// Kotlin, on the jar as it is shipped, which is in the repository that Maven is given.
fn kotlin(root: &Path, counts: &[String]) -> anyhow::Result<Command> {
    let repository = root.join("target/kotlin/repository");
    ensure!(
        repository.join("io/phasegate/phasegate").exists(),
        "build the jar first: cargo xtask kotlin"
    );
    let mut command = Command::new("mvn");
    command
        .args([
            "--quiet",
            "--batch-mode",
            "--no-transfer-progress",
            "-Dkotlin.compiler.daemon=false",
            // The threads of coroutines are daemons that live as long as the process.
            "-Dexec.cleanupDaemonThreads=false",
        ])
        .arg("--file")
        .arg(root.join("bench/hosts/pom.xml"))
        .arg(format!("-Dmaven.repo.local={}", repository.display()))
        .arg(format!("-Dexec.args={}", counts.join(" ")))
        .args(["compile", "exec:java"]);
    Ok(command)
}

fn found(folder: &Path, extension: &str) -> Option<PathBuf> {
    let mut files = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()));
    files.find(|path| path.extension().is_some_and(|found| found == extension))
}
