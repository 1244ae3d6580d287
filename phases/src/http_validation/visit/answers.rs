//! Answers as real servers send them, beyond what RFC 9112 allows: each with what a browser makes of it.

use super::tests::visitor;
use super::*;
use serde_json::{Value, json};
use std::io::Write as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Visits a site that gives these answers in turn, one on each connection, and then no more. Gives its requests, too.
async fn visit(persona: Value, answers: &[&[u8]]) -> (Visit, Vec<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let mut document = json!({
        "userAgent": "test", "scheme": "http", "port": at.port(), "allowPrivateAddresses": true, "retries": 0,
    });
    let members = persona.as_object().unwrap().clone();
    document.as_object_mut().unwrap().extend(members);
    let visitor = visitor(document, None);
    let site = Site {
        domain: "site.test".to_owned(),
        addresses: vec![at.ip()],
    };
    let mut requests = Vec::new();
    let server = async {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4_096];
            let count = stream.read(&mut request).await.unwrap();
            requests.push(String::from_utf8_lossy(&request[..count]).into_owned());
            // Who has heard enough closes first.
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
        drop(listener);
        std::future::pending::<()>().await;
    };
    let visit = tokio::select! {
        visit = visitor.visit(&site) => visit.unwrap(),
        () = server => unreachable!("a server never ends"),
    };
    (visit, requests)
}

fn code(visit: &Visit) -> Option<HttpDetail> {
    visit.detail.as_ref().map(|detail| detail.code)
}

fn message(visit: &Visit) -> &str {
    visit.detail.as_ref().map_or("", |detail| &detail.message)
}

