//! Authoritative servers: what their answers mean.

use serde_json::{Value, json};

use crate::harness::campaign::look_up;
use crate::harness::process::Process;
use crate::harness::table::{Row, check, names};
use crate::servers::{knot, named, nsd, powerdns};
use crate::zones;

/// A persona that asks one server once.
pub fn persona(server: &Process) -> Value {
    json!({"resolvers": [server.at.to_string()], "retries": 0})
}

async fn says(situation: &str, server: &Process, rows: &[Row]) {
    let outcome = look_up(&names(rows), persona(server), None).await;
    check(situation, rows, &outcome);
}

/// What the servers say that answer SERVFAIL where a chain of aliases is longer than they follow (BIND 9.18 eleven, PowerDNS ten),
/// or forms a circle. BIND's answer has the chain's beginning, and an extended error 0; it is a failure of the server none the less.
fn giving_up_on_aliases() -> Vec<Row> {
    let rows = zones::AUTHORITATIVE.iter();
    rows.map(|(name, said)| match *name {
        "loop-a.shops.example" | "chain-1.shops.example" => (*name, "server_failure (server_failure)"),
        _ => (*name, *said),
    })
    .collect()
}

/// An answer that doesn't fit into a datagram comes over TCP. A record keeps the first 32 addresses.
pub async fn says_much(situation: &str, server: &Process, proxy: Option<Value>) {
    let outcome = look_up(&["big.shops.example".to_owned()], persona(server), proxy).await;
    assert_eq!(outcome.failure, None, "{situation}");
    let record = &outcome.records[0];
    let expected: Vec<_> = (1..=32).map(|number| format!("198.51.100.{number}")).collect();
    assert_eq!(record["status"], "resolved", "{situation}: {record}");
    assert_eq!(record["addresses"], json!(expected), "{situation}: {record}");
    assert_eq!(record["detail"], json!(null), "{situation}: {record}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bind_is_understood() {
    let server = named::start().await;
    says("bind", &server, &giving_up_on_aliases()).await;
    says_much("bind", &server, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn knot_is_understood() {
    let server = knot::start().await;
    says("knot", &server, zones::AUTHORITATIVE).await;
    says_much("knot", &server, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nsd_is_understood() {
    let server = nsd::start().await;
    says("nsd", &server, zones::AUTHORITATIVE).await;
    says_much("nsd", &server, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn powerdns_is_understood() {
    let server = powerdns::authoritative().await;
    says("PowerDNS", &server, &giving_up_on_aliases()).await;
    says_much("PowerDNS", &server, None).await;
}
