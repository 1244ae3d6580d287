//! HTTP validation of small pages beside wrk, which asks the same server as often and only counts the answers; and of large
//! pages, with the peak of memory.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use phasegate::core::storage::Expected;
use phasegate::{CampaignHandle, Engine, NewCampaign};
use phasegate_storage_redb::RedbStorage;
use serde_json::json;

use crate::memory;
use crate::programs::{self, Process, finished, program};
use crate::table::{mib, middle_and_longest, rate, row};

const DOMAINS: u64 = 20_000;
/// How many pages are requested at once.
const CONNECTIONS: u64 = 100;
/// How often each is measured, in turn.
const ROUNDS: usize = 3;
/// For how long wrk asks.
const WRK_SECONDS: u64 = 3;
/// The large pages: how many, all at once, and how many bytes each has.
const LARGE: u64 = 200;
const LARGE_BYTES: usize = 10 * 1024 * 1024;

pub fn bench() -> anyhow::Result<()> {
    crate::runtime::runtime()?.block_on(async {
        let [zone, small, large] = [(); 3].map(|()| tempfile::tempdir());
        let (zone, small, large) = (zone?, small?, large?);
        let resolver = Process::nsd(zone.path(), Ipv4Addr::LOCALHOST)?;
        let one = Process::nginx(small.path(), &page(1_000))?;
        let other = Process::nginx(large.path(), &page(LARGE_BYTES))?;
        let engine = engine(zone.path(), &resolver, &one, &other).await?;

        let (mut counted, mut validated) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            counted.push(wrk(&one)?);
            validated.push(validation(&engine, "small", DOMAINS).await?);
        }
        counted.sort_by(f64::total_cmp);
        let counted = counted[ROUNDS / 2];
        row("wrk, which counts the answers", &[(counted, "/s")]);
        let found = rate(DOMAINS, middle_and_longest(validated).0);
        let share = found / counted * 100.0;
        row("validation, durable", &[(found, "/s"), (share, "% of wrk")]);

        let size = |bytes: Option<u64>| (mib(bytes.unwrap_or_default()), "MiB");
        memory::forget_peak()?;
        validation(&engine, "small", DOMAINS).await?;
        row("memory at the peak of such a run", &[size(memory::peak()?)]);
        validation(&engine, "small", 5 * DOMAINS).await?;
        row(
            "and of one with five times as many domains",
            &[size(memory::peak()?)],
        );
        memory::forget_peak()?;
        let now = memory::resident()?;
        let took = validation(&engine, "large", LARGE).await?;
        row("200 pages of 10 MiB at once", &[(rate(LARGE, took), "/s")]);
        row(
            "memory before, and at the peak",
            &[size(now), size(memory::peak()?)],
        );
        engine.shutdown().await?;
        Ok(())
    })
}

/// A page with about so many bytes of text.
fn page(bytes: usize) -> String {
    let mut page = "<!DOCTYPE html><title>A shop</title><body><h1>Welcome</h1>".to_owned();
    for paragraph in 0.. {
        if page.len() >= bytes {
            break;
        }
        let _ = writeln!(
            page,
            "<p>Paragraph {paragraph} of a page that <b>says</b> something.</p>"
        );
    }
    page
}

async fn engine(
    folder: &Path,
    resolver: &Process,
    small: &Process,
    large: &Process,
) -> anyhow::Result<Engine> {
    let engine = Engine::builder()
        .storage(RedbStorage::open(folder.join("store.redb")).await?)
        .pipeline(phasegate_phases::pipeline()?)
        .build()?;
    let lookups = json!({"resolvers": [resolver.at.to_string()], "recordTypes": ["A"], "concurrency": 1_000});
    engine
        .put_resource("dns_persona", "loopback", lookups, Expected::Any)
        .await?;
    for (id, server, concurrency) in [("small", small, CONNECTIONS), ("large", large, LARGE)] {
        let requests = json!({
            "userAgent": "phasegate-bench", "scheme": "http", "port": server.at.port(), "allowPrivateAddresses": true,
            "concurrency": concurrency, "maxBodyBytes": LARGE_BYTES, "timeoutMs": 60_000,
        });
        engine
            .put_resource("http_persona", id, requests, Expected::Any)
            .await?;
    }
    Ok(engine)
}

/// How long HTTP validation of so many domains takes.
async fn validation(engine: &Engine, persona: &str, domains: u64) -> anyhow::Result<Duration> {
    let generation = json!({
        "pattern_type": "prefix", "variable_length": 5, "character_set": "abcdefghijklmnopqrstuvwxyz",
        "constant_string": "-shop", "tld": programs::ZONE, "num_domains": domains,
    });
    let new = NewCampaign::new("http")
        .config("domain_generation", generation)
        .config("dns_validation", json!({"personaIds": ["loopback"]}))
        .config("http_validation", json!({"personaIds": [persona]}));
    let campaign: CampaignHandle = engine.create(new).await?;
    let mut took = Duration::ZERO;
    for phase in ["domain_generation", "dns_validation", "http_validation"] {
        let begun = Instant::now();
        campaign.start(phase).await?;
        campaign.at_rest().await?;
        took = begun.elapsed();
    }
    let view = campaign.view().await?;
    let summary = view.phases[2].summary.as_ref();
    let pages = summary.and_then(|summary| summary["byStatus"]["ok"].as_u64());
    ensure!(
        pages == Some(domains),
        "not all domains gave a page: {:?}",
        view.phases[2]
    );
    Ok(took)
}

/// How many answers a second wrk gets, each on a connection of its own.
fn wrk(server: &Process) -> anyhow::Result<f64> {
    let said = finished(
        program("wrk", "wrk")?
            .args([
                "-t",
                "1",
                "-c",
                &CONNECTIONS.to_string(),
                "-d",
                &format!("{WRK_SECONDS}s"),
            ])
            .args(["-H", "Connection: close", &format!("http://{}/", server.at)]),
    )?;
    let line = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    let figure = line.with_context(|| format!("wrk says no rate: {said}"))?;
    Ok(figure.trim().parse()?)
}
