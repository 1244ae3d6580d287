use std::io::ErrorKind;

use hickory_proto::rr::RecordType;
use phasegate_sandbox::zone::{self, Answer};
use phasegate_sandbox::{HttpProxy, Sandbox, SandboxError, Service, Socks5Proxy};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, UdpSocket};

use crate::client::{addresses, ask_udp, connect, name_with_answer, patiently, query};

#[tokio::test]
async fn shutdown_frees_the_ports_and_ends_open_connections() {
    let sandbox = Sandbox::start().await.unwrap();
    let (dns, http) = (sandbox.dns_addr(), sandbox.http_addr());
    let mut idle = connect(http).await;
    sandbox.shutdown().await;

    for address in [dns, http] {
        assert_eq!(
            TcpStream::connect(address).await.unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
    }
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    udp.connect(dns).await.unwrap();
    udp.send(b"anybody there?").await.unwrap();
    assert_eq!(
        patiently(udp.recv(&mut [0])).await.unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    assert!(matches!(patiently(idle.read(&mut [0])).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn dropping_a_sandbox_or_a_proxy_stops_it() {
    let sandbox = Sandbox::start().await.unwrap();
    let (http_proxy, socks5_proxy) = (
        HttpProxy::start().await.unwrap(),
        Socks5Proxy::start().await.unwrap(),
    );
    let addresses = [
        sandbox.dns_addr(),
        sandbox.http_addr(),
        http_proxy.addr(),
        socks5_proxy.addr(),
    ];
    drop((sandbox, http_proxy, socks5_proxy));
    for address in addresses {
        // The tasks end when the runtime next gets to them, so a few connections may still be taken on.
        patiently(async { while TcpStream::connect(address).await.is_ok() {} }).await;
    }
}

#[tokio::test]
async fn several_sandboxes_run_side_by_side() {
    let (first, second) = (Sandbox::start().await.unwrap(), Sandbox::start().await.unwrap());
    let query = query(
        &name_with_answer(Answer::Address(zone::SITE_ADDRESS)),
        RecordType::A,
    );
    for sandbox in [&first, &second] {
        let response = ask_udp(sandbox.dns_addr(), std::slice::from_ref(&query)).await;
        assert_eq!(addresses(&response), [zone::SITE_ADDRESS]);
    }
    assert_eq!((first.dns_queries(), second.dns_queries()), (1, 1));
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let first = Sandbox::start().await.unwrap();
    let taken_dns = Sandbox::builder().dns_port(first.dns_addr().port());
    let taken_http = Sandbox::builder().http_port(first.http_addr().port());
    for (builder, expected) in [
        (taken_dns, (Service::Dns, first.dns_addr())),
        (taken_http, (Service::Http, first.http_addr())),
    ] {
        let Err(SandboxError::Bind { service, address, .. }) = builder.start().await else {
            panic!("the port of the {} was taken twice", expected.0);
        };
        assert_eq!((service, address), expected);
    }
}
