//! Resolvers that are gone, for a while or for good, or that have more to do than they can.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::UdpSocket;

use crate::harness::campaign::{Bench, domains, look_up};
use crate::harness::ports;
use crate::harness::table::{all_resolve, fails};
use crate::servers::{dnsmasq, named};
use crate::zones::many;

/// A resolver that takes every query and answers none.
async fn silent() -> (UdpSocket, SocketAddr) {
    let at = ports::free();
    (UdpSocket::bind(at).await.unwrap(), at)
}

fn persona(resolvers: &[SocketAddr]) -> Value {
    let resolvers: Vec<_> = resolvers.iter().map(SocketAddr::to_string).collect();
    json!({"resolvers": resolvers, "recordTypes": ["A"], "timeoutMs": 300, "retries": 0})
}

/// The phase fails when nobody answers, keeps what it has, and goes on when there is a resolver again.
async fn fails_and_goes_on(situation: &str, dead: &[SocketAddr]) {
    let bench = Bench::of_dns();
    let names = many(100);
    let campaign = bench.start(domains(&names), &[persona(dead)], None).await;
    let outcome = bench.end(&campaign).await;
    fails(situation, "resolver_unreachable", &outcome);
    assert!(
        outcome
            .records
            .iter()
            .all(|record| record["status"] == "resolved"),
        "{situation}: {:?}",
        outcome.records.first()
    );
    let server = named::start().await;
    bench.put("dns_persona", "persona-0", persona(&[server.at])).await;
    bench.start_again(&campaign).await;
    all_resolve(situation, names.len(), &bench.end(&campaign).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_port_fails_the_phase_which_goes_on_later() {
    fails_and_goes_on("a closed port", &[ports::free()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resolver_that_never_answers_fails_the_phase_which_goes_on_later() {
    let (_socket, at) = silent().await;
    fails_and_goes_on("a silent resolver", &[at]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_good_resolver_among_dead_ones_is_enough() {
    let server = named::start().await;
    let (_socket, first_silent) = silent().await;
    let (_other, second_silent) = silent().await;
    let resolvers = [
        first_silent,
        ports::free(),
        second_silent,
        ports::free(),
        server.at,
    ];
    let names = many(100);
    for strategy in ["first", "round_robin"] {
        let mut persona = persona(&resolvers);
        persona["strategy"] = json!(strategy);
        persona["retries"] = json!(2);
        all_resolve(strategy, names.len(), &look_up(&names, persona, None).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_all_resolvers_loses_no_domain() {
    /// How long the server is held. It is what happens to the run, not something that the test waits for.
    const OUTAGE: Duration = Duration::from_secs(2);
    let server = named::start().await;
    let bench = Bench::of_dns();
    let names = many(3_000);
    let mut persona = persona(&[server.at]);
    persona["ratePerSecond"] = json!(500);
    persona["retries"] = json!(2);
    let campaign = bench.start(domains(&names), &[persona], None).await;
    bench.reaches(&campaign, 1_000).await;
    server.suspend();
    tokio::time::sleep(OUTAGE).await;
    server.resume();
    all_resolve(
        "an outage of two seconds",
        names.len(),
        &bench.end(&campaign).await,
    );
}

/// An upstream that answers every query for an address with one, 300 ms later.
async fn slow_upstream() -> SocketAddr {
    const DELAY: Duration = Duration::from_millis(300);
    let at = ports::free();
    let socket = Arc::new(UdpSocket::bind(at).await.unwrap());
    tokio::spawn(async move {
        let mut query = [0; 1_500];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            let (socket, answer) = (Arc::clone(&socket), answer(&query[..length]));
            tokio::spawn(async move {
                // The name that tells that the server runs is answered at once.
                if !answer.windows(4).any(|part| part == b"four") {
                    tokio::time::sleep(DELAY).await;
                }
                socket.send_to(&answer, from).await.unwrap();
            });
        }
    });
    at
}

/// An answer with one address to a query, of which the question is kept.
fn answer(query: &[u8]) -> Vec<u8> {
    let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
    let mut answer = query[..end].to_vec();
    // It is an answer, recursion was asked for and is there; one question, one record, nothing else.
    answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resolver_with_more_to_do_than_it_can_gets_less_and_answers_all() {
    let upstream = slow_upstream().await;
    // 150 queries at once are what it forwards; it refuses the others.
    let server = dnsmasq::forwarding(upstream, &["--dns-forward-max=150"]).await;
    let names = many(1_000);
    let persona = json!({
        "resolvers": [server.at.to_string()], "recordTypes": ["A"], "concurrency": 400,
    });
    let outcome = look_up(&names, persona, None).await;
    all_resolve("dnsmasq with a slow upstream", names.len(), &outcome);
}
