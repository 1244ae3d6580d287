//! What an answer says of a domain, and whom else to ask.

use super::*;

fn a(owner: &Name, address: [u8; 4]) -> Record {
    Record::from_rdata(owner.clone(), 60, RData::A(A(Ipv4Addr::from(address))))
}

fn soa(zone: &str) -> Record {
    let soa = SOA::new(name("ns.test."), name("host.test."), 1, 2, 3, 4, 5);
    Record::from_rdata(name(zone), 60, RData::SOA(soa))
}

fn servers_of(zone: &str) -> Record {
    Record::from_rdata(name(zone), 60, RData::NS(NS(name("ns.test."))))
}

fn extended(message: &mut Message, code: u16, text: &str) {
    let mut edns = Edns::new();
    let data = [&code.to_be_bytes()[..], text.as_bytes()].concat();
    let option = EdnsOption::Unknown(15, data);
    edns.options_mut().as_mut().push((EdnsCode::from(15), option));
    message.set_edns(edns);
}

/// What one answer of a server makes of the domain `www.example.test`.
async fn read(answer: impl Fn(&Name, &mut Message)) -> (LookupStatus, Option<LookupDetail>) {
    let (lookup, _) = asked("www.example.test", None, answer).await;
    (lookup.status, lookup.detail)
}

#[tokio::test]
async fn an_empty_answer_is_an_absence_only_by_an_authority_a_zone_or_a_resolver() {
    let no_data = (LookupStatus::NoAddress, Some(LookupDetail::NoData));
    assert_eq!(
        read(|_, message| _ = message.add_authority(soa("test."))).await,
        no_data
    );
    assert_eq!(
        read(|_, message| message.metadata.authoritative = true).await,
        no_data
    );
    assert_eq!(
        read(|_, message| message.metadata.recursion_available = true).await,
        no_data
    );
    let nothing = (LookupStatus::NotAnswered, Some(LookupDetail::EmptyAnswer));
    assert_eq!(read(|_, _| {}).await, nothing);
}

#[tokio::test]
async fn a_referral_answers_nothing_also_where_a_forwarder_passes_it_on() {
    let referral = (LookupStatus::NotAnswered, Some(LookupDetail::Referral));
    for forwarded in [false, true] {
        let read = read(|_, message| {
            message.add_authority(servers_of("example.test."));
            message.metadata.recursion_available = forwarded;
        });
        assert_eq!(read.await, referral, "{forwarded}");
    }
}

#[tokio::test]
async fn a_chain_of_aliases_within_one_answer_is_followed_to_its_end_however_long_it_is() {
    let (lookup, names) = asked("www.example.test", None, |asked, message| {
        let mut owner = asked.clone();
        for link in 0..40 {
            let target = name(&format!("link{link}.test."));
            message.add_answer(alias(&owner, &target));
            owner = target;
        }
        message.add_answer(a(&owner, [192, 0, 2, 1]));
    })
    .await;
    assert_eq!((lookup.status, names.len()), (LookupStatus::Resolved, 1));
}

#[tokio::test]
async fn addresses_that_lead_nowhere_are_no_addresses() {
    let sink = read(|asked, message| _ = message.add_answer(a(asked, [0, 0, 0, 0])));
    let expected = (LookupStatus::NoAddress, Some(LookupDetail::SinkAddress));
    assert_eq!(sink.await, expected);
    let (lookup, _) = asked("www.example.test", None, |asked, message| {
        message.add_answer(a(asked, [0, 1, 2, 3]));
        message.add_answer(a(asked, [192, 0, 2, 1]));
    })
    .await;
    assert_eq!(lookup.addresses, [IpAddr::from([192, 0, 2, 1])]);
}

