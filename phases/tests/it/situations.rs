//! Resolvers that don't answer for the domain itself: what the records then say of it.

use phasegate::CampaignStatus;
use phasegate_sandbox::zone;
use serde_json::json;

use crate::support::{PHASES, World, failure, plan, records, summary};

/// Looks up domains in a situation of the sandbox. Gives the status and the reason that all of them have, and the warning.
async fn look_up(situation: &str, domains: u64) -> (String, Option<String>, Option<String>) {
    let world = World::new().await;
    let mut plan = plan(domains);
    plan[0]["tld"] = json!(format!("{situation}.situation.test"));
    let (campaign, view) = world.run(plan).await;
    assert_eq!(view.status, CampaignStatus::Completed, "{}", failure(&view));
    let records = records(&campaign, PHASES[1]).await;
    assert_eq!(records.len() as u64, domains);
    let known = |record: &serde_json::Value| {
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        (text(&record["status"]).unwrap(), text(&record["detail"]["code"]))
    };
    let (status, detail) = known(&records[0]);
    for record in &records {
        assert_eq!(known(record), (status.clone(), detail.clone()), "{record}");
    }
    let warning = summary(&view, PHASES[1])["warning"].as_str().map(str::to_owned);
    (status, detail, warning)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_resolver_makes_up_is_no_claim_about_the_domains_and_warned_of() {
    for (situation, status, detail) in [
        ("forged", "blocked", "forged_answer"),
        ("censored", "blocked", "censored"),
        ("filtered", "blocked", "filtered"),
        ("prohibited", "refused", "prohibited"),
        ("sink", "no_address", "sink_address"),
        ("referral", "not_answered", "referral"),
    ] {
        let (found, reason, warning) = look_up(situation, 10).await;
        assert_eq!(
            (found.as_str(), reason.as_deref()),
            (status, Some(detail)),
            "{situation}"
        );
        let warning = warning.expect("all ended alike");
        assert!(warning.starts_with("All 10 domains ended alike"), "{warning}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resolver_that_takes_few_queries_a_second_resolves_all_only_slower() {
    let domains = u64::from(3 * zone::THROTTLED_PER_SECOND);
    let (status, detail, warning) = look_up("throttled", domains).await;
    assert_eq!((status.as_str(), detail, warning), ("resolved", None, None));
}
