//! A machine that has fewer sockets than the personas would use: the phase says so, and blames no site.

use std::process::Command;

use phasegate::CampaignStatus;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{PHASES, World, http_persona, plan, proxy, records};

const LIMITED: &str = "PHASEGATE_TEST_OPEN_FILES";
const DOMAINS: u64 = 300;

/// Runs the test of this name once more, in a process that may open few files. Whether this is that process.
fn is_limited(test: &str) -> bool {
    if std::env::var_os(LIMITED).is_some() {
        return true;
    }
    // Its output is kept from that of this process, where its result would be counted once more.
    let limited = Command::new("sh")
        .args(["-c", "ulimit -n 80 && exec \"$0\" --exact --nocapture \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(format!("sockets::{test}"))
        .env(LIMITED, "80")
        .output()
        .unwrap();
    assert!(limited.status.success(), "{test}: {limited:?}");
    false
}

async fn runs_out(world: &World, plan: [Value; 4], phase: usize) {
    let (campaign, view) = world.run(plan).await;
    let failure = view.phases[phase].failure.as_ref();
    let failure = failure.map(|failure| (failure.code.as_str(), failure.message.as_str()));
    let (code, message) = failure.unwrap_or_default();
    assert_eq!(
        (view.status, code),
        (CampaignStatus::Failed, "out_of_sockets"),
        "{message}"
    );
    assert!(message.contains("ower the concurrency"), "{message}");
    for record in records(&campaign, PHASES[phase]).await {
        let status = record["status"].as_str().unwrap();
        assert!(["timed_out", "connection_refused"].contains(&status), "{record}");
    }
}

/// A world whose sites accept connections and say nothing, which are requested many at once.
async fn silent_sites() -> (World, TcpListener) {
    let world = World::new().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let lookup = json!({"resolvers": ["192.0.2.1:53"], "timeoutMs": 100, "retries": 0, "concurrency": 8});
    let mut visit = http_persona();
    visit["scheme"] = json!("http");
    visit["port"] = json!(silent.local_addr().unwrap().port());
    visit["allowPrivateAddresses"] = json!(true);
    visit["timeoutMs"] = json!(1_000);
    visit["retries"] = json!(0);
    visit["concurrency"] = json!(100);
    for id in ["one", "two", "three"] {
        world.put_sandboxed("dns_persona", id, &lookup).await;
        world.put("http_persona", id, visit.clone()).await;
    }
    (world, silent)
}

#[tokio::test]
async fn requests_without_a_socket_fail_the_phase() {
    if !is_limited("requests_without_a_socket_fail_the_phase") {
        return;
    }
    let (world, _silent) = silent_sites().await;
    runs_out(&world, plan(DOMAINS), 2).await;
}

#[tokio::test]
async fn requests_through_a_proxy_without_a_socket_fail_the_phase_and_leave_the_proxy_blameless() {
    if !is_limited("requests_through_a_proxy_without_a_socket_fail_the_phase_and_leave_the_proxy_blameless") {
        return;
    }
    let (world, silent) = silent_sites().await;
    // It says as little as the sites.
    world
        .put(
            "proxy",
            "proxy",
            proxy("http", silent.local_addr().unwrap(), None),
        )
        .await;
    let mut plan = plan(DOMAINS);
    plan[2]["proxyId"] = json!("proxy");
    runs_out(&world, plan, 2).await;
}
