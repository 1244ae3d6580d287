use std::time::{Duration, Instant};

use phasegate_sandbox::Sandbox;
use phasegate_sandbox::site::{self, Behaviour, Breakage, KEYWORD, Redirect};
use phasegate_sandbox::zone;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{connect, exchange, fetch, get, name_with_behaviour, names};

#[tokio::test]
async fn the_site_does_what_the_name_says() {
    let sandbox = Sandbox::start().await.unwrap();
    let server = sandbox.http_addr();
    for name in names().take(400) {
        match site::behaviour(&name) {
            Behaviour::Page { mentions } => {
                let response = fetch(server, &name, "/").await;
                assert_eq!(
                    (response.status(), &response.body),
                    (200, &site::page(&name)),
                    "{name}"
                );
                assert_eq!(
                    response.body.matches(KEYWORD).count(),
                    mentions as usize,
                    "{name}"
                );
                assert_eq!(fetch(server, &name, site::HOME_PATH).await, response);
                assert_eq!(fetch(server, &name, "/elsewhere").await.status(), 404);
            }
            Behaviour::Error { status } => {
                let response = fetch(server, &name, "/").await;
                assert_eq!(response.status(), status, "{name}");
                assert_eq!(response.body.matches(KEYWORD).count(), 0);
            }
            Behaviour::Unknown => assert_eq!(fetch(server, &name, "/").await.status(), 421, "{name}"),
            Behaviour::Refused | Behaviour::Redirect(_) | Behaviour::Slow { .. } | Behaviour::Broken(_) => {}
        }
    }
}

#[tokio::test]
async fn a_slow_host_sends_its_page_after_the_delay() {
    let sandbox = Sandbox::start().await.unwrap();
    let name = name_with_behaviour(|behaviour| matches!(behaviour, Behaviour::Slow { .. }));
    let begin = Instant::now();
    let response = fetch(sandbox.http_addr(), &name, "/").await;
    assert!(begin.elapsed() >= Duration::from_millis(site::SLOW_DELAY_MS));
    assert_eq!((response.status(), response.body), (200, site::page(&name)));
}

#[tokio::test]
async fn a_redirect_on_the_same_host_leads_to_its_page() {
    let sandbox = Sandbox::start().await.unwrap();
    let name = name_with_behaviour(|behaviour| {
        matches!(behaviour, Behaviour::Redirect(Redirect::Home { mentions: 1.. }))
    });
    let response = fetch(sandbox.http_addr(), &name, "/").await;
    assert_eq!(
        (response.status(), response.header("location")),
        (302, Some(site::HOME_PATH))
    );

    let home = fetch(sandbox.http_addr(), &name, site::HOME_PATH).await;
    assert_eq!((home.status(), &home.body), (200, &site::page(&name)));
    assert_eq!(
        Some(home.body.matches(KEYWORD).count() as u32),
        site::mentions(&name)
    );
}

#[tokio::test]
async fn a_redirect_to_www_keeps_the_port_and_leads_to_a_page_that_resolves() {
    let sandbox = Sandbox::start().await.unwrap();
    let name = name_with_behaviour(|behaviour| {
        matches!(behaviour, Behaviour::Redirect(Redirect::Www { mentions: 1.. }))
    });
    let with_port = fetch(sandbox.http_addr(), &format!("{name}:8080"), "/").await;
    let expected = format!("http://www.{name}:8080/");
    assert_eq!(
        (with_port.status(), with_port.header("location")),
        (301, Some(expected.as_str()))
    );
    let without_port = fetch(sandbox.http_addr(), &name, "/any").await;
    assert_eq!(
        without_port.header("location"),
        Some(format!("http://www.{name}/").as_str())
    );

    let www = format!("www.{name}");
    assert_eq!(zone::answer(&www), zone::Answer::Address(zone::SITE_ADDRESS));
    let page = fetch(sandbox.http_addr(), &www, "/").await;
    assert_eq!((page.status(), &page.body), (200, &site::page(&www)));
    assert_eq!(
        Some(page.body.matches(KEYWORD).count() as u32),
        site::mentions(&name)
    );
}

