//! One large run.

use std::time::Instant;

use phasegate::{Engine, NewCampaign};
use phasegate_storage_redb::RedbStorage;
use serde_json::json;

use crate::memory;
use crate::table::{mib, rate, row};

const DOMAINS: u64 = 1_000_000;

pub fn bench() -> anyhow::Result<()> {
    crate::runtime::runtime()?.block_on(async {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("store.redb");
        let storage = RedbStorage::open(&path).await?;
        let engine = Engine::builder()
            .storage(storage)
            .pipeline(phasegate_phases::pipeline()?)
            .build()?;
        let config = json!({
            "pattern_type": "prefix", "variable_length": 5, "character_set": "abcdefghijklmnopqrstuvwxyz",
            "constant_string": "-shop", "tld": "example", "num_domains": DOMAINS, "batch_size": 1_000,
        });
        let campaign = engine
            .create(NewCampaign::new("large").config("domain_generation", config))
            .await?;
        let begun = Instant::now();
        campaign.start("domain_generation").await?;
        let view = campaign.at_rest().await?;
        anyhow::ensure!(
            view.phases[0].summary.is_some(),
            "the phase did not complete: {view:?}"
        );
        row(
            "generating them, in batches of 1,000",
            &[(rate(DOMAINS, begun.elapsed()), "/s")],
        );
        let begun = Instant::now();
        let mut records = campaign.records("domain_generation", 0).await?;
        let mut count = 0;
        while records.next().await?.is_some() {
            count += 1;
        }
        anyhow::ensure!(count == DOMAINS, "{count} records");
        row(
            "reading them back, page by page",
            &[(rate(DOMAINS, begun.elapsed()), "/s")],
        );
        engine.shutdown().await?;
        row("the file", &[(mib(std::fs::metadata(&path)?.len()), "MiB")]);
        if let Some(peak) = memory::peak()? {
            row(
                "memory at the peak, of this process so far",
                &[(mib(peak), "MiB")],
            );
        }
        Ok(())
    })
}
