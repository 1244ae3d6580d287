use std::net::SocketAddr;

use hickory_proto::rr::RecordType;
use phasegate_sandbox::site::{self, Behaviour, Breakage};
use phasegate_sandbox::zone::{self, Answer};
use phasegate_sandbox::{HttpProxy, Sandbox, Socks5Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{
    addresses, ask_stream, connect, exchange, fetch, get, name_with_answer, name_with_behaviour, patiently,
    query,
};

fn page_name() -> String {
    name_with_behaviour(|behaviour| matches!(behaviour, Behaviour::Page { .. }))
}

/// Targets that no proxy reaches, with the status of an HTTP proxy and the reply of a SOCKS5 proxy.
fn unreachable_targets() -> Vec<(String, u16, u8)> {
    vec![
        (name_with_answer(Answer::NoSuchName), 502, 4),
        (name_with_answer(Answer::ServerFailure), 502, 4),
        (name_with_answer(Answer::Address(zone::REFUSING_ADDRESS)), 502, 5),
        (name_with_answer(Answer::Silent), 504, 6),
        ("example.com".to_owned(), 403, 2),
        ("192.0.2.1".to_owned(), 403, 2),
    ]
}

/// A request in absolute form, with more headers if any are given, each with its line end.
fn absolute(name: &str, port: u16, headers: &str) -> String {
    format!("GET http://{name}:{port}/ HTTP/1.1\r\nHost: {name}:{port}\r\n{headers}\r\n")
}

async fn http_connect(proxy: SocketAddr, target: &str, headers: &str) -> (TcpStream, String) {
    let mut stream = connect(proxy).await;
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{headers}\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a request sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(patiently(stream.read_u8()).await.expect("a whole answer"));
    }
    (stream, String::from_utf8(head).expect("a head in UTF-8"))
}

#[tokio::test]
async fn an_http_proxy_passes_a_request_in_absolute_form_on() {
    let sandbox = Sandbox::start().await.unwrap();
    let proxy = HttpProxy::start().await.unwrap();
    let name = page_name();
    let request = absolute(
        &name,
        sandbox.http_addr().port(),
        "Proxy-Connection: keep-alive\r\n",
    );
    let response = exchange(connect(proxy.addr()).await, &request).await;
    assert_eq!((response.status(), response.body), (200, site::page(&name)));
    assert_eq!((proxy.served(), sandbox.http_requests()), (1, 1));
}

#[tokio::test]
async fn an_http_proxy_passes_a_broken_answer_on_as_it_is() {
    let sandbox = Sandbox::start().await.unwrap();
    let proxy = HttpProxy::start().await.unwrap();
    for breakage in [Breakage::CutShort, Breakage::Garbage, Breakage::Empty] {
        let name = name_with_behaviour(|behaviour| behaviour == Behaviour::Broken(breakage));
        let request = absolute(&name, sandbox.http_addr().port(), "");
        let response = exchange(connect(proxy.addr()).await, &request).await;
        assert_eq!(response, fetch(sandbox.http_addr(), &name, "/").await);
    }
}

#[tokio::test]
async fn an_http_proxy_tunnels_to_a_name_and_to_an_address() {
    let sandbox = Sandbox::start().await.unwrap();
    let proxy = HttpProxy::start().await.unwrap();

    let name = page_name();
    let target = format!("{name}:{}", sandbox.http_addr().port());
    let (tunnel, head) = http_connect(proxy.addr(), &target, "").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(exchange(tunnel, &get(&name, "/")).await.body, site::page(&name));

    let (tunnel, _) = http_connect(proxy.addr(), &sandbox.dns_addr().to_string(), "").await;
    let response = ask_stream(tunnel, &[query(&name, RecordType::A)]).await;
    assert_eq!(addresses(&response), [zone::SITE_ADDRESS]);
    assert_eq!((proxy.served(), sandbox.dns_queries()), (2, 1));
}

