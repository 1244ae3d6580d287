//! Routes, redirects and credentials of visits.

use super::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub(super) fn visitor(persona: serde_json::Value, proxy: Option<serde_json::Value>) -> Visitor {
    Visitor {
        persona: serde_json::from_value(persona).unwrap(),
        limits: Arc::new(PersonaLimits::new(1, None)),
        gate: proxy.map(|proxy| {
            let proxy = Arc::new(serde_json::from_value(proxy).unwrap());
            Arc::new(ProxyGate::new(proxy))
        }),
        resolvers: None,
        uplink: Uplink::default(),
    }
}

async fn route(visitor: &Visitor, url: &str) -> Result<Route, Status> {
    let site = Site {
        domain: "site.test".to_owned(),
        addresses: ["93.184.216.34", "10.0.0.1"]
            .map(|address| address.parse().unwrap())
            .to_vec(),
    };
    match visitor.route(&Url::parse(url).unwrap(), &site).await {
        Ok(route) => Ok(route),
        Err(RequestFailure::Site(failure)) => Err(failure.status),
        Err(error) => panic!("{error:?}"),
    }
}

const LITERALS: [&str; 8] = [
    "http://127.0.0.1/",
    "http://0x7f.1/",
    "http://2130706433/",
    "http://[::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://169.254.169.254/latest/meta-data",
    "http://[64:ff9b::7f00:1]/",
    "https://192.168.1.1:8443/",
];

#[tokio::test]
async fn private_addresses_are_refused_however_they_are_written_with_a_proxy_and_without() {
    let proxy = serde_json::json!({"protocol": "http", "host": "127.0.0.1", "port": 9});
    for visitor in [
        visitor(serde_json::json!({"userAgent": "test"}), None),
        visitor(serde_json::json!({"userAgent": "test"}), Some(proxy)),
    ] {
        for url in LITERALS {
            assert_eq!(
                route(&visitor, url).await.err(),
                Some(Status::ForbiddenAddress),
                "{url}"
            );
        }
        assert_eq!(
            route(&visitor, "http://localhost/").await.err(),
            Some(Status::ForbiddenAddress)
        );
    }
}

#[tokio::test]
async fn of_a_domain_with_both_kinds_of_addresses_only_the_public_one_is_requested() {
    let direct = visitor(serde_json::json!({"userAgent": "test"}), None);
    let Ok(Route::Direct(addresses)) = route(&direct, "http://SITE.test./").await else {
        panic!("it may be requested directly")
    };
    assert_eq!(addresses, ["93.184.216.34:80".parse().unwrap()]);
    let proxy = serde_json::json!({"protocol": "http", "host": "127.0.0.1", "port": 9});
    let proxied = visitor(serde_json::json!({"userAgent": "test"}), Some(proxy));
    assert_eq!(
        route(&proxied, "http://site.test/").await.err(),
        Some(Status::ForbiddenAddress)
    );
}

#[tokio::test]
async fn a_persona_may_allow_private_addresses() {
    let allowing = visitor(
        serde_json::json!({"userAgent": "test", "allowPrivateAddresses": true}),
        None,
    );
    for url in LITERALS {
        assert!(
            matches!(route(&allowing, url).await, Ok(Route::Direct(_))),
            "{url}"
        );
    }
}

/// Visits a site on loopback that gives each request this answer.
async fn visit(persona: serde_json::Value, answer: &str) -> (Visit, SocketAddr) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let mut persona = persona;
    persona["userAgent"] = "test".into();
    persona["port"] = at.port().into();
    persona["allowPrivateAddresses"] = true.into();
    let visitor = visitor(persona, None);
    let site = Site {
        domain: "site.test".to_owned(),
        addresses: vec![at.ip()],
    };
    let server = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            if stream.read(&mut [0; 4_096]).await.is_ok_and(|length| length > 0) {
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    };
    tokio::select! {
        visit = visitor.visit(&site) => (visit.unwrap(), at),
        () = server => unreachable!("a server never ends"),
    }
}

