use hickory_proto::op::{Edns, Message, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, RecordType};
use phasegate_sandbox::Sandbox;
use phasegate_sandbox::zone::{self, Answer};

use crate::client::{addresses, ask_tcp, ask_udp, name_with_answer, names, query};

#[tokio::test]
async fn the_server_answers_what_the_zone_says_over_udp_and_tcp() {
    let sandbox = Sandbox::start().await.unwrap();
    for name in names()
        .take(300)
        .filter(|name| zone::answer(name) != Answer::Silent)
    {
        let query = query(&name, RecordType::A);
        for response in [
            ask_udp(sandbox.dns_addr(), std::slice::from_ref(&query)).await,
            ask_tcp(sandbox.dns_addr(), std::slice::from_ref(&query)).await,
        ] {
            check(&name, &query, &response);
        }
    }
}

fn check(name: &str, query: &Message, response: &Message) {
    assert_eq!(response.id, query.id);
    assert_eq!(response.queries, query.queries);
    let (code, expected, authoritative) = match zone::answer(name) {
        Answer::Address(address) => (ResponseCode::NoError, vec![address], true),
        Answer::NoSuchName => (ResponseCode::NXDomain, vec![], true),
        Answer::ServerFailure => (ResponseCode::ServFail, vec![], false),
        _ => unreachable!("not asked for"),
    };
    assert_eq!(
        (response.response_code, response.authoritative),
        (code, authoritative),
        "{name}"
    );
    assert_eq!(addresses(response), expected, "{name}");
    assert!(
        response
            .answers
            .iter()
            .all(|record| record.ttl == zone::TTL_SECONDS)
    );
    let soa_expected = code == ResponseCode::NXDomain;
    assert_eq!(response.authorities.len(), usize::from(soa_expected), "{name}");
}

#[tokio::test]
async fn a_silent_name_is_passed_over_without_an_answer() {
    let sandbox = Sandbox::start().await.unwrap();
    let silent = query(&name_with_answer(Answer::Silent), RecordType::A);
    let answered = query(
        &name_with_answer(Answer::Address(zone::SITE_ADDRESS)),
        RecordType::A,
    );

    // One TCP connection is served in order: an answer to the first query would come first.
    let queries = [silent, answered];
    assert_eq!(ask_tcp(sandbox.dns_addr(), &queries).await.id, queries[1].id);
    assert_eq!(ask_udp(sandbox.dns_addr(), &queries).await.id, queries[1].id);
    assert_eq!(sandbox.dns_queries(), 4);
}

#[tokio::test]
async fn another_record_type_of_an_existing_name_is_empty() {
    let sandbox = Sandbox::start().await.unwrap();
    let name = name_with_answer(Answer::Address(zone::SITE_ADDRESS));
    for kind in [RecordType::AAAA, RecordType::MX, RecordType::TXT] {
        let response = ask_udp(sandbox.dns_addr(), &[query(&name, kind)]).await;
        assert_eq!(response.response_code, ResponseCode::NoError);
        assert_eq!((response.answers.len(), response.authorities.len()), (0, 1));
    }
}

#[tokio::test]
async fn the_letter_case_of_a_query_is_kept_and_does_not_matter() {
    let sandbox = Sandbox::start().await.unwrap();
    let name = name_with_answer(Answer::Address(zone::REFUSING_ADDRESS));
    let query = query(&name.to_uppercase(), RecordType::A);
    let response = ask_udp(sandbox.dns_addr(), std::slice::from_ref(&query)).await;
    assert_eq!(addresses(&response), [zone::REFUSING_ADDRESS]);
    assert_eq!(
        response.queries[0].name().to_ascii(),
        query.queries[0].name().to_ascii()
    );
}

#[tokio::test]
async fn a_name_outside_the_zone_is_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    for name in ["example.com.", "test.", ".", "test.example."] {
        let response = ask_udp(sandbox.dns_addr(), &[query(name, RecordType::A)]).await;
        assert_eq!(response.response_code, ResponseCode::Refused, "{name}");
    }
}

#[tokio::test]
async fn queries_of_another_kind_are_turned_away() {
    let sandbox = Sandbox::start().await.unwrap();
    let name = name_with_answer(Answer::Address(zone::SITE_ADDRESS));

    let mut chaos = query(&name, RecordType::A);
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(
        ask_udp(sandbox.dns_addr(), &[chaos]).await.response_code,
        ResponseCode::Refused
    );

    let mut notify = query(&name, RecordType::A);
    notify.metadata.op_code = OpCode::Notify;
    assert_eq!(
        ask_udp(sandbox.dns_addr(), &[notify]).await.response_code,
        ResponseCode::NotImp
    );

    assert_eq!(
        ask_udp(sandbox.dns_addr(), &[Message::query()])
            .await
            .response_code,
        ResponseCode::FormErr
    );
}

#[tokio::test]
async fn a_query_with_edns_gets_an_answer_with_edns() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut query = query(
        &name_with_answer(Answer::Address(zone::SITE_ADDRESS)),
        RecordType::A,
    );
    assert!(
        ask_udp(sandbox.dns_addr(), std::slice::from_ref(&query))
            .await
            .edns
            .is_none()
    );
    query.set_edns(Edns::new());
    assert!(ask_udp(sandbox.dns_addr(), &[query]).await.edns.is_some());
}
