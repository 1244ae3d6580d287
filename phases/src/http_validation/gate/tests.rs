//! Faults of a proxy and of sites behind it.

use super::*;
use std::net::SocketAddr;

use futures::FutureExt as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn gate(at: SocketAddr) -> ProxyGate {
    let proxy = json!({"protocol": "http", "host": at.ip().to_string(), "port": at.port()});
    ProxyGate::new(Arc::new(serde_json::from_value(proxy).unwrap()))
}

/// The failure of a site that the proxy refuses.
fn refusal(gate: &ProxyGate) -> MeansFailure {
    let refuses = gate.proxy().refuses("shop.test", 80, "403 Forbidden");
    match MeansFailure::or(refuses, HttpDetail::ProxyRefused.into()) {
        RequestFailure::Means(means) => *means,
        other => panic!("{other:?}"),
    }
}

/// The failure of a proxy that accepts no connection.
fn absence(gate: &ProxyGate) -> MeansFailure {
    match MeansFailure::fatal(gate.proxy().unreachable("nobody listens").into()) {
        RequestFailure::Means(means) => *means,
        other => panic!("{other:?}"),
    }
}

/// A proxy that answers every request so.
async fn proxy(status: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            assert!(stream.read(&mut [0; 1_024]).await.unwrap() > 0);
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    at
}

async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

#[tokio::test]
async fn a_failure_is_the_site_s_as_soon_as_another_one_has_passed() {
    let gate = gate(nowhere().await);
    let (_one, _other) = (gate.enter(), gate.enter());
    let mut judging = std::pin::pin!(gate.judge(refusal(&gate)));
    assert!(
        judging.as_mut().now_or_never().is_none(),
        "the other one may pass"
    );
    gate.passed();
    assert!(matches!(judging.await, Ok(Judged::OfTheSite(_))));
    assert!(matches!(
        gate.judge(refusal(&gate)).now_or_never(),
        Some(Ok(Judged::OfTheSite(_)))
    ));
}

#[tokio::test]
async fn a_proxy_that_answers_for_itself_is_not_at_fault() {
    for status in ["503 Service Unavailable", "502 Bad Gateway", "200 OK"] {
        let gate = gate(proxy(status).await);
        let _inside = gate.enter();
        let judged = gate.judge(refusal(&gate)).await;
        assert!(matches!(judged, Ok(Judged::OfTheSite(_))), "{status}");
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_even_itself_fails_the_run_for_every_item() {
    for status in ["403 Forbidden", "407 Proxy Authentication Required"] {
        let gate = gate(proxy(status).await);
        let (_one, _other) = (gate.enter(), gate.enter());
        let (one, other) = tokio::join!(gate.judge(refusal(&gate)), gate.judge(refusal(&gate)));
        for judged in [one, other] {
            let fatal = judged.err().expect("no item gets through");
            assert!(fatal.to_string().contains("403 Forbidden"), "{fatal}");
        }
    }
}

#[tokio::test]
async fn a_request_is_sent_again_when_a_proxy_that_has_worked_is_back() {
    let at = nowhere().await;
    let gate = gate(at);
    gate.passed();
    let _inside = gate.enter();
    let mut judging = std::pin::pin!(gate.judge(absence(&gate)));
    assert!(judging.as_mut().now_or_never().is_none(), "it may come back");
    let _back = TcpListener::bind(at).await.unwrap();
    assert!(matches!(judging.await, Ok(Judged::Again(_))));
}

#[tokio::test]
async fn an_error_that_ends_the_run_ends_every_wait() {
    let gate = gate(nowhere().await);
    let (_one, _other) = (gate.enter(), gate.enter());
    let mut judging = std::pin::pin!(gate.judge(refusal(&gate)));
    assert!(judging.as_mut().now_or_never().is_none());
    gate.end(&FatalError::OutOfSockets("none is left".to_owned()));
    assert!(matches!(judging.await, Err(FatalError::OutOfSockets(_))));
}

#[tokio::test]
async fn a_connection_that_broke_is_the_proxy_s_fault_only_where_the_proxy_is_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for (at, is_gone) in [(listener.local_addr().unwrap(), false), (nowhere().await, true)] {
        let gate = gate(at);
        gate.passed();
        for code in [HttpDetail::ClosedUnanswered, HttpDetail::InvalidAnswer] {
            let blamed = gate.blame(RequestFailure::from(code)).await;
            let is_down = matches!(&blamed, RequestFailure::Means(means) if means.is_down);
            assert_eq!(is_down, is_gone, "{blamed:?}");
        }
        let late = gate.blame(HttpDetail::AnswerTimeout.into()).await;
        assert!(matches!(late, RequestFailure::Site(_)), "{late:?}");
    }
}
