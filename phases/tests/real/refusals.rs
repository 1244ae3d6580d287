//! Proxies that refuse, and servers that are no proxies of the kind that the config says.

use serde_json::Value;

use crate::authoritative::persona;
use crate::harness::campaign::{look_up, visit};
use crate::harness::proxy;
use crate::harness::table::{Row, check, fails, names};
use crate::servers::{danted, haproxy, microsocks, named, privoxy, squid, tinyproxy};
use crate::site::Sites;
use crate::zones::many;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn squid_as_shipped_lets_no_query_pass_and_says_so() {
    let (server, squid) = (named::start().await, squid::as_shipped().await);
    let outcome = look_up(&many(50), persona(&server), Some(proxy::http(squid.at))).await;
    let message = fails("squid as shipped", "proxy_refused", &outcome);
    assert!(message.contains("403"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn danted_that_blocks_everything_lets_nothing_pass() {
    let (server, danted) = (named::start().await, danted::blocking_everything().await);
    let proxy = proxy::socks5(danted.at);
    let outcome = look_up(&many(50), persona(&server), Some(proxy.clone())).await;
    fails("danted, queries", "proxy_refused", &outcome);
    let sites = Sites::start().await;
    let outcome = visit(&["page.test", "other.test"], sites.persona(), Some(proxy)).await;
    fails("danted, pages", "proxy_refused", &outcome);
}

/// Of three sites the proxy refuses one.
async fn refuses_one(situation: &str, proxy: Value, refused: &'static str) {
    let sites = Sites::start().await;
    let rows: &[Row] = &[
        ("page.test", "ok 200"),
        (refused, "proxy_refused"),
        ("cached.test", "ok 200"),
    ];
    let names = names(rows);
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    check(
        situation,
        rows,
        &visit(&names, sites.persona(), Some(proxy)).await,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_site_that_danted_blocks_is_that_site_s() {
    let proxy = danted::blocking("127.0.0.2/32").await;
    refuses_one(
        "danted that blocks an address",
        proxy::socks5(proxy.at),
        "refusing.test",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_site_that_squid_blocks_is_that_site_s() {
    let proxy = squid::blocking("other.test").await;
    refuses_one("squid that blocks a site", proxy::http(proxy.at), "other.test").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_site_that_tinyproxy_blocks_is_that_site_s() {
    let proxy = tinyproxy::blocking("other.test").await;
    refuses_one(
        "tinyproxy that blocks a site",
        proxy::http(proxy.at),
        "other.test",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_site_that_privoxy_blocks_is_that_site_s() {
    let proxy = privoxy::blocking("other.test").await;
    refuses_one("privoxy that blocks a site", proxy::http(proxy.at), "other.test").await;
}

/// Neither queries nor pages find a proxy there.
async fn is_no_such_proxy(situation: &str, proxy: Value) {
    let (server, sites) = (named::start().await, Sites::start().await);
    let outcome = visit(&["page.test", "other.test"], sites.persona(), Some(proxy.clone())).await;
    fails(&format!("{situation}, pages"), "proxy_broken", &outcome);
    let outcome = look_up(&many(20), persona(&server), Some(proxy)).await;
    fails(&format!("{situation}, queries"), "proxy_broken", &outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn squid_speaks_no_socks() {
    let proxy = squid::open().await;
    is_no_such_proxy("socks5 to squid", proxy::socks5(proxy.at)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tinyproxy_speaks_no_socks() {
    let proxy = tinyproxy::open().await;
    is_no_such_proxy("socks5 to tinyproxy", proxy::socks5(proxy.at)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsocks_speaks_no_http() {
    let proxy = microsocks::open().await;
    is_no_such_proxy("http to microsocks", proxy::http(proxy.at)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn danted_speaks_no_http() {
    let proxy = danted::open().await;
    is_no_such_proxy("http to danted", proxy::http(proxy.at)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balancer_without_servers_is_no_proxy() {
    let proxy = haproxy::without_servers().await;
    is_no_such_proxy("http to haproxy", proxy::http(proxy.at)).await;
    is_no_such_proxy("socks5 to haproxy", proxy::socks5(proxy.at)).await;
}