#[tokio::test]
async fn what_a_policy_answers_claims_nothing_of_the_domain() {
    use LookupDetail::{
        Blocked, Censored, DnssecBogus, Filtered, ForgedAnswer, NoReachableAuthority, Prohibited,
    };
    for (rcode, code, status, detail) in [
        (ResponseCode::NoError, 4, LookupStatus::Blocked, ForgedAnswer),
        (ResponseCode::NXDomain, 15, LookupStatus::Blocked, Blocked),
        (ResponseCode::NoError, 15, LookupStatus::Blocked, Blocked),
        (ResponseCode::NXDomain, 16, LookupStatus::Blocked, Censored),
        (ResponseCode::Refused, 17, LookupStatus::Blocked, Filtered),
        (ResponseCode::NoError, 18, LookupStatus::Refused, Prohibited),
        (
            ResponseCode::ServFail,
            6,
            LookupStatus::ServerFailure,
            DnssecBogus,
        ),
        (
            ResponseCode::ServFail,
            7,
            LookupStatus::ServerFailure,
            DnssecBogus,
        ),
        (
            ResponseCode::ServFail,
            22,
            LookupStatus::ServerFailure,
            NoReachableAuthority,
        ),
    ] {
        let (lookup, _) = asked("www.example.test", None, |asked, message| {
            message.add_answer(a(asked, [192, 0, 2, 66]));
            message.metadata.response_code = rcode;
            message.metadata.recursion_available = true;
            extended(message, code, "a\u{1b}policy");
        })
        .await;
        assert_eq!((lookup.status, lookup.detail), (status, Some(detail)), "{code}");
        assert_eq!(lookup.addresses, [] as [IpAddr; 0], "{code}");
        let text = "apolicy".to_owned();
        assert_eq!(lookup.extended_errors, [ExtendedError { code, text }]);
    }
}

/// Makes an answer to a query for a name.
type Change = fn(&Name, &mut Message);

/// Looks a domain up at several servers, the first one first, without retries. Each server answers with what its entry of
/// `answers` does to an empty message, or not at all.
async fn among(answers: &[Option<Change>]) -> Lookup {
    let mut sockets = Vec::new();
    for _ in answers {
        sockets.push(both().await.0);
    }
    let servers: Vec<_> = sockets
        .iter()
        .map(|socket| Server::new(&socket.local_addr().unwrap().to_string()).unwrap())
        .collect();
    let policy = QueryPolicy {
        strategy: Strategy::First,
        record_types: vec![RecordType::A],
        timeout: Duration::from_millis(50),
        retries: 0,
    };
    let client = DnsClient::new("the DNS persona one", &servers, policy, None, None);
    let serving = futures::future::join_all(sockets.iter().zip(answers).map(async |(udp, change)| {
        loop {
            let mut buffer = [0; 512];
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            let Some(change) = change else { continue };
            let mut message = answer(&buffer[..length], &[]);
            let name = message.queries[0].name().clone();
            change(&name, &mut message);
            udp.send_to(&message.to_vec().unwrap(), from).await.unwrap();
        }
    }));
    tokio::select! {
        lookup = client.lookup("www.example.test", 0) => lookup.unwrap(),
        _ = serving => unreachable!("a server never ends"),
    }
}

const FOUND: Change = |asked, message| _ = message.add_answer(a(asked, [192, 0, 2, 1]));
const BLOCKS: Change = |_, message| {
    message.metadata.response_code = ResponseCode::NXDomain;
    extended(message, 15, "");
};
const FAILS: Change = |_, message| message.metadata.response_code = ResponseCode::ServFail;

#[tokio::test]
async fn every_resolver_is_asked_whatever_the_retries_are() {
    let lookup = among(&[None, None, Some(FAILS), Some(BLOCKS), Some(FOUND)]).await;
    assert_eq!((lookup.status, lookup.queries), (LookupStatus::Resolved, 5));
}

#[tokio::test]
async fn a_resolver_that_blocks_a_domain_is_believed_only_if_no_other_one_answers() {
    assert_eq!(
        among(&[Some(BLOCKS), Some(FOUND)]).await.status,
        LookupStatus::Resolved
    );
    assert_eq!(
        among(&[Some(BLOCKS), Some(FAILS)]).await.status,
        LookupStatus::Blocked
    );
}