#[tokio::test]
async fn an_http_proxy_with_a_password_serves_only_who_knows_it() {
    let sandbox = Sandbox::start().await.unwrap();
    let proxy = HttpProxy::start_with_password("ann", "open sesame")
        .await
        .unwrap();
    let name = page_name();
    let port = sandbox.http_addr().port();

    // "ann:open sesame", and "ann:wrong".
    let right = "Proxy-Authorization: Basic YW5uOm9wZW4gc2VzYW1l\r\n";
    let wrong = "Proxy-Authorization: Basic YW5uOndyb25n\r\n";
    for headers in ["", wrong] {
        let response = exchange(connect(proxy.addr()).await, &absolute(&name, port, headers)).await;
        assert_eq!(response.status(), 407);
        assert!(
            response
                .header("proxy-authenticate")
                .unwrap()
                .starts_with("Basic ")
        );
        let (_, head) = http_connect(proxy.addr(), &format!("{name}:{port}"), headers).await;
        assert!(head.starts_with("HTTP/1.1 407 "), "{head}");
    }
    assert_eq!((proxy.served(), sandbox.http_requests()), (0, 0));

    let response = exchange(connect(proxy.addr()).await, &absolute(&name, port, right)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(proxy.served(), 1);
}

#[tokio::test]
async fn an_http_proxy_says_why_it_did_not_reach_a_target() {
    let sandbox = Sandbox::start().await.unwrap();
    let proxy = HttpProxy::start().await.unwrap();
    let port = sandbox.http_addr().port();
    for (name, status, _) in unreachable_targets() {
        let response = exchange(connect(proxy.addr()).await, &absolute(&name, port, "")).await;
        assert_eq!(response.status(), status, "{name}");
        let (_, head) = http_connect(proxy.addr(), &format!("{name}:{port}"), "").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {head}");
    }
    assert_eq!(proxy.served(), 0);
}

#[tokio::test]
async fn an_http_proxy_turns_away_what_is_no_request_to_a_proxy() {
    let proxy = HttpProxy::start().await.unwrap();
    for request in [
        get("a.test", "/"),
        get("a.test", "ftp://a.test/"),
        "no HTTP\r\n\r\n".to_owned(),
    ] {
        assert_eq!(
            exchange(connect(proxy.addr()).await, &request).await.status(),
            400,
            "{request}"
        );
    }
}

/// Asks a SOCKS5 proxy for `command` with the method that it offers, and returns the stream with the proxy's reply.
async fn socks5(
    proxy: SocketAddr,
    login: Option<(&str, &str)>,
    command: u8,
    host: &str,
    port: u16,
) -> (TcpStream, u8) {
    let mut stream = connect(proxy).await;
    let method = if login.is_some() { 2 } else { 0 };
    stream.write_all(&[5, 1, method]).await.expect("bytes sent");
    let mut chosen = [0; 2];
    patiently(stream.read_exact(&mut chosen))
        .await
        .expect("a whole reply");
    if chosen[1] != method {
        return (stream, chosen[1]);
    }
    if let Some((user, password)) = login {
        let mut bytes = vec![1, user.len() as u8];
        bytes.extend_from_slice(user.as_bytes());
        bytes.push(password.len() as u8);
        bytes.extend_from_slice(password.as_bytes());
        stream.write_all(&bytes).await.expect("bytes sent");
        let mut status = [0; 2];
        patiently(stream.read_exact(&mut status))
            .await
            .expect("a whole reply");
        if status[1] != 0 {
            return (stream, status[1]);
        }
    }
    let mut request = vec![5, command, 0, 3, host.len() as u8];
    request.extend_from_slice(host.as_bytes());
    request.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&request).await.expect("bytes sent");
    let mut reply = [0; 10];
    patiently(stream.read_exact(&mut reply))
        .await
        .expect("a whole reply");
    (stream, reply[1])
}

#[tokio::test]
async fn a_socks5_proxy_tunnels_to_a_name_and_to_an_address() {
    let sandbox = Sandbox::start().await.unwrap();
    let proxy = Socks5Proxy::start().await.unwrap();

    let name = page_name();
    let (tunnel, reply) = socks5(proxy.addr(), None, 1, &name, sandbox.http_addr().port()).await;
    assert_eq!(reply, 0);
    assert_eq!(exchange(tunnel, &get(&name, "/")).await.body, site::page(&name));

    let (tunnel, reply) = socks5(proxy.addr(), None, 1, "127.0.0.1", sandbox.dns_addr().port()).await;
    assert_eq!(reply, 0);
    let response = ask_stream(tunnel, &[query(&name, RecordType::A)]).await;
    assert_eq!(addresses(&response), [zone::SITE_ADDRESS]);
    assert_eq!(
        (proxy.served(), sandbox.dns_queries(), sandbox.http_requests()),
        (2, 1, 1)
    );
}

#[tokio::test]
async fn a_socks5_proxy_with_a_password_serves_only_who_knows_it() {
    let sandbox = Sandbox::start().await.unwrap();
    let proxy = Socks5Proxy::start_with_password("ann", "open sesame")
        .await
        .unwrap();
    let (name, port) = (page_name(), sandbox.http_addr().port());
    for login in [None, Some(("ann", "wrong")), Some(("bob", "open sesame"))] {
        let (_, reply) = socks5(proxy.addr(), login, 1, &name, port).await;
        assert_ne!(reply, 0, "{login:?}");
    }
    assert_eq!(proxy.served(), 0);

    let (tunnel, reply) = socks5(proxy.addr(), Some(("ann", "open sesame")), 1, &name, port).await;
    assert_eq!(reply, 0);
    assert_eq!(exchange(tunnel, &get(&name, "/")).await.body, site::page(&name));
    assert_eq!(proxy.served(), 1);
}

#[tokio::test]
async fn a_socks5_proxy_says_why_it_did_not_reach_a_target() {
    let sandbox = Sandbox::start().await.unwrap();
    let proxy = Socks5Proxy::start().await.unwrap();
    let port = sandbox.http_addr().port();
    for (name, _, expected) in unreachable_targets() {
        let (_, reply) = socks5(proxy.addr(), None, 1, &name, port).await;
        assert_eq!(reply, expected, "{name}");
    }
    let (_, reply) = socks5(proxy.addr(), None, 3, &page_name(), port).await;
    assert_eq!(reply, 7, "UDP associations are not served");
    assert_eq!(proxy.served(), 0);
}

#[tokio::test]
async fn a_socks5_proxy_turns_away_an_unknown_kind_of_address() {
    let proxy = Socks5Proxy::start().await.unwrap();
    let mut stream = connect(proxy.addr()).await;
    stream
        .write_all(&[5, 1, 0, 5, 1, 0, 9])
        .await
        .expect("bytes sent");
    let mut answers = [0; 12];
    patiently(stream.read_exact(&mut answers))
        .await
        .expect("two whole replies");
    assert_eq!(answers[..4], [5, 0, 5, 8]);
    assert_eq!(proxy.served(), 0);
}
