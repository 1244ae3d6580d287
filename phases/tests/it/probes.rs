//! Probes of the three kinds of resources, against the sandbox.

use phasegate::EngineError;
use phasegate_phases::pipeline;
use phasegate_sandbox::site::{self, Behaviour};
use phasegate_sandbox::zone::{self, Answer};
use phasegate_sandbox::{HttpProxy, Socks5Proxy};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{World, dns_persona, http_persona, nowhere, proxy};

/// A domain that the sandbox treats so.
fn domain(wanted: impl Fn(Answer, Behaviour) -> bool) -> String {
    let mut names = (0..10_000).map(|number| format!("shop-{number}.test"));
    names
        .find(|name| wanted(zone::answer(name), site::behaviour(name)))
        .unwrap()
}

fn with_page() -> String {
    domain(|_, behaviour| matches!(behaviour, Behaviour::Page { .. }))
}

fn without_page() -> String {
    domain(|_, behaviour| matches!(behaviour, Behaviour::Error { status: 404 }))
}

fn without_address() -> String {
    domain(|answer, _| answer == Answer::NoSuchName)
}

impl World {
    /// What the probe says, without what it measured, which it must have.
    async fn probe(&self, kind: &str, id: &str, domain: &str) -> Value {
        let answer = self.engine.probe(kind, id, json!({"domain": domain})).await;
        let mut answer = answer.unwrap();
        let measured = answer.as_object_mut().unwrap().remove("measured").unwrap();
        assert!(measured["durationMs"].is_u64(), "{measured}");
        answer
    }

    async fn failure(&self, kind: &str, id: &str, domain: &str) -> String {
        match self.engine.probe(kind, id, json!({"domain": domain})).await {
            Err(EngineError::ProbeFailed { failure, .. }) => failure.code,
            other => panic!("{other:?}"),
        }
    }
}

/// An HTTP proxy on loopback by which every domain's port 80 is the sandbox's site.
async fn proxy_to_site(world: &World) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, site) = (listener.local_addr().unwrap(), world.sandbox.http_addr());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut site = TcpStream::connect(site).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut site).await;
            });
        }
    });
    at
}

#[tokio::test]
async fn a_dns_persona_says_what_the_phase_would_say_of_a_domain() {
    let world = World::new().await;
    let (there, gone) = (with_page(), without_address());
    assert_eq!(
        world.probe("dns_persona", "one", &there).await,
        json!({"domain": there, "status": "resolved", "detail": null, "extendedErrors": [], "addresses": ["127.0.0.1"]})
    );
    assert_eq!(
        world.probe("dns_persona", "one", &gone).await,
        json!({
            "domain": gone,
            "status": "no_such_name",
            "detail": {"code": "no_such_name", "message": "The domain doesn't exist"},
            "extendedErrors": [],
            "addresses": []
        })
    );
    assert!(world.sandbox.dns_queries() >= 4, "A and AAAA of both");
}

#[tokio::test]
async fn a_dns_persona_whose_resolver_is_down_says_that_nothing_answered() {
    let world = World::new().await;
    let mut persona = dns_persona();
    persona["resolvers"] = json!([nowhere().await.to_string()]);
    persona["timeoutMs"] = json!(200);
    world.put("dns_persona", "down", persona.clone()).await;
    let code = world.failure("dns_persona", "down", &with_page()).await;
    assert_eq!(code, "resolver_unreachable");

    // The system's resolver may take its time to say that there is no such host.
    persona["timeoutMs"] = json!(10_000);
    persona["resolvers"] = json!(["nowhere.invalid:53"]);
    world.put("dns_persona", "nameless", persona.clone()).await;
    let code = world.failure("dns_persona", "nameless", &with_page()).await;
    assert_eq!(code, "resolver_unresolved");

    persona["resolvers"] = json!(["[::::]:53"]);
    world.put("dns_persona", "unsound", persona).await;
    let code = world.failure("dns_persona", "unsound", &with_page()).await;
    assert_eq!(code, "resolver_invalid");
}

#[tokio::test]
async fn an_http_persona_says_what_the_phase_would_say_of_a_page_but_not_its_text() {
    let world = World::new().await;
    let domain = with_page();
    let url = format!("http://{domain}:{}/", world.sandbox.http_addr().port());
    let answer = world.probe("http_persona", "one", &domain).await;
    let title = answer["title"].as_str().unwrap();
    let page = site::page(&domain);
    assert!(page.contains(&format!("<title>{title}</title>")), "{title}");
    assert_eq!(
        answer,
        json!({
            "domain": domain, "url": url, "finalUrl": url, "status": "ok", "detail": null, "httpStatus": 200,
            "redirects": 0, "title": title, "bytes": page.len(), "bodyTruncated": false,
        })
    );
}

#[tokio::test]
async fn an_http_persona_says_so_where_there_is_no_page_or_no_address() {
    let world = World::new().await;
    let answer = world.probe("http_persona", "one", &without_page()).await;
    assert_eq!(
        (&answer["status"], &answer["httpStatus"]),
        (&json!("http_error"), &json!(404))
    );
    let requests = world.sandbox.http_requests();
    let answer = world.probe("http_persona", "one", &without_address()).await;
    assert_eq!(
        (&answer["status"], &answer["url"]),
        (&json!("unresolved"), &Value::Null)
    );
    assert_eq!(world.sandbox.http_requests(), requests);
}

#[tokio::test]
async fn an_http_persona_refuses_private_addresses_as_the_phase_does() {
    let world = World::new().await;
    let mut persona = http_persona();
    persona["resolvers"] = json!([world.sandbox.dns_addr().to_string()]);
    persona["port"] = json!(world.sandbox.http_addr().port());
    persona["scheme"] = json!("http");
    world.put("http_persona", "strict", persona).await;
    let answer = world.probe("http_persona", "strict", &with_page()).await;
    assert_eq!(answer["status"], "forbidden_address");
    assert_eq!(world.sandbox.http_requests(), 0);
}