#[tokio::test]
async fn a_redirect_circle_never_reaches_a_page() {
    let sandbox = Sandbox::start().await.unwrap();
    let name = name_with_behaviour(|behaviour| behaviour == Behaviour::Redirect(Redirect::Circle));
    let mut path = "/".to_owned();
    for _ in 0..5 {
        let response = fetch(sandbox.http_addr(), &name, &path).await;
        assert_eq!(response.status(), 302);
        path = response.header("location").unwrap().to_owned();
    }
    assert_eq!(path, site::HOME_PATH);
}

#[tokio::test]
async fn a_broken_host_breaks_off_in_its_own_way() {
    let sandbox = Sandbox::start().await.unwrap();
    let broken = |how| name_with_behaviour(move |behaviour| behaviour == Behaviour::Broken(how));

    let name = broken(Breakage::CutShort);
    let response = fetch(sandbox.http_addr(), &name, "/").await;
    let announced: usize = response.header("content-length").unwrap().parse().unwrap();
    assert_eq!((response.status(), announced), (200, site::page(&name).len()));
    assert_eq!(response.body.len(), announced / 2);

    let response = fetch(sandbox.http_addr(), &broken(Breakage::Garbage), "/").await;
    assert!(
        !response.head.is_empty() && !response.head.starts_with("HTTP/"),
        "{response:?}"
    );

    let response = fetch(sandbox.http_addr(), &broken(Breakage::Empty), "/").await;
    assert_eq!(response.head, "");
}

#[tokio::test]
async fn a_refusing_name_has_an_address_where_nothing_listens() {
    let sandbox = Sandbox::start().await.unwrap();
    let name = name_with_behaviour(|behaviour| behaviour == Behaviour::Refused);
    let zone::Answer::Address(address) = zone::answer(&name) else {
        panic!("{name} has no address");
    };
    TcpStream::connect((address, sandbox.http_addr().port()))
        .await
        .unwrap_err();
}

#[tokio::test]
async fn the_host_is_found_in_any_spelling() {
    let sandbox = Sandbox::start().await.unwrap();
    let name = name_with_behaviour(|behaviour| matches!(behaviour, Behaviour::Page { .. }));
    for host in [name.to_uppercase(), format!("{name}:8080"), format!("{name}.")] {
        assert_eq!(
            fetch(sandbox.http_addr(), &host, "/").await.body,
            site::page(&name),
            "{host}"
        );
    }
    let absolute = get("other.example", &format!("http://{name}/"));
    assert_eq!(
        exchange(connect(sandbox.http_addr()).await, &absolute).await.body,
        site::page(&name)
    );
}

#[tokio::test]
async fn requests_that_are_no_page_views_are_turned_away() {
    let sandbox = Sandbox::start().await.unwrap();
    let name = name_with_behaviour(|behaviour| matches!(behaviour, Behaviour::Page { .. }));
    let post = format!("POST / HTTP/1.1\r\nHost: {name}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let no_host = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
    let head = get(&name, "/").replace("GET", "HEAD");
    for (request, status) in [
        (post.as_str(), 405),
        (no_host, 400),
        (&get("example.com", "/"), 421),
        (&head, 200),
    ] {
        let response = exchange(connect(sandbox.http_addr()).await, request).await;
        assert_eq!(response.status(), status, "{request}");
    }
}

#[tokio::test]
async fn a_connection_serves_several_requests_and_each_is_counted() {
    let sandbox = Sandbox::start().await.unwrap();
    let name = name_with_behaviour(|behaviour| matches!(behaviour, Behaviour::Page { .. }));
    let mut stream = connect(sandbox.http_addr()).await;
    let first = format!("GET / HTTP/1.1\r\nHost: {name}\r\n\r\n");
    stream.write_all(first.as_bytes()).await.unwrap();
    let response = exchange(stream, &get(&name, "/")).await;
    assert!(response.body.starts_with(&site::page(&name)) && response.body.ends_with(&site::page(&name)));
    assert_eq!(sandbox.http_requests(), 2);
}
