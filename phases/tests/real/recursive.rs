//! Resolvers: what they find, what they block, and what they don't get.

use crate::authoritative::{persona, says_much};
use crate::harness::campaign::look_up;
use crate::harness::ports;
use crate::harness::process::Process;
use crate::harness::table::{Row, check, names};
use crate::servers::{dnsmasq, knot_resolver, nsd, powerdns, unbound};
use crate::zones;

/// What any resolver says of the names of the zone.
const FOUND: &[Row] = &[
    ("four.shops.example", "resolved 192.0.2.4"),
    ("six.shops.example", "resolved 2001:db8::6"),
    ("both.shops.example", "resolved 192.0.2.10 2001:db8::10"),
    ("many.many.shops.example", "resolved 192.0.2.7"),
    ("missing.shops.example", "no_such_name (no_such_name)"),
    ("text.shops.example", "no_address (no_data)"),
    ("alias.shops.example", "resolved 192.0.2.4"),
    ("dangling.shops.example", "no_address (alias_to_no_such_name)"),
    ("null.shops.example", "no_address (sink_address)"),
];

async fn says(situation: &str, server: &Process, rows: &[Row]) {
    let outcome = look_up(&names(rows), persona(server), None).await;
    check(situation, rows, &outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unbound_is_understood() {
    let zone = nsd::start().await;
    let lines = "  local-zone: \"sink.example\" always_null\n  \
           local-zone: \"gone.example\" always_nxdomain\n  \
           local-zone: \"empty.example\" always_nodata\n  \
           local-zone: \"refused.example\" always_refuse\n";
    let section = format!(
        "stub-zone:\n  name: lame.example\n  stub-addr: 127.0.0.1@{}\n",
        zone.at.port()
    );
    let server = unbound::start(zone.at, lines, &section).await;
    says("unbound", &server, FOUND).await;
    says_much("unbound", &server, None).await;
    let policies: &[Row] = &[
        ("shop.sink.example", "no_address (sink_address)"),
        ("shop.gone.example", "no_such_name (no_such_name)"),
        ("shop.empty.example", "no_address (no_data)"),
        ("shop.refused.example", "refused (refused)"),
        ("shop.lame.example", "server_failure (server_failure)"),
    ];
    says("unbound's policies", &server, policies).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unbound_tells_a_broken_signature_from_a_right_one() {
    let signed = zones::signed();
    let zone = nsd::start().await;
    let signed_zone = nsd::serving("signed.example", &signed.zone)
        .answers("good.signed.example")
        .await;
    let lines = format!("  trust-anchor: \"{}\"\n", signed.anchor.replace('\t', " "));
    let section = format!(
        "stub-zone:\n  name: signed.example\n  stub-addr: 127.0.0.1@{}\n",
        signed_zone.at.port()
    );
    let server = unbound::start(zone.at, &lines, &section).await;
    let rows: &[Row] = &[
        ("good.signed.example", "resolved 192.0.2.30"),
        ("missing.signed.example", "no_such_name (no_such_name)"),
        ("broken.signed.example", "server_failure (dnssec_bogus)"),
    ];
    says("unbound with a trust anchor", &server, rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn knot_resolver_is_understood() {
    let zone = nsd::start().await;
    let server = knot_resolver::start(zone.at).await;
    says("knot-resolver", &server, FOUND).await;
    says_much("knot-resolver", &server, None).await;
    let rows: &[Row] = &[
        ("chain-1.shops.example", "resolved 192.0.2.21"),
        // An NXDOMAIN with the extended error 15 is the operator's word, not the domain's.
        ("shop.denied.example", "blocked (blocked)"),
    ];
    says("knot-resolver's policies", &server, rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dnsmasq_is_understood() {
    let zone = nsd::start().await;
    let server = dnsmasq::forwarding(zone.at, &[]).await;
    says("dnsmasq", &server, FOUND).await;
    says_much("dnsmasq", &server, None).await;
    let server = dnsmasq::forwarding(zone.at, &["--stop-dns-rebind"]).await;
    let rows: &[Row] = &[
        // An empty NOERROR with the extended error 15 is the operator's word, not the domain's.
        ("private.shops.example", "blocked (blocked)"),
        ("public.shops.example", "resolved 192.88.99.1"),
        ("missing.shops.example", "no_such_name (no_such_name)"),
        ("elsewhere.example", "refused (refused)"),
    ];
    says("dnsmasq against rebinding", &server, rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_powerdns_recursor_is_understood() {
    let (zone, dead) = (nsd::start().await, ports::free());
    let server = powerdns::recursor(zone.at, dead).await;
    says("PowerDNS recursor", &server, FOUND).await;
    says_much("PowerDNS recursor", &server, None).await;
    // Version 4.8 has no extended error for it (RFC 8914 asks nobody to send one).
    let rows: &[Row] = &[("shop.dead.example", "server_failure (server_failure)")];
    says("PowerDNS recursor without its upstream", &server, rows).await;
}
