//! Servers that are down, come back, throttle or refuse.

use super::*;
use crate::net::dns::pause::pause;
use crate::net::fatal_error::FatalError;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

/// A client of these servers that asks each query once.
pub(super) fn patient(
    servers: &[SocketAddr],
    strategy: Strategy,
    retries: u64,
    timeout: Duration,
) -> DnsClient {
    let servers: Vec<_> = servers
        .iter()
        .map(|server| Server::new(&server.to_string()).unwrap())
        .collect();
    let policy = QueryPolicy {
        strategy,
        record_types: vec![RecordType::A],
        timeout,
        retries,
    };
    DnsClient::new("the DNS persona one", &servers, policy, None, None)
}

/// Looks `count` names up at once.
async fn look_up(client: &DnsClient, count: u64) -> Vec<Result<Lookup, FatalError>> {
    let lookups = (0..count).map(async |place| client.lookup(&format!("name{place}.test"), place).await);
    futures::future::join_all(lookups).await
}

pub(super) fn resolved(lookups: &[Result<Lookup, FatalError>]) -> usize {
    let is_resolved = |lookup: &&Result<Lookup, FatalError>| matches!(lookup, Ok(lookup) if lookup.status == LookupStatus::Resolved);
    lookups.iter().filter(is_resolved).count()
}

/// Answers each query with what `treat` makes of the right answer; without an answer if that gives `false`.
pub(super) async fn serve(udp: &UdpSocket, treat: impl Fn(&mut Message) -> bool) {
    loop {
        let mut buffer = [0; 512];
        let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
        let mut message = answer(&buffer[..length], &[Ipv4Addr::new(192, 0, 2, 1)]);
        if treat(&mut message) {
            udp.send_to(&message.to_vec().unwrap(), from).await.unwrap();
        }
    }
}

pub(super) fn refuse(message: &mut Message) {
    message.answers.clear();
    message.metadata.response_code = ResponseCode::Refused;
}

async fn closed() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