#[tokio::test]
async fn a_proxy_says_what_status_came_through_it() {
    let world = World::new().await;
    let at = proxy_to_site(&world).await;
    world.put("proxy", "proxy", proxy("http", at, None)).await;
    // This proxy opens no tunnels, by which its own pages could be told from the site's.
    let gone = json!({
        "code": "proxy_or_site",
        "message": "The answer may be the proxy's own and not the site's: it can't be told apart",
    });
    for (domain, status, detail, http_status) in [
        (with_page(), "ok", Value::Null, 200),
        (without_page(), "http_error", gone, 404),
    ] {
        assert_eq!(
            world.probe("proxy", "proxy", &domain).await,
            json!({
                "domain": domain, "url": format!("http://{domain}/"), "status": status, "detail": detail,
                "httpStatus": http_status,
            })
        );
    }
    // One of them asks for the tunnel.
    assert_eq!(world.sandbox.http_requests(), 3);
    assert_eq!(world.sandbox.dns_queries(), 0, "the proxy resolves");
}

#[tokio::test]
async fn a_domain_that_a_proxy_can_t_reach_is_a_result() {
    let world = World::new().await;
    let (http, socks) = (
        HttpProxy::start_with_password("user", "secret").await.unwrap(),
        Socks5Proxy::start_with_password("user", "secret").await.unwrap(),
    );
    for (protocol, at) in [("http", http.addr()), ("socks5", socks.addr())] {
        world
            .put("proxy", "proxy", proxy(protocol, at, Some("secret")))
            .await;
        let answer = world.probe("proxy", "proxy", &without_address()).await;
        assert_eq!(
            (&answer["status"], &answer["httpStatus"]),
            (&json!("connection_failed"), &Value::Null),
            "{protocol}"
        );
    }
}

#[tokio::test]
async fn a_proxy_that_is_down_or_refuses_its_user_is_a_failure_and_nothing_goes_out_directly() {
    let world = World::new().await;
    let (http, socks) = (
        HttpProxy::start_with_password("user", "secret").await.unwrap(),
        Socks5Proxy::start_with_password("user", "secret").await.unwrap(),
    );
    for (protocol, at) in [("http", http.addr()), ("socks5", socks.addr())] {
        world
            .put("proxy", "down", proxy(protocol, nowhere().await, None))
            .await;
        let code = world.failure("proxy", "down", &with_page()).await;
        assert_eq!(code, "proxy_unreachable", "{protocol}");
        world
            .put("proxy", "wrong", proxy(protocol, at, Some("wrong")))
            .await;
        let code = world.failure("proxy", "wrong", &with_page()).await;
        assert_eq!(code, "proxy_unauthorized", "{protocol}");
    }
    assert_eq!((http.served(), socks.served()), (0, 0));
    assert_eq!(
        (world.sandbox.http_requests(), world.sandbox.dns_queries()),
        (0, 0)
    );
}

#[tokio::test]
async fn a_proxy_is_not_asked_for_its_own_machine() {
    let world = World::new().await;
    let server = HttpProxy::start().await.unwrap();
    world
        .put("proxy", "proxy", proxy("http", server.addr(), None))
        .await;
    for domain in ["localhost", "LOCALHOST", "a.localhost"] {
        let answer = world.probe("proxy", "proxy", domain).await;
        assert_eq!(answer["status"], "forbidden_address", "{domain}");
    }
    assert_eq!(server.served(), 0);
}

#[tokio::test]
async fn a_probe_is_told_a_host_name_and_nothing_else() {
    let world = World::new().await;
    let long = format!("{}.test", "a".repeat(63));
    for name in ["a", "a.test", "A-1.xn--p1ai", "1.2.test", long.as_str()] {
        world.probe("dns_persona", "one", name).await;
    }
    let queries = world.sandbox.dns_queries();
    let too_long = [format!("{}.test", "a".repeat(64)), "a.".repeat(126) + "test"];
    let wrong = [
        "",
        ".",
        "a.",
        ".a",
        "a..test",
        "-a.test",
        "a-.test",
        "a_b.test",
        "127.0.0.1",
        "0x7f.1",
        "::1",
        "a b",
        "a/b",
        "a:80",
        "user@a.test",
        "http://a.test",
        "a\n",
        "ä.test",
    ];
    for name in wrong.into_iter().chain(too_long.iter().map(String::as_str)) {
        let refused = world
            .engine
            .probe("dns_persona", "one", json!({"domain": name}))
            .await;
        assert_eq!(refused.unwrap_err().code(), "probe_input_invalid", "{name:?}");
    }
    assert_eq!(world.sandbox.dns_queries(), queries);
}

#[test]
fn every_kind_tells_a_form_what_its_probe_is_told() {
    let pipeline = pipeline().unwrap();
    let kinds = &pipeline.definition().resource_kinds;
    assert_eq!(kinds.len(), 3);
    for kind in kinds {
        let schema = kind.probe_schema.as_ref().unwrap();
        assert_eq!(schema["required"], json!(["domain"]));
        assert_eq!(schema["additionalProperties"], json!(false));
        let domain = &schema["properties"]["domain"];
        assert!(domain["title"].is_string() && domain["description"].is_string());
        assert_eq!(domain["examples"], json!(["example.com"]));
        assert_eq!(
            (&domain["minLength"], &domain["maxLength"]),
            (&json!(1), &json!(253))
        );
    }
}
