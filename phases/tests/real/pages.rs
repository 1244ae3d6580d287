//! Pages through each proxy: the same ones as without, and no page of the proxy's own for a site's.

use serde_json::{Value, json};

use crate::authoritative::persona;
use crate::harness::campaign::{Bench, Outcome, look_up, resolved, visit};
use crate::harness::proxy;
use crate::harness::table::{Row, all_resolve, check, fails, names, said};
use crate::servers::{danted, microsocks, named, openssh, privoxy, squid, tinyproxy};
use crate::site::Sites;
use crate::zones::many;

const LIVE: &[Row] = &[("page.test", "ok 200"), ("other.test", "ok 200")];

async fn check_pages(situation: &str, sites: &Sites, proxy: Option<Value>, rows: &[Row]) {
    let names = names(rows);
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let outcome = visit(&names, sites.persona(), proxy).await;
    check(situation, rows, &outcome);
}

/// A record without what differs from run to run.
fn lasting(outcome: Outcome) -> Vec<Value> {
    let mut records = outcome.records;
    for record in &mut records {
        record.as_object_mut().unwrap().remove("measured");
    }
    records
}

/// The page of a site is the same as without the proxy, and a site that isn't there has none.
async fn passes_on(situation: &str, proxy: Value, refused: &'static str, unknown: &'static str) {
    let sites = Sites::start().await;
    let direct = visit(&["page.test", "other.test"], sites.persona(), None).await;
    check("without a proxy", LIVE, &direct);
    let through = visit(&["page.test", "other.test"], sites.persona(), Some(proxy.clone())).await;
    check(situation, LIVE, &through);
    assert_eq!(lasting(through), lasting(direct), "{situation}");
    let rows: &[Row] = &[
        ("page.test", "ok 200"),
        ("refusing.test", refused),
        ("unknown.test", unknown),
        ("other.test", "ok 200"),
    ];
    check_pages(situation, &sites, Some(proxy), rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn squid_passes_pages_on() {
    let proxy = squid::as_shipped().await;
    // It names the error of the connection, and of the look-up, in X-Squid-Error.
    passes_on(
        "squid",
        proxy::http(proxy.at),
        "connection_refused",
        "connection_failed",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tinyproxy_passes_pages_on() {
    let proxy = tinyproxy::open().await;
    // Its page has the status 500 whatever the reason is.
    passes_on(
        "tinyproxy",
        proxy::http(proxy.at),
        "connection_failed",
        "connection_failed",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn privoxy_passes_pages_on() {
    let proxy = privoxy::open().await;
    // Its pages have the status 503 and 404.
    passes_on(
        "privoxy",
        proxy::http(proxy.at),
        "connection_failed",
        "connection_failed",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn danted_passes_pages_on() {
    let proxy = danted::open().await;
    passes_on(
        "danted",
        proxy::socks5(proxy.at),
        "connection_refused",
        "connection_failed",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsocks_passes_pages_on() {
    let proxy = microsocks::open().await;
    passes_on(
        "microsocks",
        proxy::socks5(proxy.at),
        "connection_refused",
        "connection_failed",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ssh_passes_pages_on() {
    let tunnel = openssh::start().await;
    let proxy = proxy::socks5(tunnel.client.at);
    // It says that it has connected before it has, and then closes the connection.
    passes_on("ssh -D", proxy, "connection_failed", "connection_failed").await;
}

/// A demand of the site's own isn't the proxy's.
async fn passes_a_demand_on(situation: &str, proxy: Value) {
    let sites = Sites::start().await;
    let rows: &[Row] = &[
        ("page.test", "ok 200"),
        ("asks.test", "http_error 407"),
        ("other.test", "ok 200"),
    ];
    check_pages(situation, &sites, Some(proxy), rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_asks_for_a_proxy_s_password_is_told_from_the_proxy() {
    let proxy = microsocks::open().await;
    passes_a_demand_on("microsocks", proxy::socks5(proxy.at)).await;
    let proxy = tinyproxy::open().await;
    passes_a_demand_on("tinyproxy", proxy::http(proxy.at)).await;
    let proxy = privoxy::open().await;
    passes_a_demand_on("privoxy", proxy::http(proxy.at)).await;
}

/// It opens no tunnel to the site, so that this can't be asked for instead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_asks_for_a_proxy_s_password_is_told_from_squid() {
    let proxy = squid::as_shipped().await;
    passes_a_demand_on("squid", proxy::http(proxy.at)).await;
}

/// The right password lets pages and queries pass, a wrong one and none fail the phase.
async fn asks_for_a_password(situation: &str, proxy: Value) {
    let (sites, server) = (Sites::start().await, named::start().await);
    let (user, password) = squid::USER;
    let right = proxy::with_password(proxy.clone(), user, password);
    check_pages(situation, &sites, Some(right.clone()), LIVE).await;
    let resolver = persona(&server);
    let outcome = look_up(&many(10), resolver.clone(), Some(right)).await;
    all_resolve(situation, 10, &outcome);
    for other in [proxy.clone(), proxy::with_password(proxy, user, "wrong")] {
        let outcome = look_up(&many(10), resolver.clone(), Some(other.clone())).await;
        fails(&format!("{situation}, queries"), "proxy_unauthorized", &outcome);
        let outcome = visit(&["page.test"], sites.persona(), Some(other)).await;
        fails(&format!("{situation}, pages"), "proxy_unauthorized", &outcome);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn squid_is_given_the_password_which_must_be_right() {
    let proxy = squid::with_password().await;
    asks_for_a_password("squid", proxy::http(proxy.at)).await;
}

/// It answers 401 to a wrong password, and 407 to none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tinyproxy_is_given_the_password_which_must_be_right() {
    let proxy = tinyproxy::with_password().await;
    asks_for_a_password("tinyproxy", proxy::http(proxy.at)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsocks_is_given_the_password_which_must_be_right() {
    let proxy = microsocks::with_password().await;
    asks_for_a_password("microsocks", proxy::socks5(proxy.at)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_nobody_asks_for_changes_nothing() {
    let sites = Sites::start().await;
    let proxy = microsocks::open().await;
    let unasked = proxy::with_password(proxy::socks5(proxy.at), "user", "unasked");
    check_pages("microsocks", &sites, Some(unasked), LIVE).await;
    let tunnel = openssh::start().await;
    let unasked = proxy::with_password(proxy::socks5(tunnel.client.at), "user", "unasked");
    check_pages("ssh -D", &sites, Some(unasked), LIVE).await;
    let proxy = squid::as_shipped().await;
    let unasked = proxy::with_password(proxy::http(proxy.at), "user", "unasked");
    check_pages("squid", &sites, Some(unasked), LIVE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_squid_has_stored_is_not_the_site_s() {
    let sites = Sites::start().await;
    let squid = squid::caching().await;
    let proxy = proxy::http(squid.at);
    let names = ["cached.test", "cached.test"];
    let personas = ["one/1.0", "two/2.0"].map(|user_agent| {
        let mut persona = sites.persona();
        persona["userAgent"] = json!(user_agent);
        persona["concurrency"] = json!(1);
        persona
    });
    let bench = Bench::of_http();
    let campaign = bench
        .start(resolved(&names), &personas, Some(proxy.clone()))
        .await;
    let outcome = bench.end(&campaign).await;
    check(
        "squid with a cache",
        &[("cached.test", "ok 200"), ("cached.test", "ok 200")],
        &outcome,
    );
    for (record, user_agent) in outcome.records.iter().zip(["one/1.0", "two/2.0"]) {
        assert_eq!(record["text"], format!("a page for {user_agent}"), "{record}");
    }
    let persona = sites.persona();
    drop(sites);
    let outcome = visit(&["cached.test"], persona, Some(proxy)).await;
    assert_eq!(outcome.failure, None);
    assert_eq!(
        said(&outcome.records[0]),
        "connection_refused",
        "{:?}",
        outcome.records
    );
}
