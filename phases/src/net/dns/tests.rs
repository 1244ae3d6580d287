mod lulls;
mod reading;
mod tcp;
mod waiting;

use super::*;
use crate::net::persona_limits::PersonaLimits;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hickory_proto::op::{Edns, Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, SOA};
use hickory_proto::rr::{Name, RData, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// A UDP and a TCP socket on one port of loopback.
async fn both() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

fn answer(query: &[u8], addresses: &[Ipv4Addr]) -> Message {
    let query = Message::from_vec(query).unwrap();
    let mut answer = Message::new(query.metadata.id, MessageType::Response, query.metadata.op_code);
    let name = query.queries[0].name().clone();
    answer.add_query(query.queries[0].clone());
    for address in addresses {
        answer.add_answer(Record::from_rdata(name.clone(), 60, RData::A(A(*address))));
    }
    answer
}

fn client(server: SocketAddr, retries: u64) -> DnsClient {
    paced(server, retries, None)
}

fn paced(server: SocketAddr, retries: u64, limits: Option<Arc<PersonaLimits>>) -> DnsClient {
    let policy = QueryPolicy {
        strategy: Strategy::First,
        record_types: vec![RecordType::A],
        timeout: Duration::from_secs(5),
        retries,
    };
    let server = Server::new(&server.to_string()).unwrap();
    DnsClient::new("the DNS persona one", &[server], policy, limits, None)
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn alias(owner: &Name, target: &Name) -> Record {
    Record::from_rdata(owner.clone(), 60, RData::CNAME(CNAME(target.clone())))
}

/// Looks `domain` up at a server that answers each query with what `records` gives for its name. Gives the names that
/// it was asked for.
async fn asked(
    domain: &str,
    limits: Option<Arc<PersonaLimits>>,
    records: impl Fn(&Name, &mut Message),
) -> (Lookup, Vec<String>) {
    let (udp, _tcp) = both().await;
    let client = paced(udp.local_addr().unwrap(), 0, limits);
    let mut names = Vec::new();
    let lookup = {
        let server = async {
            loop {
                let mut buffer = [0; 512];
                let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
                let mut message = answer(&buffer[..length], &[]);
                let name = message.queries[0].name().clone();
                records(&name, &mut message);
                names.push(name.to_string());
                udp.send_to(&message.to_vec().unwrap(), from).await.unwrap();
            }
        };
        tokio::select! {
            lookup = client.lookup(domain, 0) => lookup.unwrap(),
            () = server => unreachable!("a server never ends"),
        }
    };
    (lookup, names)
}

#[tokio::test]
async fn an_alias_is_asked_for_by_a_query_that_is_counted_and_waits_for_its_turn() {
    let start = std::time::Instant::now();
    let limits = Arc::new(PersonaLimits::new(1, Some(20)));
    let (lookup, names) = asked("www.example", Some(limits), |asked, message| {
        let next = match asked.to_string().as_str() {
            "www.example." => name("one.example."),
            "one.example." => name("two.example."),
            _ => {
                let address = RData::A(A(Ipv4Addr::new(192, 0, 2, 1)));
                message.add_answer(Record::from_rdata(asked.clone(), 60, address));
                return;
            }
        };
        message.add_answer(alias(asked, &next));
    })
    .await;
    assert_eq!(names, ["www.example.", "one.example.", "two.example."]);
    let expected = Lookup {
        status: LookupStatus::Resolved,
        detail: None,
        extended_errors: Vec::new(),
        addresses: vec![IpAddr::from([192, 0, 2, 1])],
        queries: 3,
    };
    assert_eq!(lookup, expected);
    // The first of them is the burst.
    assert!(
        start.elapsed() >= Duration::from_millis(90),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn an_alias_that_the_server_has_followed_itself_needs_no_further_query() {
    let target = name("target.other.");
    for (code, expected) in [
        (ResponseCode::NoError, LookupStatus::NoAddress),
        // The domain itself exists: the code is about its alias.
        (ResponseCode::NXDomain, LookupStatus::NoAddress),
    ] {
        let (lookup, names) = asked("www.example", None, |asked, message| {
            message.add_answer(alias(asked, &target));
            let soa = SOA::new(name("ns.other."), name("host.other."), 1, 2, 3, 4, 5);
            message.add_authority(Record::from_rdata(name("other."), 60, RData::SOA(soa)));
            message.metadata.response_code = code;
        })
        .await;
        assert_eq!((lookup.status, lookup.queries), (expected, 1));
        assert_eq!(names, ["www.example."]);
    }
}

#[tokio::test]
async fn aliases_end_where_they_come_back_to_a_name_and_after_sixteen() {
    let (lookup, names) = asked("one.example", None, |asked, message| {
        let [one, two] = ["one.example.", "two.example."].map(name);
        message.add_answer(alias(asked, if *asked == one { &two } else { &one }));
    })
    .await;
    assert_eq!((lookup.status, lookup.queries), (LookupStatus::NoAddress, 2));
    assert_eq!(names.len(), 2);
    let (lookup, names) = asked("a.example", None, |asked, message| {
        let longer = name(&format!("a.{asked}"));
        message.add_answer(alias(asked, &longer));
    })
    .await;
    assert_eq!((lookup.status, lookup.queries), (LookupStatus::Error, 17));
    assert_eq!(lookup.detail, Some(LookupDetail::AliasChainTooLong));
    assert_eq!(names.len(), 17);
}

#[tokio::test]
async fn names_with_a_special_use_are_asked_of_the_server_like_any_other() {
    for domain in [
        "localhost",
        "shop.localhost",
        "shop.invalid",
        "shop.onion",
        "shop.local",
    ] {
        let (lookup, names) = asked(domain, None, |asked, message| {
            let address = RData::A(A(Ipv4Addr::new(192, 0, 2, 1)));
            message.add_answer(Record::from_rdata(asked.clone(), 60, address));
        })
        .await;
        assert_eq!(names, [format!("{domain}.")]);
        assert_eq!((lookup.status, lookup.queries), (LookupStatus::Resolved, 1));
        assert_eq!(lookup.addresses, [IpAddr::from([192, 0, 2, 1])]);
    }
}

#[tokio::test]
async fn lookups_of_one_name_at_once_send_a_query_each() {
    let (udp, _tcp) = both().await;
    let client = client(udp.local_addr().unwrap(), 0);
    let server = async {
        // Both are waiting before either is answered.
        let mut queries = Vec::new();
        for _ in 0..2 {
            let mut buffer = [0; 512];
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            queries.push((buffer[..length].to_vec(), from));
        }
        for (query, from) in queries {
            let message = answer(&query, &[Ipv4Addr::new(192, 0, 2, 1)]);
            udp.send_to(&message.to_vec().unwrap(), from).await.unwrap();
        }
    };
    let (one, other, ()) = tokio::join!(
        client.lookup("a.example", 0),
        client.lookup("a.example", 0),
        server
    );
    assert_eq!((one.unwrap().queries, other.unwrap().queries), (1, 1));
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_asked_for_again_over_tcp() {
    let (udp, tcp) = both().await;
    let client = client(udp.local_addr().unwrap(), 0);
    let server = async {
        let mut buffer = [0; 512];
        let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
        let mut truncated = answer(&buffer[..length], &[]);
        truncated.metadata.truncation = true;
        udp.send_to(&truncated.to_vec().unwrap(), from).await.unwrap();
        let (mut stream, _) = tcp.accept().await.unwrap();
        let length = stream.read_u16().await.unwrap();
        let mut query = vec![0; usize::from(length)];
        stream.read_exact(&mut query).await.unwrap();
        let bytes = answer(
            &query,
            &[Ipv4Addr::new(192, 0, 2, 2), Ipv4Addr::new(192, 0, 2, 1)],
        )
        .to_vec()
        .unwrap();
        stream
            .write_u16(u16::try_from(bytes.len()).unwrap())
            .await
            .unwrap();
        stream.write_all(&bytes).await.unwrap();
    };
    let (lookup, ()) = tokio::join!(client.lookup("big.example", 0), server);
    let lookup = lookup.unwrap();
    assert_eq!((lookup.status, lookup.queries), (LookupStatus::Resolved, 2));
    assert_eq!(
        lookup.addresses,
        ["192.0.2.1", "192.0.2.2"].map(|address| address.parse::<IpAddr>().unwrap())
    );
}

#[tokio::test]
async fn an_answer_that_is_cut_within_a_record_is_asked_for_again_over_tcp() {
    let (udp, tcp) = both().await;
    let client = client(udp.local_addr().unwrap(), 0);
    let server = async {
        let mut buffer = [0; 512];
        let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
        let mut cut = answer(&buffer[..length], &[Ipv4Addr::new(192, 0, 2, 66)]);
        cut.metadata.truncation = true;
        let bytes = cut.to_vec().unwrap();
        udp.send_to(&bytes[..bytes.len() - 3], from).await.unwrap();
        let (mut stream, _) = tcp.accept().await.unwrap();
        let length = stream.read_u16().await.unwrap();
        let mut query = vec![0; usize::from(length)];
        stream.read_exact(&mut query).await.unwrap();
        let bytes = answer(&query, &[Ipv4Addr::new(192, 0, 2, 1)]).to_vec().unwrap();
        let length = u16::try_from(bytes.len()).unwrap();
        stream.write_u16(length).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
    };
    let (lookup, ()) = tokio::join!(client.lookup("big.example", 0), server);
    assert_eq!(lookup.unwrap().addresses, [IpAddr::from([192, 0, 2, 1])]);
}

#[tokio::test]
async fn answers_to_other_questions_are_passed_over() {
    let (udp, _tcp) = both().await;
    let client = client(udp.local_addr().unwrap(), 0);
    let server = async {
        let mut buffer = [0; 512];
        let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
        let right = answer(&buffer[..length], &[Ipv4Addr::new(192, 0, 2, 1)]);
        let mut wrong_id = answer(&buffer[..length], &[Ipv4Addr::new(192, 0, 2, 66)]);
        wrong_id.metadata.id = wrong_id.metadata.id.wrapping_add(1);
        let mut other_question = answer(&buffer[..length], &[Ipv4Addr::new(192, 0, 2, 67)]);
        other_question.queries[0].set_query_type(RecordType::TXT);
        for message in [&wrong_id, &other_question, &right] {
            let garbage = [&wrong_id.metadata.id.to_be_bytes(), &b"garbage"[..]].concat();
            udp.send_to(&garbage, from).await.unwrap();
            udp.send_to(&message.to_vec().unwrap(), from).await.unwrap();
        }
    };
    let (lookup, ()) = tokio::join!(client.lookup("spoofed.example", 0), server);
    assert_eq!(
        lookup.unwrap().addresses,
        ["192.0.2.1".parse::<IpAddr>().unwrap()]
    );
}

#[tokio::test]
async fn only_the_addresses_that_were_asked_for_are_taken_from_an_answer() {
    let (udp, _tcp) = both().await;
    let client = client(udp.local_addr().unwrap(), 0);
    let server = async {
        let mut buffer = [0; 512];
        let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
        let mut message = answer(&buffer[..length], &[]);
        let name = message.queries[0].name().clone();
        let [alias, second, other] = ["alias.example.", "SECOND.example.", "other.example."]
            .map(|name| Name::from_ascii(name).unwrap());
        let a = |last| RData::A(A(Ipv4Addr::new(192, 0, 2, last)));
        for (owner, data) in [
            (&second, a(1)),
            (&other, a(66)),
            (&name, RData::CNAME(CNAME(alias.clone()))),
            (&alias, RData::CNAME(CNAME(second.clone()))),
            (&second, RData::AAAA(AAAA("2001:db8::66".parse().unwrap()))),
        ] {
            message.add_answer(Record::from_rdata(owner.clone(), 60, data));
        }
        udp.send_to(&message.to_vec().unwrap(), from).await.unwrap();
    };
    let (lookup, ()) = tokio::join!(client.lookup("talkative.example", 0), server);
    assert_eq!(
        lookup.unwrap().addresses,
        ["192.0.2.1".parse::<IpAddr>().unwrap()]
    );
}

#[tokio::test]
async fn a_server_that_fails_is_asked_again_as_often_as_the_persona_says() {
    let (udp, _tcp) = both().await;
    let client = client(udp.local_addr().unwrap(), 2);
    let server = async {
        for code in [
            ResponseCode::ServFail,
            ResponseCode::Refused,
            ResponseCode::NoError,
        ] {
            let mut buffer = [0; 512];
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            let mut message = answer(&buffer[..length], &[]);
            message.metadata.response_code = code;
            message.metadata.recursion_available = true;
            udp.send_to(&message.to_vec().unwrap(), from).await.unwrap();
        }
    };
    let (lookup, ()) = tokio::join!(client.lookup("failing.example", 0), server);
    let expected = Lookup {
        status: LookupStatus::NoAddress,
        detail: Some(LookupDetail::NoData),
        extended_errors: Vec::new(),
        addresses: Vec::new(),
        queries: 3,
    };
    assert_eq!(lookup.unwrap(), expected);
}
