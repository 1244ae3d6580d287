//! Servers that are there, and tell nothing of any name for a while.

use super::waiting::{patient, refuse, resolved, serve};
use super::*;
use crate::net::fatal_error::FatalError;
use std::cell::Cell;
use std::time::Instant;

use futures::StreamExt as _;

/// Looks `count` names up, so many at once.
async fn look_up(client: &DnsClient, count: u64, at_once: usize) -> Vec<Result<Lookup, FatalError>> {
    let lookups = (0..count).map(async |place| client.lookup(&format!("name{place}.test"), place).await);
    futures::stream::iter(lookups)
        .buffer_unordered(at_once)
        .collect()
        .await
}

/// Looks 200 names up at a server that does so after it has answered 60, for so long.
async fn through(at_once: usize, bad: impl Fn(&mut Message) -> bool, time: Duration, patience: Duration) {
    let (udp, _tcp) = both().await;
    let server = udp.local_addr().unwrap();
    let client = patient(&[server], Strategy::First, 0, patience);
    let answered = Cell::new(0);
    let (began, hit) = (Cell::new(None), Cell::new(0));
    let server = serve(&udp, |message| {
        if answered.get() < 60 {
            answered.set(answered.get() + 1);
            return true;
        }
        let began = began.get().unwrap_or_else(|| {
            began.set(Some(Instant::now()));
            Instant::now()
        });
        if began.elapsed() >= time {
            return true;
        }
        hit.set(hit.get() + 1);
        bad(message)
    });
    let lookups = tokio::select! {
        lookups = look_up(&client, 200, at_once) => lookups,
        () = server => unreachable!("a server never ends"),
    };
    let lost = lookups
        .iter()
        .find(|lookup| !matches!(lookup, Ok(lookup) if lookup.detail.is_none()));
    assert_eq!(resolved(&lookups), 200, "{at_once} at once: {lost:?}");
    assert!(hit.get() > 0, "no query met the bad time");
}

#[tokio::test]
async fn a_server_that_refuses_everything_for_a_while_loses_no_name() {
    // As long as its refusals take to be believed, and longer.
    let refused = |message: &mut Message| {
        refuse(message);
        true
    };
    let (time, patience) = (Duration::from_secs(9), Duration::from_secs(5));
    tokio::join!(
        through(1, refused, time, patience),
        through(4, refused, time, patience),
        through(100, refused, time, patience),
    );
}

#[tokio::test]
async fn a_server_that_fails_everything_for_a_while_loses_no_name() {
    let failed = |message: &mut Message| {
        message.answers.clear();
        message.metadata.response_code = ResponseCode::ServFail;
        true
    };
    let (time, patience) = (Duration::from_secs(2), Duration::from_secs(5));
    tokio::join!(
        through(1, failed, time, patience),
        through(50, failed, time, patience),
    );
}

#[tokio::test]
async fn a_server_that_answers_for_the_root_alone_for_a_while_loses_no_name() {
    // It knows the first of its names too, as a cache does.
    let known = |message: &mut Message| {
        let name = message.queries[0].name();
        name.is_root() || name.to_string() == "name0.test."
    };
    let (time, patience) = (Duration::from_secs(2), Duration::from_millis(200));
    through(50, known, time, patience).await;
}

#[tokio::test]
async fn a_name_that_fails_alone_is_taken_for_what_it_is() {
    let (udp, _tcp) = both().await;
    let client = patient(
        &[udp.local_addr().unwrap()],
        Strategy::First,
        0,
        Duration::from_secs(5),
    );
    let server = serve(&udp, |message| {
        if message.queries[0].name().to_string() == "name9.test." {
            message.answers.clear();
            message.metadata.response_code = ResponseCode::ServFail;
        }
        true
    });
    let lookups = tokio::select! {
        lookups = look_up(&client, 10, 1) => lookups,
        () = server => unreachable!("a server never ends"),
    };
    assert_eq!(resolved(&lookups), 9);
    let last = lookups[9].as_ref().unwrap();
    assert_eq!(last.detail, Some(LookupDetail::ServerFailure));
}

#[tokio::test]
async fn a_type_that_is_always_refused_holds_nothing_up() {
    let (udp, _tcp) = both().await;
    let server = Server::new(&udp.local_addr().unwrap().to_string()).unwrap();
    let policy = QueryPolicy {
        strategy: Strategy::First,
        record_types: vec![RecordType::A, RecordType::AAAA],
        timeout: Duration::from_secs(5),
        retries: 0,
    };
    let client = DnsClient::new("the DNS persona one", &[server], policy, None, None);
    let queries = Cell::new(0);
    let server = serve(&udp, |message| {
        queries.set(queries.get() + 1);
        if message.queries[0].query_type() == RecordType::AAAA {
            refuse(message);
        }
        true
    });
    let lookups = tokio::select! {
        lookups = look_up(&client, 100, 50) => lookups,
        () = server => unreachable!("a server never ends"),
    };
    assert_eq!(resolved(&lookups), 100);
    // Two each, and the tries that it takes to believe the refusals.
    assert!(queries.get() < 400, "{} queries", queries.get());
}
