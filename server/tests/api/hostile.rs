//! Clients that mean harm: each is refused with the right code, and nothing changes.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, PATIENCE, Running};

/// Sends bytes as they are, and gives what comes back until the server closes the connection.
async fn bytes(host: &Running, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(host.address).await.expect("it listens");
    socket.write_all(request).await.expect("it reads");
    socket.shutdown().await.expect("it is sent");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
    // A server that has read enough may reset the connection.
    let _ = read.expect("it answers in time");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn campaigns(host: &Running) -> usize {
    host.client.get("/campaigns").await.json()["items"]
        .as_array()
        .map_or(0, Vec::len)
}

#[tokio::test]
async fn a_rebinding_host_a_foreign_page_and_a_stranger_are_refused() {
    let host = Running::start().await;
    let body = json!({"name": "spring"});
    let create = async |client: Client| client.post("/campaigns", &body).await.refusal();
    let refused = |status, code: &str| (status, code.to_owned());
    for name in [
        "elsewhere.example",
        "127.0.0.1.nip.example",
        "localhost.elsewhere.example:80",
        "0.0.0.0",
    ] {
        assert_eq!(
            create(host.client.with("host", name)).await,
            refused(421, "host_not_allowed"),
            "{name}"
        );
    }
    for origin in [
        "http://elsewhere.example",
        "null",
        "http://localhost:1",
        "https://127.0.0.1",
    ] {
        assert_eq!(
            create(host.client.with("origin", origin)).await,
            refused(403, "origin_not_allowed"),
            "{origin}"
        );
    }
    assert_eq!(
        create(host.client.with("sec-fetch-site", "cross-site")).await,
        refused(403, "origin_not_allowed")
    );
    let no_token = host.client.without("authorization");
    let answer = no_token.post("/campaigns", &body).await;
    assert_eq!(answer.refusal(), refused(401, "unauthorized"));
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"phasegate\"");
    let token = host.token.reveal();
    for wrong in [
        "Bearer",
        "Bearer x",
        &format!("Basic {token}"),
        &format!("Bearer {}", &token[1..]),
        &format!("Bearer {token}0"),
    ] {
        assert_eq!(
            create(host.client.with("authorization", wrong)).await,
            refused(401, "unauthorized"),
            "{wrong}"
        );
    }
    for path in [
        "/api/v1/nowhere",
        "/api/v1/openapi.json",
        "/api/v1/events",
        "/metrics",
    ] {
        let answer = no_token.raw(Method::GET, path, None).await;
        assert_eq!(answer.refusal(), refused(401, "unauthorized"), "{path}");
    }
    assert_eq!(campaigns(&host).await, 0);
    host.stop().await;
}

