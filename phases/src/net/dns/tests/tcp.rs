//! Queries over TCP: connections that are lost, closed and silent.

use super::*;
use crate::net::dns::message::Query;
use crate::net::dns::no_answer::NoAnswer;
use crate::net::dns::tcp::{Target, TcpConnections};
use crate::net::dns::toll::Toll;
use tokio::net::TcpStream;

/// How many queries are sent at once.
const QUERIES: usize = 300;

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

/// Answers one query. `None` if the client has hung up.
async fn serve(stream: &mut TcpStream) -> Option<()> {
    let length = stream.read_u16().await.ok()?;
    let mut query = vec![0; usize::from(length)];
    stream.read_exact(&mut query).await.ok()?;
    let bytes = answer(&query, &[Ipv4Addr::new(192, 0, 2, 1)]).to_vec().unwrap();
    stream.write_u16(u16::try_from(bytes.len()).unwrap()).await.ok()?;
    stream.write_all(&bytes).await.ok()
}

/// How many of the queries get an answer of a server that treats each connection so.
async fn answered(treat: impl AsyncFn(TcpStream)) -> usize {
    let (tcp, at) = listen().await;
    let connections = TcpConnections::new(Target::Direct(at), Duration::from_secs(5));
    let server = async {
        let mut treated = futures::stream::FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = tcp.accept() => treated.push(treat(accepted.unwrap().0)),
                Some(()) = futures::StreamExt::next(&mut treated) => {}
            }
        }
    };
    let queries = futures::future::join_all((0..QUERIES).map(async |place| {
        let query = Query::new(&name(&format!("name{place}.test.")), RecordType::A);
        connections.ask(&Arc::new(query), &Toll::default()).await.is_ok()
    }));
    let outcomes = tokio::select! {
        outcomes = queries => outcomes,
        () = server => unreachable!("a server never ends"),
    };
    outcomes.into_iter().filter(|is_answered| *is_answered).count()
}

#[tokio::test]
async fn queries_are_sent_again_when_the_server_closes_the_connection() {
    let ten_each = answered(async |mut stream| {
        for _ in 0..10 {
            if serve(&mut stream).await.is_none() {
                return;
            }
        }
        stream.shutdown().await.unwrap();
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    });
    assert_eq!(ten_each.await, QUERIES);
}

#[tokio::test]
async fn queries_are_sent_again_when_the_server_resets_the_connection() {
    // Closed with queries unread, a connection is reset, and answers on their way are lost with it.
    let ten_each = answered(async |mut stream| {
        for _ in 0..10 {
            if serve(&mut stream).await.is_none() {
                return;
            }
        }
    });
    assert_eq!(ten_each.await, QUERIES);
}

#[tokio::test]
async fn a_server_that_answers_one_query_a_connection_answers_all() {
    let one_each = answered(async |mut stream| {
        serve(&mut stream).await;
    });
    assert_eq!(one_each.await, QUERIES);
}

#[tokio::test]
async fn a_server_that_only_closes_connections_is_unreachable() {
    assert_eq!(answered(async |_| {}).await, 0);
}

#[tokio::test]
async fn a_connection_that_is_silent_is_not_used_again() {
    let (server, at) = listen().await;
    let connections = TcpConnections::new(Target::Direct(at), Duration::from_millis(20));
    let query = Arc::new(Query::new(&name("one.test."), RecordType::A));
    for _ in 0..2 {
        let answer = connections.ask(&query, &Toll::default()).await;
        assert_eq!(answer, Err(NoAnswer::Silent));
    }
    for _ in 0..2 {
        let accepted = tokio::time::timeout(Duration::from_secs(5), server.accept()).await;
        assert!(accepted.is_ok(), "each query has had a connection of its own");
    }
}

#[tokio::test]
async fn a_server_that_sends_without_end_and_never_the_answer_is_silent() {
    let (server, at) = listen().await;
    let connections = TcpConnections::new(Target::Direct(at), Duration::from_millis(50));
    let query = Arc::new(Query::new(&name("one.test."), RecordType::A));
    let flood = async {
        let (mut stream, _) = server.accept().await.unwrap();
        let frames = [0, 2, 7, 7].repeat(4_096);
        while stream.write_all(&frames).await.is_ok() {}
        std::future::pending::<()>().await;
    };
    let toll = Toll::default();
    let asked = connections.ask(&query, &toll);
    let answer = tokio::select! {
        answer = tokio::time::timeout(Duration::from_secs(5), asked) => answer,
        () = flood => unreachable!("a server never ends"),
    };
    assert_eq!(answer, Ok(Err(NoAnswer::Silent)));
}
