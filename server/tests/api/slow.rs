//! Clients that are slow, by a clock of the test's own.

use phasegate::{Engine, NewCampaign};
use phasegate_server::{BODY_TIMEOUT, HEADER_TIMEOUT, Server, WRITE_TIMEOUT, serve_connection};
use phasegate_testkit::storage::MemoryStorage;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::{Gate, pipeline};

fn server() -> Server {
    let engine = Engine::builder()
        .storage(MemoryStorage::new())
        .pipeline(pipeline(&std::sync::Arc::new(Gate::default())))
        .build()
        .expect("an engine");
    Server::builder(engine).build()
}

/// A client that has sent this, and the connection that it is served on.
async fn connect(
    server: &Server,
    buffer: usize,
    sent: &str,
) -> (DuplexStream, JoinHandle<std::io::Result<()>>) {
    let (mut client, socket) = tokio::io::duplex(buffer);
    let server = server.clone();
    let serving = tokio::spawn(async move { serve_connection(socket, &server).await });
    client.write_all(sent.as_bytes()).await.expect("it is read");
    (client, serving)
}

/// The status and code of an answer, as it was sent.
fn refusal(answer: &str) -> (u16, String) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let problem: Value = serde_json::from_str(body).expect("JSON");
    let code = problem["code"].as_str().expect("a code").to_owned();
    (status.expect("a status"), code)
}

#[tokio::test(start_paused = true)]
async fn headers_that_do_not_arrive_in_time_end_the_connection() {
    let server = server();
    for sent in ["", "GET /healthz HTTP/1.1\r\nHost: loc"] {
        let begun = Instant::now();
        let (mut client, serving) = connect(&server, 1_024, sent).await;
        let mut answer = Vec::new();
        client
            .read_to_end(&mut answer)
            .await
            .expect("the server hangs up");
        assert_eq!(begun.elapsed().as_secs(), HEADER_TIMEOUT.as_secs(), "{sent:?}");
        let _ = serving.await.expect("it doesn't panic");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_idles_after_an_answer_is_closed() {
    let (mut client, _serving) = connect(
        &server(),
        4_096,
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .await;
    let begun = Instant::now();
    let mut answer = String::new();
    client
        .read_to_string(&mut answer)
        .await
        .expect("the server hangs up");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(begun.elapsed().as_secs(), HEADER_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_in_time_is_refused() {
    let head = "POST /api/v1/campaigns HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    let (mut client, _serving) =
        connect(&server(), 4_096, &format!("{head}Content-Length: 9\r\n\r\n{{")).await;
    let begun = Instant::now();
    let mut answer = String::new();
    client
        .read_to_string(&mut answer)
        .await
        .expect("the server hangs up");
    assert_eq!(refusal(&answer), (408, "request_timeout".to_owned()));
    assert_eq!(begun.elapsed().as_secs(), BODY_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_no_events_is_disconnected_and_its_place_is_free_again() {
    let server = server();
    for _ in 0..200 {
        server
            .engine()
            .create(NewCampaign::new("spring"))
            .await
            .expect("a campaign");
    }
    let ask = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let begun = Instant::now();
    let (client, serving) = connect(&server, 256, ask).await;
    let ended = serving.await.expect("it doesn't panic");
    assert!(ended.is_err(), "it was cut off");
    assert_eq!(begun.elapsed().as_secs(), WRITE_TIMEOUT.as_secs());
    drop(client);
    // Who comes back and reads gets all of it.
    let (mut client, _serving) = connect(&server, 256, ask).await;
    let mut text = String::new();
    while text.matches("event: campaign_created").count() < 200 {
        let mut some = [0; 1_024];
        let read = client.read(&mut some).await.expect("it goes on");
        assert!(read > 0, "it goes on");
        text.push_str(&String::from_utf8_lossy(&some[..read]));
    }
}