#[tokio::test]
async fn the_login_link_gives_a_browser_a_cookie_and_nobody_else() {
    let host = Running::start().await;
    let browser = host.client.without("authorization");
    let wrong = browser.raw(Method::GET, "/login?token=0000", None).await;
    assert_eq!(wrong.refusal(), (401, "unauthorized".to_owned()));
    assert_eq!(wrong.header("set-cookie"), "");
    let right = browser
        .raw(
            Method::GET,
            &format!("/login?token={}", host.token.reveal()),
            None,
        )
        .await;
    assert_eq!((right.status, right.header("location")), (303, "./"));
    let cookie = right.header("set-cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let pair = cookie.split(';').next().expect("a pair").to_owned();
    let signed_in = browser.with("cookie", &pair);
    assert_eq!(signed_in.get("/campaigns").await.status, 200);
    let own = signed_in
        .with("origin", &host.client.base)
        .with("sec-fetch-site", "same-origin");
    assert_eq!(
        own.post("/campaigns", &json!({"name": "spring"})).await.status,
        201
    );
    let foreign = signed_in.with("origin", "http://elsewhere.example");
    assert_eq!(
        foreign
            .post("/campaigns", &json!({"name": "spring"}))
            .await
            .refusal(),
        (403, "origin_not_allowed".to_owned())
    );
    assert_eq!(
        browser
            .with("cookie", "phasegate=x; other=y")
            .get("/campaigns")
            .await
            .status,
        401
    );
    let page = signed_in.raw(Method::GET, "/", None).await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(campaigns(&host).await, 1);
    host.stop().await;
}

#[tokio::test]
async fn requests_that_are_none_are_refused_and_the_server_goes_on() {
    let host = Running::start().await;
    let token = host.token.reveal().to_owned();
    let head = format!(
        "POST /api/v1/campaigns HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n",
        host.address
    );
    let truncated = bytes(
        &host,
        format!("{head}content-length: 100\r\n\r\n{{\"name\": \"a\"").as_bytes(),
    )
    .await;
    assert!(
        truncated.is_empty() || truncated.starts_with("HTTP/1.1 400"),
        "{truncated}"
    );
    let nested = "[".repeat(100_000);
    let answer = bytes(
        &host,
        format!(
            "{head}connection: close\r\ncontent-length: {}\r\n\r\n{nested}",
            nested.len()
        )
        .as_bytes(),
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 400")
            && ["too_deep", "invalid_body"]
                .iter()
                .any(|code| answer.contains(&format!("\"code\":\"{code}\""))),
        "{answer}"
    );
    let large = "x".repeat(17 * 1024);
    let answer = bytes(
        &host,
        format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {large}\r\n\r\n").as_bytes(),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let answer = bytes(
        &host,
        format!("{head}connection: close\r\ncontent-length: 9999999\r\n\r\n").as_bytes(),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    for junk in [
        &b"\x00\xff\xfe junk"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ] {
        let answer = bytes(&host, junk).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4"),
            "{answer}"
        );
    }
    // Smuggling: two lengths, or a length beside chunks that a proxy may read otherwise.
    let answer = bytes(
        &host,
        format!("{head}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}x").as_bytes(),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(campaigns(&host).await, 0);
    host.stop().await;
}

#[tokio::test]
async fn tricks_in_a_path_reach_nothing() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &["collect"]).await;
    let token = host.token.reveal().to_owned();
    let get = async |method: &str, path: &str| {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        let answer = bytes(&host, request.as_bytes()).await;
        answer.split(' ').nth(1).map(str::to_owned).unwrap_or_default()
    };
    for id in [
        "..",
        "%2e%2e",
        "..%2f..",
        "%00",
        "a%00b",
        "%ff",
        "nil",
        "-1",
        "1",
        "00000000-0000-0000-0000-00000000000g",
        "%7B%7D",
    ] {
        let status = get("DELETE", &format!("/api/v1/campaigns/{id}")).await;
        assert!(["400", "404", "405"].contains(&status.as_str()), "{id}: {status}");
        let status = get("GET", &format!("/api/v1/resources/note/{id}")).await;
        assert!(["400", "404"].contains(&status.as_str()), "{id}: {status}");
    }
    let phase = get(
        "DELETE",
        &format!("/api/v1/campaigns/{id}/phases/..%2fcollect/config"),
    )
    .await;
    assert_eq!(phase, "400");
    assert_eq!(get("GET", "//api/v1/campaigns").await, "404");
    assert_eq!(get("GET", "/api/v1/../../etc/passwd").await, "404");
    let shown = host.client.get(&format!("/campaigns/{id}")).await.json();
    assert_eq!(shown["phases"][0]["configured"], true, "nothing changed");
    host.stop().await;
}

#[tokio::test]
async fn an_answer_is_not_kept_by_caches_nor_framed() {
    let host = Running::start().await;
    let answer = host.client.get("/campaigns").await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-frame-options"), "DENY");
    assert!(
        answer
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "",
        "no other origin may read it"
    );
    host.stop().await;
}

#[tokio::test]
async fn a_list_is_not_taken_for_an_object() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &["collect"]).await;
    let at = |what: &str| format!("/campaigns/{id}{what}");
    let invalid = (400, "invalid_body".to_owned());
    let list = json!(["step_by_step", null, null, null, null, null, null]);
    for answer in [
        host.client.post("/campaigns", &list).await,
        host.client
            .post("/campaigns", &json!({"name": "a", "retry": {"sort": [3]}}))
            .await,
        host.client.patch(&at(""), &json!(["a", null])).await,
        host.client.patch(&at("/mode"), &json!(["step_by_step"])).await,
        host.client.post(&at("/prune"), &json!([1, null])).await,
        host.client
            .put(&at("/phases/sort/retry"), &json!([3, 1, 2.0, 1, 0.5, []]))
            .await,
        host.client.post("/preflight", &json!([null, null, null])).await,
        host.client
            .post(&at("/phases/collect/restart"), &json!([null]))
            .await,
        host.client.post(&at("/phases/collect/start"), &json!([])).await,
    ] {
        assert_eq!(answer.refusal(), invalid, "{}", answer.text);
    }
    host.stop().await;
}