fn body(visit: &Visit) -> &[u8] {
    visit.answer.as_ref().map_or(b"", |answer| &answer.body)
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_page_is_a_page_whatever_its_head_looks_like() {
    let many: String = (0..300).map(|n| format!("X-{n}: y\r\n")).collect();
    for (what, head) in [
        (
            "a folded header",
            "HTTP/1.1 200 OK\r\nX-A: one\r\n  two\r\n\tthree\r\n".to_owned(),
        ),
        (
            "a space before the colon",
            "HTTP/1.1 200 OK\r\nContent-Type : text/html\r\n".to_owned(),
        ),
        (
            "a line without a colon",
            "HTTP/1.1 200 OK\r\nnonsense\r\nX-A: b\r\n".to_owned(),
        ),
        (
            "an empty length",
            "HTTP/1.1 200 OK\r\nContent-Length:\r\n".to_owned(),
        ),
        (
            "a length that is no number",
            "HTTP/1.1 200 OK\r\nContent-Length: unknown\r\n".to_owned(),
        ),
        ("300 headers", format!("HTTP/1.1 200 OK\r\n{many}")),
        (
            "control characters in a value",
            "HTTP/1.1 200 OK\r\nX-A: a\u{1}b\r\nX-B: c\r\n".to_owned(),
        ),
        (
            "characters beyond ASCII in a value",
            "HTTP/1.1 200 OK\r\nX-A: caf\u{e9}\r\n".to_owned(),
        ),
        (
            "characters beyond ASCII in a name",
            "HTTP/1.1 200 OK\r\nX-\u{e9}: a\r\nX-B: c\r\n".to_owned(),
        ),
        ("an empty name", "HTTP/1.1 200 OK\r\n: a\r\nX-B: c\r\n".to_owned()),
        ("no reason", "HTTP/1.1 200\r\n".to_owned()),
        (
            "a reason beyond ASCII",
            "HTTP/1.1 200 tr\u{e8}s bien\r\n".to_owned(),
        ),
        ("spaces in the status line", "HTTP/1.1  200  OK\r\n".to_owned()),
        ("another version", "HTTP/2.0 200 OK\r\n".to_owned()),
        ("small letters", "http/1.1 200 ok\r\n".to_owned()),
        ("bare line feeds", "HTTP/1.1 200 OK\nX-A: b\n".to_owned()),
        ("an empty line before it", "\r\nHTTP/1.1 200 OK\r\n".to_owned()),
        (
            "a hint before it",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n".to_owned(),
        ),
        ("HTTP/1.0", "HTTP/1.0 200 OK\r\n".to_owned()),
    ] {
        let answer = format!("{head}\r\npage");
        let (visit, _) = visit(json!({}), &[answer.as_bytes()]).await;
        assert_eq!(
            (visit.status, body(&visit)),
            (Status::Ok, &b"page"[..]),
            "{what}: {:?}",
            visit.detail
        );
        assert_eq!(visit.detail, None, "{what}");
    }
}

#[tokio::test]
async fn what_could_be_two_answers_or_ends_in_its_head_is_none() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 2\r\n\r\npage",
        "HTTP/1.1 200 OK\r\nContent-Length: 4, 2\r\n\r\npage",
        "nonsense\r\n\r\npage",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let (visit, _) = visit(json!({}), &[answer.as_bytes()]).await;
        assert_eq!(
            (visit.status, code(&visit)),
            (Status::InvalidResponse, Some(HttpDetail::InvalidAnswer)),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_coding_that_is_none_changes_nothing_and_one_that_the_page_lacks_is_named() {
    let answer = |coding: &str, body: &[u8]| -> Vec<u8> {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    for coding in ["none", "UTF-8", "8bit", "binary"] {
        let (visit, _) = visit(json!({}), &[&answer(coding, b"page")]).await;
        assert_eq!(
            (visit.status, body(&visit)),
            (Status::Ok, &b"page"[..]),
            "{coding}"
        );
    }
    let (visit_, _) = visit(json!({}), &[&answer("gzip", b"page")]).await;
    assert_eq!(
        (visit_.status, code(&visit_)),
        (Status::InvalidResponse, Some(HttpDetail::WrongCoding))
    );
    assert!(message(&visit_).contains("gzip"), "{}", message(&visit_));
    let (visit_, _) = visit(json!({}), &[&answer("br", b"page")]).await;
    assert_eq!(
        (visit_.status, code(&visit_)),
        (Status::InvalidResponse, Some(HttpDetail::UnknownCoding))
    );
    assert!(message(&visit_).contains("br"), "{}", message(&visit_));
    // What stands behind the end of the stream is no page.
    for rest in [&[0; 100][..], b"\n", b""] {
        let packed = [&gzip(b"page")[..], rest].concat();
        let (visit, _) = visit(json!({}), &[&answer("gzip", &packed)]).await;
        let answer = visit.answer.unwrap();
        assert_eq!(
            (visit.status, &answer.body[..], answer.truncated),
            (Status::Ok, &b"page"[..], false)
        );
    }
    let (visit, _) = visit(json!({}), &[&answer("gzip", &gzip(b""))]).await;
    assert_eq!(
        (visit.status, visit.answer.unwrap().truncated),
        (Status::Ok, false)
    );
}

#[tokio::test]
async fn what_came_of_a_cut_answer_is_kept_and_said_to_be_cut() {
    // What hardly gets shorter.
    let steps = std::iter::successors(Some(1_u64), |last| {
        Some(last.wrapping_mul(6_364_136_223_846_793_005) + 1)
    });
    let random: Vec<u8> = steps.map(|step| (step >> 56) as u8).take(20_000).collect();
    let packed = gzip(&random);
    let cut_gzip = [
        &b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"[..],
        &packed[..10_000],
    ]
    .concat();
    for (what, answer) in [
        (
            "a length",
            &b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npage"[..],
        ),
        (
            "a chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\npage",
        ),
        (
            "no last chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npage\r\n",
        ),
        ("a compressed page", &cut_gzip),
    ] {
        let (visit, _) = visit(json!({}), &[answer]).await;
        assert_eq!(
            (visit.status, code(&visit)),
            (Status::Ok, Some(HttpDetail::CutShort)),
            "{what}"
        );
        let answer = visit.answer.unwrap();
        let came = answer.body == b"page" || random.starts_with(&answer.body);
        assert!(answer.truncated && came && !answer.body.is_empty(), "{what}");
    }
    let cut = b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\npage";
    let (visit_, _) = visit(json!({}), &[cut]).await;
    assert_eq!(
        (visit_.status, code(&visit_)),
        (Status::HttpError, Some(HttpDetail::ClientError))
    );
}

#[tokio::test]
async fn a_page_that_does_not_end_in_time_is_cut_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let persona = json!({
        "userAgent": "test", "scheme": "http", "port": at.port(), "allowPrivateAddresses": true, "timeoutMs": 300,
    });
    let site = Site {
        domain: "site.test".to_owned(),
        addresses: vec![at.ip()],
    };
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npage";
        stream.write_all(begun).await.unwrap();
        std::future::pending::<()>().await;
    };
    let visitor = visitor(persona, None);
    let visit = tokio::select! {
        visit = visitor.visit(&site) => visit.unwrap(),
        () = server => unreachable!("a server never ends"),
    };
    assert_eq!(
        (visit.status, code(&visit), body(&visit)),
        (Status::Ok, Some(HttpDetail::CutShort), &b"page"[..])
    );
    assert!(message(&visit).contains("in time"), "{}", message(&visit));
}

const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage";

fn path(request: &str) -> &str {
    request.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn a_redirect_is_followed_as_its_bytes_say() {
    for (location, expected) in [
        (&b"/caf\xe9"[..], "/caf%E9"),
        (b"/caf\xc3\xa9", "/caf%C3%A9"),
        (b"  /a b  ", "/a%20b"),
        (b"?q=\xfc", "/?q=%FC"),
    ] {
        let redirect = [
            b"HTTP/1.1 302 Found\r\nLocation: ",
            location,
            b"\r\nContent-Length: 0\r\n\r\n",
        ]
        .concat();
        let (visit, requests) = visit(json!({}), &[&redirect, PAGE]).await;
        assert_eq!(
            (visit.status, path(&requests[1])),
            (Status::Ok, expected),
            "{location:?}"
        );
    }
    let long = format!(
        "HTTP/1.1 302 Found\r\nLocation: /begins{}\r\n\r\n",
        "x".repeat(3_000)
    );
    for (redirect, beginning) in [
        (&long[..], "/beginsxxx"),
        (
            "HTTP/1.1 302 Found\r\nLocation: ftp://a.test/\r\n\r\n",
            "ftp://a.test/",
        ),
    ] {
        let (visit, _) = visit(json!({}), &[redirect.as_bytes()]).await;
        assert_eq!(code(&visit), Some(HttpDetail::InvalidRedirect));
        assert!(message(&visit).contains(beginning), "{}", message(&visit));
    }
}

#[tokio::test]
async fn a_site_that_asks_to_come_back_with_a_cookie_gives_its_page() {
    for location in ["/", "/?c=1"] {
        let redirect = format!(
            "HTTP/1.1 302 Found\r\nLocation: {location}\r\nSet-Cookie: seen=1; Path=/; HttpOnly\r\nContent-Length: 0\r\n\r\n"
        );
        let own = json!({"headers": {"Cookie": "own=2"}});
        let (visit, requests) = visit(own, &[redirect.as_bytes(), PAGE]).await;
        assert_eq!((visit.status, visit.redirects), (Status::Ok, 1), "{location}");
        assert!(requests[0].contains("cookie: own=2\r\n"), "{}", requests[0]);
        assert!(
            requests[1].contains("cookie: own=2; seen=1\r\n"),
            "{}",
            requests[1]
        );
    }
    let again = b"HTTP/1.1 302 Found\r\nLocation: /\r\nSet-Cookie: seen=1\r\nContent-Length: 0\r\n\r\n";
    let (visit, requests) = visit(json!({}), &[again, again, again]).await;
    assert_eq!((visit.status, requests.len()), (Status::RedirectLoop, 2));
}

#[tokio::test]
async fn one_more_try_within_the_retries_where_it_may_help() {
    let busy = |status: u16, after: &str| {
        format!("HTTP/1.1 {status} Busy\r\nRetry-After: {after}\r\nContent-Length: 0\r\n\r\n")
    };
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    for first in [busy(429, "0"), busy(503, "0"), busy(503, past), String::new()] {
        let answers = [first.as_bytes(), PAGE];
        let (visit_, requests) = visit(json!({"retries": 1}), &answers).await;
        assert_eq!((visit_.status, requests.len()), (Status::Ok, 2), "{first}");
        let (visit_, requests) = visit(json!({"retries": 0}), &answers).await;
        assert_ne!((visit_.status, requests.len()), (Status::Ok, 2), "{first}");
        assert_eq!(visit_.requests, 1, "{first}");
    }
    for last in [
        busy(503, "86400"),
        busy(503, "soon"),
        busy(500, "0"),
        busy(404, "0"),
    ] {
        let (visit, requests) = visit(json!({"retries": 1}), &[last.as_bytes(), PAGE]).await;
        assert_eq!((visit.status, requests.len()), (Status::HttpError, 1), "{last}");
    }
    let (visit, _) = visit(json!({}), &[b""]).await;
    assert_eq!(
        (visit.status, code(&visit)),
        (Status::InvalidResponse, Some(HttpDetail::EmptyAnswer))
    );
}

#[tokio::test]
async fn of_two_content_types_the_last_one_counts() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\nRefresh: 5; url=/next\r\n\r\npage";
    let (visit, _) = visit(json!({}), &[answer]).await;
    let answer = visit.answer.unwrap();
    assert_eq!(answer.content_type.as_deref(), Some("text/html"));
    assert_eq!(answer.refresh.as_deref(), Some("5; url=/next"));
}

#[tokio::test]
async fn where_both_schemes_fail_both_reasons_are_told() {
    let (visit, _) = visit(
        json!({"scheme": "https_then_http"}),
        &[b"no TLS", b"HTTP/1.1 500 No\r\n\r\n"],
    )
    .await;
    assert_eq!((visit.status, visit.requests), (Status::HttpError, 2));
    let said = message(&visit);
    assert!(
        said.starts_with("The site failed. Over https: The encryption"),
        "{said}"
    );
}

#[tokio::test]
async fn a_site_that_refuses_the_encryption_says_why() {
    // Alerts: a level of 2, and what RFC 8446, section 6, lists.
    for (alert, expected, said) in [
        (112, HttpDetail::TlsRefused, "UnrecognisedName"),
        (40, HttpDetail::TlsRefused, "HandshakeFailure"),
        (70, HttpDetail::TlsVersion, "ProtocolVersion"),
    ] {
        let answer = [0x15, 3, 3, 0, 2, 2, alert];
        let (visit, _) = visit(json!({"scheme": "https"}), &[&answer]).await;
        assert_eq!((visit.status, code(&visit)), (Status::TlsError, Some(expected)));
        assert!(message(&visit).contains(said), "{}", message(&visit));
    }
    // A server hello of TLS 1.1, with a random of zeros and a cipher suite of that time.
    let hello = [
        &[0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2][..],
        &[0; 32],
        &[0, 0xc0, 0x13, 0],
    ]
    .concat();
    let (visit, _) = visit(json!({"scheme": "https"}), &[&hello]).await;
    assert_eq!(
        (visit.status, code(&visit)),
        (Status::TlsError, Some(HttpDetail::TlsVersion)),
        "{}",
        message(&visit)
    );
}