#[tokio::test]
async fn a_redirect_that_can_t_be_followed_leaves_no_address_behind() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = closed.local_addr().unwrap();
    drop(closed);
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: http://{nowhere}/\r\ncontent-length: 0\r\n\r\n");
    let (followed, _) = visit(serde_json::json!({"scheme": "http", "retries": 0}), &answer).await;
    assert_eq!(
        (followed.status, followed.redirects, followed.address),
        (Status::ConnectionRefused, 1, None)
    );
    let (stayed, at) = visit(serde_json::json!({"scheme": "http", "maxRedirects": 0}), &answer).await;
    assert_eq!(
        (stayed.status, stayed.redirects, stayed.address),
        (Status::TooManyRedirects, 0, Some(at))
    );
}

#[tokio::test]
async fn a_page_in_an_encoding_that_was_not_asked_for_is_no_page() {
    for (encoding, expected) in [
        ("br", Status::InvalidResponse),
        ("Deflate", Status::InvalidResponse),
        ("zstd", Status::InvalidResponse),
        ("gzip, br", Status::InvalidResponse),
        ("gzip\r\ncontent-encoding: br", Status::InvalidResponse),
        ("identity", Status::Ok),
        ("Identity, ", Status::Ok),
    ] {
        let answer =
            format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: 4\r\n\r\npage");
        let (visit, _) = visit(serde_json::json!({"scheme": "http"}), &answer).await;
        assert_eq!((visit.status, visit.requests), (expected, 1), "{encoding}");
        assert_eq!(visit.answer.map(|answer| answer.status), Some(200), "{encoding}");
    }
    let empty = "HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 0\r\n\r\n";
    let (visit, _) = visit(serde_json::json!({"scheme": "http"}), empty).await;
    assert_eq!(visit.status, Status::Ok);
}

#[test]
fn a_redirect_leads_to_http_addresses_only_and_carries_no_credentials() {
    let base = Url::parse("http://site.test/a/b?c").unwrap();
    let to = |location: &str| join(&base, location).map(String::from);
    assert_eq!(to("../d#e").as_deref(), Some("http://site.test/d"));
    assert_eq!(to("//other.test/x").as_deref(), Some("http://other.test/x"));
    assert_eq!(
        to("https://user:secret@other.test").as_deref(),
        Some("https://other.test/")
    );
    for location in [
        "file:///etc/passwd",
        "ftp://a.test/",
        "javascript:1",
        "data:,x",
        "http://",
        "http://a b/",
    ] {
        assert_eq!(to(location), None, "{location}");
    }
    assert_eq!(to(&"x".repeat(3_000)), None);
}

#[test]
fn credentials_go_to_their_own_host_only_and_never_from_https_to_http() {
    let takes = |origin: &str, next: &str| {
        credentials(&Url::parse(origin).unwrap(), &Url::parse(next).unwrap()) == Credentials::Sent
    };
    assert!(takes("http://site.test/", "http://SITE.test:8080/login"));
    assert!(takes("http://site.test/", "https://site.test/"));
    assert!(takes("https://site.test/", "https://site.test/a"));
    assert!(!takes("https://site.test/", "http://site.test/"));
    assert!(!takes("https://site.test/", "https://www.site.test/"));
    assert!(!takes("http://site.test/", "http://site.test.other.test/"));
}

/// Visits a site that answers nothing at first, and then a page. Meanwhile this process stands still so long, by its own clock.
async fn visit_after(standstill: std::time::Duration) -> Visit {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let visitor = visitor(
        serde_json::json!({
            "userAgent": "test", "scheme": "http", "port": at.port(), "allowPrivateAddresses": true,
            "timeoutMs": 2_000, "retries": 0,
        }),
        None,
    );
    let site = Site {
        domain: "site.test".to_owned(),
        addresses: vec![at.ip()],
    };
    let server = async {
        let (mut first, _) = listener.accept().await.unwrap();
        assert!(first.read(&mut [0; 4_096]).await.unwrap() > 0);
        tokio::time::advance(standstill).await;
        let (mut second, _) = listener.accept().await.unwrap();
        assert!(second.read(&mut [0; 4_096]).await.unwrap() > 0);
        let page = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npage";
        second.write_all(page).await.unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        visit = visitor.visit(&site) => visit.unwrap(),
        () = server => unreachable!("a server never ends"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_site_is_asked_again_where_this_process_stood_still() {
    let minute = std::time::Duration::from_secs(60);
    let visit = visit_after(minute).await;
    assert_eq!((visit.status, visit.requests), (Status::Ok, 2));
    let visit = visit_after(std::time::Duration::ZERO).await;
    assert_eq!((visit.status, visit.requests), (Status::TimedOut, 1));
}
