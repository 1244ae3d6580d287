//! DNS validation beside dnsperf, which asks the same server for the same names and only counts the answers; and the same
//! through a SOCKS5 proxy.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use phasegate::core::storage::Expected;
use phasegate::{CampaignHandle, Engine, NewCampaign};
use phasegate_storage_redb::RedbStorage;
use serde::Deserialize;
use serde_json::json;

use crate::programs::{self, Process, finished, program};
use crate::table::{middle_and_longest, rate, row};

const DOMAINS: u64 = 200_000;
/// How many queries wait for an answer at once: the most that a persona may have.
const OUTSTANDING: u64 = 1_000;
/// How often each is measured, in turn.
const ROUNDS: usize = 3;

pub fn bench() -> anyhow::Result<()> {
    crate::runtime::runtime()?.block_on(async {
        let folder = tempfile::tempdir()?;
        let server = Process::nsd(folder.path(), Ipv4Addr::new(192, 0, 2, 1))?;
        let proxy = Process::microsocks()?;
        let engine = Engine::builder()
            .storage(RedbStorage::open(folder.path().join("store.redb")).await?)
            .pipeline(phasegate_phases::pipeline()?)
            .build()?;
        let persona = json!({
            "resolvers": [server.at.to_string()], "recordTypes": ["A"], "concurrency": OUTSTANDING,
        });
        let through =
            json!({ "protocol": "socks5", "host": proxy.at.ip().to_string(), "port": proxy.at.port() });
        for (kind, id, document) in [
            ("dns_persona", "loopback", persona),
            ("proxy", "loopback", through),
        ] {
            engine.put_resource(kind, id, document, Expected::Any).await?;
        }
        let names = folder.path().join("names");
        write_names(&generated(&engine, json!({})).await?, &names).await?;
        let (mut counted, mut direct, mut proxied) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            counted.push(dnsperf(server.at, &names)?);
            direct.push(validation(&engine, json!({})).await?);
            proxied.push(validation(&engine, json!({ "proxyId": "loopback" })).await?);
        }
        engine.shutdown().await?;
        let show = |what: &str, times: Vec<Duration>, base: Option<(f64, &str)>| {
            let found = rate(DOMAINS, middle_and_longest(times).0);
            let mut numbers = vec![(found, "/s")];
            numbers.extend(base.map(|(base, unit)| (found / base * 100.0, unit)));
            row(what, &numbers);
            found
        };
        let counted = show("dnsperf, which counts the answers", counted, None);
        let direct = show("validation, durable", direct, Some((counted, "% of dnsperf")));
        show(
            "validation through a SOCKS5 proxy",
            proxied,
            Some((direct, "% of that without")),
        );
        Ok(())
    })
}

/// A campaign whose domains are generated, and not validated yet. `means` is added to the config of DNS validation.
async fn generated(engine: &Engine, means: serde_json::Value) -> anyhow::Result<CampaignHandle> {
    let generation = json!({
        "pattern_type": "prefix", "variable_length": 5, "character_set": "abcdefghijklmnopqrstuvwxyz",
        "constant_string": "-shop", "tld": programs::ZONE, "num_domains": DOMAINS,
    });
    let mut validation = json!({ "personaIds": ["loopback"] });
    if let (Some(validation), serde_json::Value::Object(means)) = (validation.as_object_mut(), means) {
        validation.extend(means);
    }
    let new = NewCampaign::new("dns")
        .config("domain_generation", generation)
        .config("dns_validation", validation);
    let campaign = engine.create(new).await?;
    campaign.start("domain_generation").await?;
    campaign.at_rest().await?;
    Ok(campaign)
}

#[derive(Deserialize)]
struct Generated {
    domain: String,
}

/// Writes the domains as dnsperf reads them.
async fn write_names(campaign: &CampaignHandle, path: &Path) -> anyhow::Result<()> {
    let mut names = BufWriter::new(File::create(path)?);
    let mut records = campaign.records("domain_generation", 0).await?;
    while let Some(record) = records.next().await? {
        let Generated { domain } = serde_json::from_str(record.get())?;
        writeln!(names, "{domain} A")?;
    }
    Ok(names.flush()?)
}

/// How long DNS validation of all domains takes.
async fn validation(engine: &Engine, means: serde_json::Value) -> anyhow::Result<Duration> {
    let campaign = generated(engine, means).await?;
    let begun = Instant::now();
    campaign.start("dns_validation").await?;
    let view = campaign.at_rest().await?;
    let took = begun.elapsed();
    let summary = view.phases[1].summary.as_ref();
    let resolved = summary.and_then(|summary| summary["byStatus"]["resolved"].as_u64());
    ensure!(
        resolved == Some(DOMAINS),
        "not all domains resolved: {:?}",
        view.phases[1]
    );
    Ok(took)
}

/// How long dnsperf takes for the same names, with queries of the same size and room for the answers to all of them.
fn dnsperf(server: SocketAddr, names: &Path) -> anyhow::Result<Duration> {
    let outstanding = OUTSTANDING.to_string();
    let said = finished(
        program("dnsperf", "dnsperf")?
            .args(["-s", &server.ip().to_string(), "-p", &server.port().to_string()])
            .args(["-q", &outstanding, "-n", "1", "-e", "-b", "2048", "-d"])
            .arg(names),
    )?;
    let figure = |what: &str| {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(what));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.with_context(|| format!("dnsperf doesn't say '{what}': {said}"))
    };
    let completed: u64 = figure("Queries completed:")?.parse()?;
    ensure!(completed == DOMAINS, "dnsperf lost answers: {said}");
    Ok(Duration::from_secs_f64(figure("Run time (s):")?.parse()?))
}
