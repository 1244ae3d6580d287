//! The limits of a persona hold for all that uses it.

use std::time::{Duration, Instant};

use futures::future::join_all;
use phasegate::CampaignStatus;
use phasegate_sandbox::zone;
use serde_json::json;

use crate::support::{PHASES, World, dns_persona, failure, http_persona, plan, records};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_go_out_no_faster_than_the_persona_says() {
    let world = World::new().await;
    let mut persona = dns_persona();
    persona["ratePerSecond"] = json!(100);
    persona["recordTypes"] = json!(["A"]);
    persona["retries"] = json!(0);
    persona["timeoutMs"] = json!(100);
    world.put_sandboxed("dns_persona", "one", &persona).await;
    let mut plan = plan(60);
    plan[1]["personaIds"] = json!(["one"]);
    let start = Instant::now();
    let (campaign, _) = world.run(plan).await;
    // Five of the sixty are the burst.
    assert!(
        start.elapsed() >= Duration::from_millis(540),
        "{:?}",
        start.elapsed()
    );
    let found = records(&campaign, PHASES[1]).await;
    for record in &found {
        let queries = record["measured"]["queries"].as_u64().unwrap();
        // A name without an answer is asked for once more where nothing else was answered meanwhile.
        let most = if record["status"] == "timed_out" { 4 } else { 1 };
        assert!((1..=most).contains(&queries), "{record}");
    }
    assert!(
        found
            .iter()
            .any(|record| record["addresses"] == json!([zone::SITE_ADDRESS.to_string()]))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_campaigns_at_once_share_the_rates_of_their_personas() {
    let world = World::new().await;
    let mut lookup = dns_persona();
    lookup["ratePerSecond"] = json!(50);
    lookup["recordTypes"] = json!(["A"]);
    let mut visit = http_persona();
    visit["ratePerSecond"] = json!(20);
    for id in ["one", "two", "three"] {
        world.put_sandboxed("dns_persona", id, &lookup).await;
        world.put_sandboxed("http_persona", id, &visit).await;
    }
    let run = async || {
        let mut plan = plan(40);
        plan[1]["personaIds"] = json!(["one"]);
        plan[2]["personaIds"] = json!(["one"]);
        let start = Instant::now();
        let (campaign, view) = world.run(plan).await;
        assert_eq!(view.status, CampaignStatus::Completed, "{}", failure(&view));
        (campaign, start.elapsed())
    };
    let runs = join_all([run(), run(), run()]).await;
    let longest = runs.iter().map(|(_, elapsed)| *elapsed).max().unwrap();
    let sent = async |phase: &str, member: &str| {
        let mut sent = 0;
        for (campaign, _) in &runs {
            for record in records(campaign, phase).await {
                sent += record["measured"][member].as_u64().unwrap();
            }
        }
        sent
    };
    let queries = sent(PHASES[1], "queries").await;
    let requests = sent(PHASES[2], "requests").await;
    assert!(
        queries >= 120 && requests >= 45,
        "{queries} queries, {requests} requests"
    );
    // A twentieth of a second's worth is the burst, and one goes out at once.
    for (sent, rate) in [(queries, 50), (requests, 20)] {
        let least = Duration::from_secs_f64((sent - 1) as f64 / f64::from(rate) - 0.05);
        assert!(longest >= least, "{sent} within {longest:?} at {rate} a second");
    }
}
