//! DNS and HTTP validation against the sandbox: proxies, forbidden addresses, cancellation and rates.

use std::time::{Duration, Instant};

use phasegate::core::storage::Expected;
use phasegate::core::{PhaseDefinition, PhaseName};
use phasegate::{
    CampaignStatus, Engine, Mode, NewCampaign, Phase, PhaseContext, Pipeline, RunError, RunOutcome,
};
use phasegate_phases::dns_validation::DnsValidation;
use phasegate_sandbox::{HttpProxy, Socks5Proxy, site};
use phasegate_testkit::MemoryStorage;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{
    PHASES, World, all_records, dns_persona, failure, http_persona, nowhere, plan, proxy, records, summary,
};

/// The plan with a proxy for these phases.
fn proxied(domains: u64, phases: &[usize]) -> [Value; 4] {
    let mut plan = plan(domains);
    for phase in phases {
        plan[*phase]["proxyId"] = json!("proxy");
    }
    plan
}

/// Records as they are through a proxy: without the reasons, for which it has its own words. Whether a site has closed its
/// connection or the proxy never had one is not seen through it.
fn through_a_proxy(records: &[Value]) -> Vec<Value> {
    let mut records = records.to_vec();
    for record in &mut records {
        record["detail"].take();
        if record["status"] == "invalid_response" && record["httpStatus"].is_null() {
            record["status"] = json!("connection_failed");
        }
    }
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_through_a_socks_proxy_with_a_password_and_finds_the_same() {
    let world = World::new().await;
    let (direct, _) = world.run(plan(100)).await;
    let (queries, server) = (
        world.sandbox.dns_queries(),
        Socks5Proxy::start_with_password("user", "secret").await.unwrap(),
    );
    world
        .put("proxy", "proxy", proxy("socks5", server.addr(), Some("secret")))
        .await;
    let (campaign, view) = world.run(proxied(100, &[1, 2])).await;
    assert_eq!(view.status, CampaignStatus::Completed, "{}", failure(&view));
    assert!(world.sandbox.dns_queries() >= queries + 100);
    let (found, expected) = (all_records(&campaign).await, all_records(&direct).await);
    assert_eq!(found[1], expected[1]);
    assert_eq!(through_a_proxy(&found[2]), through_a_proxy(&expected[2]));
    let requests: u64 = records(&campaign, PHASES[2])
        .await
        .iter()
        .filter(|record| record["status"] != "connection_refused")
        .map(|r| r["measured"]["requests"].as_u64().unwrap())
        .sum();
    assert!(
        server.served() > requests,
        "{} connections for {requests} requests and the queries",
        server.served()
    );
    assert!(
        records(&campaign, PHASES[2])
            .await
            .iter()
            .all(|record| record["measured"]["address"].is_null())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_through_an_http_proxy_and_finds_the_same() {
    let world = World::new().await;
    let (direct, _) = world.run(plan(100)).await;
    let server = HttpProxy::start_with_password("user", "secret").await.unwrap();
    world
        .put("proxy", "proxy", proxy("http", server.addr(), Some("secret")))
        .await;
    let (campaign, view) = world.run(proxied(100, &[1, 2])).await;
    assert_eq!(view.status, CampaignStatus::Completed, "{}", failure(&view));
    let (found, expected) = (all_records(&campaign).await, all_records(&direct).await);
    assert_eq!(found[1], expected[1]);
    assert_eq!(through_a_proxy(&found[2]), through_a_proxy(&expected[2]));
    assert!(server.served() >= 60, "{}", server.served());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_down_fails_the_phase_and_nothing_goes_out_directly() {
    for protocol in ["http", "socks5"] {
        let world = World::new().await;
        world
            .put("proxy", "proxy", proxy(protocol, nowhere().await, None))
            .await;
        let (_, view) = world.run(proxied(20, &[1])).await;
        assert_eq!(
            (view.status, failure(&view)),
            (CampaignStatus::Failed, "proxy_unreachable"),
            "{protocol}"
        );
        assert_eq!(view.current_phase.unwrap().as_str(), PHASES[1]);
        assert_eq!(world.sandbox.dns_queries(), 0);

        let (_, view) = world.run(proxied(20, &[2])).await;
        assert_eq!(
            (view.status, failure(&view)),
            (CampaignStatus::Failed, "proxy_unreachable"),
            "{protocol}"
        );
        assert_eq!(view.current_phase.unwrap().as_str(), PHASES[2]);
        assert_eq!(world.sandbox.http_requests(), 0);
    }
}

/// A resolver that refuses every name.
async fn refusing_resolver() -> std::net::SocketAddr {
    let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = udp.local_addr().unwrap();
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, from)) = udp.recv_from(&mut query).await {
            query[2..4].copy_from_slice(&[0x81, 0x85]);
            udp.send_to(&query[..length], from).await.unwrap();
        }
    });
    at
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_and_resolvers_that_no_item_needs_may_be_down() {
    let world = World::new().await;
    let refusing = refusing_resolver().await;
    world
        .put("proxy", "proxy", proxy("http", nowhere().await, None))
        .await;
    for id in ["one", "two", "three"] {
        let refusing = json!({"resolvers": [refusing.to_string()]});
        world.put("dns_persona", id, refusing).await;
        let mut persona = http_persona();
        persona["resolvers"] = json!(["no..name:53"]);
        world.put("http_persona", id, persona).await;
    }
    for plan in [plan(20), proxied(20, &[2])] {
        let (_, view) = world.run(plan).await;
        assert_eq!(view.status, CampaignStatus::Completed, "{}", failure(&view));
        let requested = summary(&view, PHASES[2]);
        assert_eq!(
            (&requested["domains"], &requested["skipped"]),
            (&json!(0), &json!(20))
        );
    }
}

/// A phase that gives no record.
struct Nothing;

#[async_trait::async_trait]
impl Phase for Nothing {
    type Config = Value;
    type Input = Value;
    type Record = Value;
    type Checkpoint = Value;
    type Summary = Value;

    fn definition(&self) -> PhaseDefinition {
        PhaseDefinition::new(PhaseName::new("nothing").unwrap(), json!(true))
    }

    async fn run(&self, _: PhaseContext<Self>) -> Result<RunOutcome<Value>, RunError> {
        Ok(RunOutcome::Completed(json!({})))
    }
}

#[tokio::test]
async fn nothing_to_look_up_needs_neither_proxy_nor_resolvers() {
    let pipeline = Pipeline::builder("empty")
        .phase(Nothing)
        .phase(DnsValidation::default())
        .resource_kind("dns_persona", "DNS persona", json!(true))
        .resource_kind("proxy", "Proxy", json!(true))
        .build()
        .unwrap();
    let engine = Engine::builder()
        .storage(MemoryStorage::new())
        .pipeline(pipeline)
        .build()
        .unwrap();
    let mut persona = dns_persona();
    persona["resolvers"] = json!(["no..name:53"]);
    let down = proxy("socks5", nowhere().await, None);
    for (kind, document) in [("dns_persona", persona), ("proxy", down)] {
        engine
            .put_resource(kind, "one", document, Expected::Any)
            .await
            .unwrap();
    }
    for config in [
        json!({"personaIds": ["one"]}),
        json!({"personaIds": ["one"], "proxyId": "one"}),
    ] {
        let new = NewCampaign::new("empty")
            .mode(Mode::FullSequence)
            .config("nothing", json!({}))
            .config("dns_validation", config);
        let campaign = engine.create(new).await.unwrap();
        campaign.start("nothing").await.unwrap();
        let view = campaign.at_rest().await.unwrap();
        assert_eq!(view.status, CampaignStatus::Completed, "{}", failure(&view));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resolvers_without_an_address_fail_the_phase_whose_items_need_them() {
    let world = World::new().await;
    for (kind, phase) in [("http_persona", PHASES[2]), ("dns_persona", PHASES[1])] {
        let mut persona = match kind {
            "dns_persona" => dns_persona(),
            _ => http_persona(),
        };
        persona["resolvers"] = json!(["no..name:53"]);
        for id in ["one", "two", "three"] {
            world.put(kind, id, persona.clone()).await;
        }
        let (campaign, view) = world.run(plan(20)).await;
        assert_eq!(
            (view.status, failure(&view)),
            (CampaignStatus::Failed, "resolver_unresolved")
        );
        assert_eq!(view.current_phase.unwrap().as_str(), phase);
        assert!(records(&campaign, phase).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_refuses_the_password_fails_the_phase() {
    let world = World::new().await;
    let (http, socks) = (
        HttpProxy::start_with_password("user", "right").await.unwrap(),
        Socks5Proxy::start_with_password("user", "right").await.unwrap(),
    );
    for (protocol, at) in [("http", http.addr()), ("socks5", socks.addr())] {
        for password in [Some("wrong"), None] {
            world.put("proxy", "proxy", proxy(protocol, at, password)).await;
            for phase in [1, 2] {
                let (_, view) = world.run(proxied(20, &[phase])).await;
                assert_eq!(
                    failure(&view),
                    "proxy_unauthorized",
                    "{protocol} {password:?} {phase}"
                );
            }
        }
    }
    assert_eq!(
        (http.served(), socks.served(), world.sandbox.http_requests()),
        (0, 0, 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_is_given_user_name_and_password_as_they_are_written() {
    let world = World::new().await;
    let (user, password) = (
        "us%65r !\"#$%&'()*+,-./;<=>?@[\\]^_`{|}~%",
        "pa%41ss !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~%25",
    );
    let (http, socks) = (
        HttpProxy::start_with_password(user, password).await.unwrap(),
        Socks5Proxy::start_with_password(user, password).await.unwrap(),
    );
    for (protocol, at) in [("http", http.addr()), ("socks5", socks.addr())] {
        let mut document = proxy(protocol, at, Some(password));
        document["username"] = json!(user);
        world.put("proxy", "proxy", document).await;
        let (_, view) = world.run(proxied(20, &[1, 2])).await;
        assert_eq!(
            (view.status, failure(&view)),
            (CampaignStatus::Completed, ""),
            "{protocol}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_asks_for_a_proxy_password_fails_nothing_but_its_own_record() {
    let world = World::new().await;
    let site = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut persona = http_persona();
    persona["scheme"] = json!("http");
    persona["port"] = json!(site.local_addr().unwrap().port());
    persona["allowPrivateAddresses"] = json!(true);
    for id in ["one", "two", "three"] {
        world.put("http_persona", id, persona.clone()).await;
    }
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = site.accept().await {
            tokio::spawn(async move {
                if stream.read(&mut [0; 4_096]).await.is_ok_and(|length| length > 0) {
                    let answer = b"HTTP/1.1 407 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                    stream.write_all(answer).await.unwrap();
                }
            });
        }
    });
    let server = HttpProxy::start_with_password("user", "secret").await.unwrap();
    world
        .put("proxy", "proxy", proxy("http", server.addr(), Some("secret")))
        .await;
    let (campaign, view) = world.run(proxied(20, &[2])).await;
    assert_eq!(view.status, CampaignStatus::Completed, "{}", failure(&view));
    let requested = records(&campaign, PHASES[2]).await;
    let refused = requested.iter().filter(|record| record["httpStatus"] == 407);
    assert!(refused.clone().all(|record| record["status"] == "http_error"));
    assert!(refused.count() >= 5, "{requested:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_on_from_its_checkpoint_when_its_proxy_was_mended() {
    let world = World::new().await;
    let (direct, _) = world.run(plan(60)).await;
    let server = Socks5Proxy::start().await.unwrap();
    world
        .put("proxy", "proxy", proxy("socks5", server.addr(), None))
        .await;
    let slow = json!({"resolvers": ["192.0.2.1:53"], "concurrency": 1, "ratePerSecond": 100});
    world.put_sandboxed("dns_persona", "one", &slow).await;
    let campaign = world.campaign(proxied(60, &[1])).await;
    campaign.start(PHASES[0]).await.unwrap();
    world.reaches(&campaign, PHASES[1], 5).await;
    server.shutdown().await;
    let view = campaign.at_rest().await.unwrap();
    assert_eq!(
        (view.status, failure(&view)),
        (CampaignStatus::Failed, "proxy_unreachable")
    );
    let before = records(&campaign, PHASES[1]).await;
    assert!((5..60).contains(&before.len()), "{}", before.len());

    let server = Socks5Proxy::start().await.unwrap();
    world
        .put("proxy", "proxy", proxy("socks5", server.addr(), None))
        .await;
    campaign.start(PHASES[1]).await.unwrap();
    let view = campaign.at_rest().await.unwrap();
    assert_eq!(view.status, CampaignStatus::Completed, "{}", failure(&view));
    assert_eq!(view.phases[1].run.unwrap().0, 1);
    assert_eq!(records(&campaign, PHASES[1]).await[..before.len()], before);
    assert!(all_records(&campaign).await == all_records(&direct).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loopback_addresses_are_refused_unless_the_persona_allows_them() {
    let world = World::new().await;
    for allowed in [json!(null), json!(false)] {
        let mut persona = http_persona();
        persona["scheme"] = json!("http");
        persona["port"] = json!(world.sandbox.http_addr().port());
        if allowed.is_boolean() {
            persona["allowPrivateAddresses"] = allowed;
        }
        for id in ["one", "two", "three"] {
            world.put("http_persona", id, persona.clone()).await;
        }
        let (campaign, view) = world.run(plan(40)).await;
        assert_eq!(view.status, CampaignStatus::Completed);
        let requested = records(&campaign, PHASES[2]).await;
        assert!(
            requested.len() > 10
                && requested
                    .iter()
                    .all(|record| record["status"] == "forbidden_address")
        );
        assert_eq!(
            summary(&view, PHASES[2])["byStatus"]["forbidden_address"],
            requested.len()
        );
    }
    assert_eq!(world.sandbox.http_requests(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persona_that_follows_no_redirect_says_so() {
    let world = World::new().await;
    let mut persona = http_persona();
    persona["maxRedirects"] = json!(0);
    for id in ["one", "two", "three"] {
        world.put_sandboxed("http_persona", id, &persona).await;
    }
    let (campaign, _) = world.run(plan(200)).await;
    let mut redirects = 0;
    for record in records(&campaign, PHASES[2]).await {
        if let site::Behaviour::Redirect(_) = site::behaviour(record["domain"].as_str().unwrap()) {
            assert_eq!(
                (&record["status"], &record["redirects"]),
                (&json!("too_many_redirects"), &json!(0)),
                "{record}"
            );
            assert!(matches!(record["httpStatus"].as_u64(), Some(301 | 302)));
            redirects += 1;
        }
    }
    assert!(redirects > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_site_times_out_where_the_persona_has_no_patience() {
    let world = World::new().await;
    let mut persona = http_persona();
    persona["timeoutMs"] = json!(site::SLOW_DELAY_MS / 3);
    persona["retries"] = json!(0);
    for id in ["one", "two", "three"] {
        world.put_sandboxed("http_persona", id, &persona).await;
    }
    let (campaign, _) = world.run(plan(200)).await;
    let slow: Vec<Value> = records(&campaign, PHASES[2])
        .await
        .into_iter()
        .filter(|record| {
            matches!(
                site::behaviour(record["domain"].as_str().unwrap()),
                site::Behaviour::Slow { .. }
            )
        })
        .collect();
    assert!(
        !slow.is_empty() && slow.iter().all(|record| record["status"] == "timed_out"),
        "{slow:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_waits_for_silent_servers_stops_within_a_second() {
    let world = World::new().await;
    let silent_dns = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let silent_http = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut lookup = dns_persona();
    lookup["resolvers"] = json!([silent_dns.local_addr().unwrap().to_string()]);
    lookup["timeoutMs"] = json!(60_000);
    let mut visit = http_persona();
    visit["timeoutMs"] = json!(60_000);
    visit["port"] = json!(silent_http.local_addr().unwrap().port());
    visit["scheme"] = json!("http");
    visit["allowPrivateAddresses"] = json!(true);
    world.put("dns_persona", "silent", lookup).await;
    world.put("http_persona", "silent", visit).await;
    for phase in [1, 2] {
        let mut plan = plan(50);
        plan[phase]["personaIds"] = json!(["silent"]);
        let campaign = world.campaign(plan).await;
        campaign.start(PHASES[0]).await.unwrap();
        // It has sent something, and waits.
        match phase {
            1 => {
                silent_dns.recv(&mut [0; 512]).await.unwrap();
            }
            _ => {
                silent_http.accept().await.unwrap();
            }
        }
        let start = Instant::now();
        campaign.stop().await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        assert_eq!(campaign.view().await.unwrap().status, CampaignStatus::Stopped);
    }
}
