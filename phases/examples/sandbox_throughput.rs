//! Runs the pipeline against a sandbox in this process, and says how long DNS and HTTP validation took.
//!
//! `cargo run --release -p phasegate-phases --example sandbox_throughput -- 2000`

#![allow(clippy::unwrap_used, reason = "an example to measure with may panic")]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use support::{PHASES, World, plan, records};

#[tokio::main]
async fn main() {
    let domains = std::env::args()
        .nth(1)
        .map_or(2_000, |number| number.parse().unwrap());
    let world = World::new().await;
    let mut plan = plan(domains);
    plan[0]["variable_length"] = serde_json::json!(3);
    let campaign = world.campaign(plan).await;
    let begin = Instant::now();
    campaign.start(PHASES[0]).await.unwrap();
    let mut ends = [Duration::ZERO; PHASES.len()];
    loop {
        let view = campaign.view().await.unwrap();
        for (end, phase) in ends.iter_mut().zip(&view.phases) {
            if end.is_zero() && phase.summary.is_some() {
                *end = begin.elapsed();
            }
        }
        if view.status == phasegate::CampaignStatus::Completed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for place in 1..=2 {
        let took = ends[place] - ends[place - 1];
        println!(
            "{}: {} records in {took:.2?}",
            PHASES[place],
            records(&campaign, PHASES[place]).await.len()
        );
    }
    println!(
        "the sandbox served {} queries and {} requests",
        world.sandbox.dns_queries(),
        world.sandbox.http_requests()
    );
}
