//! DNS over TCP through each proxy: every answer arrives, however many there are.

use serde_json::{Value, json};

use crate::authoritative::says_much;
use crate::harness::campaign::look_up;
use crate::harness::process::Process;
use crate::harness::proxy;
use crate::harness::table::{Row, all_resolve, check, names};
use crate::servers::{danted, dnsmasq, microsocks, named, openssh, squid, tinyproxy};
use crate::zones::many;

const ROWS: &[Row] = &[
    ("four.shops.example", "resolved 192.0.2.4"),
    ("missing.shops.example", "no_such_name (no_such_name)"),
    ("text.shops.example", "no_address (no_data)"),
    ("www.child.shops.example", "not_answered (referral)"),
];

async fn passes(situation: &str, proxy: Value) {
    let server = named::start().await;
    let persona = json!({"resolvers": [server.at.to_string()], "retries": 0});
    check(
        situation,
        ROWS,
        &look_up(&names(ROWS), persona, Some(proxy.clone())).await,
    );
    says_much(situation, &server, Some(proxy)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsocks_passes_queries() {
    let proxy = microsocks::open().await;
    passes("microsocks", proxy::socks5(proxy.at)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ssh_passes_queries() {
    let tunnel = openssh::start().await;
    passes("ssh -D", proxy::socks5(tunnel.client.at)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tinyproxy_passes_queries() {
    let proxy = tinyproxy::open().await;
    passes("tinyproxy", proxy::http(proxy.at)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn danted_passes_queries() {
    let proxy = danted::open().await;
    passes("danted", proxy::socks5(proxy.at)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_squid_passes_queries() {
    let proxy = squid::open().await;
    passes("squid", proxy::http(proxy.at)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bind_behind_microsocks_loses_no_query_at_any_concurrency() {
    let (server, proxy) = (named::start().await, microsocks::open().await);
    for (count, concurrency) in [(800, 50), (2_000, 500), (2_000, 1_000)] {
        let persona = json!({
            "resolvers": [server.at.to_string()], "retries": 0, "concurrency": concurrency,
        });
        let outcome = look_up(&many(count), persona, Some(proxy::socks5(proxy.at))).await;
        all_resolve(&format!("{concurrency} at once"), count, &outcome);
    }
}

/// dnsmasq closes a connection after a hundred queries.
async fn loses_nothing(situation: &str, proxy: Value) {
    let server: Process = dnsmasq::alone().await;
    let persona = json!({"resolvers": [server.at.to_string()]});
    let outcome = look_up(&many(1_500), persona, Some(proxy)).await;
    all_resolve(situation, 1_500, &outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dnsmasq_behind_microsocks_loses_no_query() {
    let proxy = microsocks::open().await;
    loses_nothing("microsocks", proxy::socks5(proxy.at)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dnsmasq_behind_ssh_loses_no_query() {
    let tunnel = openssh::start().await;
    loses_nothing("ssh -D", proxy::socks5(tunnel.client.at)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dnsmasq_behind_tinyproxy_loses_no_query() {
    let proxy = tinyproxy::open().await;
    loses_nothing("tinyproxy", proxy::http(proxy.at)).await;
}