#[tokio::test]
async fn a_closed_port_fails_the_run_without_waiting_for_the_timeout() {
    let hours = Duration::from_secs(7_200);
    let client = patient(&[closed().await], Strategy::First, 2, hours);
    let outcome = tokio::time::timeout(Duration::from_secs(60), client.lookup("one.test", 0)).await;
    let error = outcome
        .expect("the system says at once that nobody listens")
        .unwrap_err();
    assert!(matches!(error, FatalError::NoResolverAnswers { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn an_address_that_nothing_can_be_sent_to_fails_the_run_at_once() {
    // Only a socket that says so beforehand may send to the broadcast address.
    let nowhere = SocketAddr::from(([255, 255, 255, 255], 53));
    let client = patient(&[nowhere], Strategy::First, 2, Duration::from_secs(7_200));
    let outcome = tokio::time::timeout(Duration::from_secs(60), client.lookup("one.test", 0)).await;
    let error = outcome.expect("the system says so at once").unwrap_err();
    assert!(matches!(error, FatalError::NoResolverAnswers { .. }), "{error}");
}

#[tokio::test]
async fn servers_that_drop_all_fail_the_run_and_claim_nothing_of_a_name() {
    let (udp, _tcp) = both().await;
    let client = patient(
        &[udp.local_addr().unwrap()],
        Strategy::First,
        0,
        Duration::from_millis(50),
    );
    let error = client.lookup("one.test", 0).await.unwrap_err();
    assert!(matches!(error, FatalError::NoResolverAnswers { .. }), "{error}");
    assert!(error.to_string().contains("silent"), "{error}");
}

#[tokio::test]
async fn a_name_is_unanswered_if_others_are_answered_meanwhile() {
    let (udp, _tcp) = both().await;
    let client = patient(
        &[udp.local_addr().unwrap()],
        Strategy::First,
        0,
        Duration::from_millis(50),
    );
    let server = serve(&udp, |message| {
        !message.queries[0].name().to_string().starts_with("name1.")
    });
    let lookups = tokio::select! {
        lookups = look_up(&client, 3) => lookups,
        () = server => unreachable!("a server never ends"),
    };
    let details: Vec<_> = lookups.into_iter().map(|lookup| lookup.unwrap().detail).collect();
    assert_eq!(details, [None, Some(LookupDetail::TimedOut), None]);
}

#[tokio::test]
async fn an_outage_loses_no_name_even_without_retries() {
    let (udp, _tcp) = both().await;
    let client = patient(
        &[udp.local_addr().unwrap()],
        Strategy::First,
        0,
        Duration::from_millis(50),
    );
    // It answers ten queries, and drops the next 34, the last four of them probes.
    let queries = Cell::new(0);
    let server = serve(&udp, |_| {
        queries.set(queries.get() + 1);
        !(11..=44).contains(&queries.get())
    });
    let lookups = tokio::select! {
        lookups = look_up(&client, 40) => lookups,
        () = server => unreachable!("a server never ends"),
    };
    assert_eq!(resolved(&lookups), 40);
}

#[tokio::test]
async fn dead_servers_are_put_aside_and_no_name_pays_for_them_again() {
    for strategy in [Strategy::First, Strategy::RoundRobin] {
        let (dropping, _tcp) = both().await;
        let (udp, _tcp) = both().await;
        let [dead, alive] = [&dropping, &udp].map(|socket| socket.local_addr().unwrap());
        let servers = [dead, closed().await, dead, closed().await, alive];
        let client = patient(&servers, strategy, 2, Duration::from_millis(50));
        let server = serve(&udp, |_| true);
        let lookups = async {
            let first = look_up(&client, 50).await;
            (first, look_up(&client, 50).await)
        };
        let (first, second) = tokio::select! {
            lookups = lookups => lookups,
            () = server => unreachable!("a server never ends"),
        };
        assert_eq!((resolved(&first), resolved(&second)), (50, 50), "{strategy}");
        let queries: u64 = second.iter().map(|lookup| lookup.as_ref().unwrap().queries).sum();
        assert!(queries < 60, "{queries} queries for 50 names");
    }
}

#[tokio::test]
async fn a_server_that_refuses_what_is_too_much_resolves_every_name() {
    let (udp, _tcp) = both().await;
    let client = patient(
        &[udp.local_addr().unwrap()],
        Strategy::First,
        2,
        Duration::from_secs(5),
    );
    // It answers ten queries in any half of a second.
    let answered = RefCell::new(Vec::new());
    let server = serve(&udp, |message| {
        let mut answered = answered.borrow_mut();
        answered.retain(|at: &std::time::Instant| at.elapsed() < Duration::from_millis(500));
        match answered.len() < 10 {
            true => answered.push(std::time::Instant::now()),
            false => refuse(message),
        }
        true
    });
    let lookups = tokio::select! {
        lookups = look_up(&client, 60) => lookups,
        () = server => unreachable!("a server never ends"),
    };
    assert_eq!(resolved(&lookups), 60);
}

#[tokio::test]
async fn a_server_that_refuses_names_is_taken_at_its_word() {
    let (udp, _tcp) = both().await;
    let client = patient(
        &[udp.local_addr().unwrap()],
        Strategy::First,
        1,
        Duration::from_secs(5),
    );
    let asked = RefCell::new(BTreeSet::new());
    let server = serve(&udp, |message| {
        let name = message.queries[0].name();
        if !name.is_root() {
            asked.borrow_mut().insert(name.to_string());
        }
        refuse(message);
        true
    });
    let lookups = tokio::select! {
        lookups = look_up(&client, 100) => lookups,
        () = server => unreachable!("a server never ends"),
    };
    for lookup in lookups {
        assert_eq!(lookup.unwrap().detail, Some(LookupDetail::Refused));
    }
    assert_eq!(asked.borrow().len(), 100);
}

#[test]
fn pauses_grow_and_stay_within_their_bound() {
    for (round, full) in [(0, 100), (1, 200), (2, 400), (9, 2_000), (60, 2_000)] {
        let full = Duration::from_millis(full);
        assert!((full / 2..=full).contains(&pause(round)), "{round}");
    }
}

#[tokio::test]
async fn a_server_that_drops_questions_for_the_root_is_no_outage() {
    let (udp, _tcp) = both().await;
    let client = patient(
        &[udp.local_addr().unwrap()],
        Strategy::First,
        1,
        Duration::from_millis(50),
    );
    let server = serve(&udp, |message| {
        let name = message.queries[0].name();
        !name.is_root() && !name.to_string().starts_with("name1.")
    });
    // One at a time, so that nothing else is answered meanwhile.
    let lookups = async {
        let mut details = Vec::new();
        for name in ["name0.test", "name1.test", "name2.test"] {
            details.push(client.lookup(name, 0).await.unwrap().detail);
        }
        details
    };
    let details = tokio::select! {
        details = lookups => details,
        () = server => unreachable!("a server never ends"),
    };
    assert_eq!(details, [None, Some(LookupDetail::TimedOut), None]);
}

#[tokio::test]
async fn names_go_to_the_server_that_takes_them_while_another_one_pauses() {
    let (refusing, _tcp) = both().await;
    let (udp, _tcp) = both().await;
    let servers = [&refusing, &udp].map(|socket| socket.local_addr().unwrap());
    let client = patient(&servers, Strategy::First, 2, Duration::from_secs(5));
    let refuser = serve(&refusing, |message| {
        refuse(message);
        true
    });
    let lookups = async {
        let first = look_up(&client, 20).await;
        (first, look_up(&client, 20).await)
    };
    let (first, second) = tokio::select! {
        lookups = lookups => lookups,
        () = refuser => unreachable!("a server never ends"),
        () = serve(&udp, |_| true) => unreachable!("a server never ends"),
    };
    assert_eq!((resolved(&first), resolved(&second)), (20, 20));
    let queries: u64 = second.iter().map(|lookup| lookup.as_ref().unwrap().queries).sum();
    assert!(queries < 30, "{queries} queries for 20 names");
}

#[tokio::test]
async fn a_server_that_was_put_aside_is_asked_before_a_name_is_given_up() {
    let (dropping, _tcp) = both().await;
    let (failing, _tcp) = both().await;
    let servers = [&dropping, &failing].map(|socket| socket.local_addr().unwrap());
    let client = patient(&servers, Strategy::First, 0, Duration::from_millis(50));
    // It drops ten queries, and is there again.
    let dropped = Cell::new(0);
    let dropper = serve(&dropping, |_| {
        dropped.set(dropped.get() + 1);
        dropped.get() > 10
    });
    let failer = serve(&failing, |message| {
        message.answers.clear();
        message.metadata.response_code = ResponseCode::ServFail;
        true
    });
    let lookups = async {
        look_up(&client, 10).await;
        look_up(&client, 10).await
    };
    let lookups = tokio::select! {
        lookups = lookups => lookups,
        () = dropper => unreachable!("a server never ends"),
        () = failer => unreachable!("a server never ends"),
    };
    assert_eq!(resolved(&lookups), 10);
}
