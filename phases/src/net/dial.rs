//! Connections to a proxy, and through it to a host.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, PROXY_AUTHORIZATION};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::address::authority;
use super::fatal_error::FatalError;
use super::proxy::{Protocol, Proxy};
use super::{sockets, socks5};

/// How long a proxy may take to accept a connection. The host behind it has its own timeout.
pub(crate) const PROXY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum DialError {
    #[error(transparent)]
    Fatal(FatalError),
    #[error("the connection was not accepted in time")]
    TimedOut,
    #[error("the connection was refused")]
    Refused,
    #[error("the host sends bytes before it is asked")]
    SpokeFirst,
    /// The proxy's rules don't allow the connection.
    #[error("the proxy answered {0}")]
    Forbidden(String),
    /// The proxy ended the connection without any answer, for this host or for all.
    #[error("the proxy ended the connection without an answer: {0}")]
    HungUp(String),
    #[error("the connection failed: {0}")]
    Failed(String),
}

impl<H: Into<FatalError>> From<H> for DialError {
    fn from(fatal: H) -> Self {
        Self::Fatal(fatal.into())
    }
}

/// Connects to the proxy itself.
pub(crate) async fn to_proxy(proxy: &Proxy) -> Result<TcpStream, FatalError> {
    let connecting = async {
        let stream = TcpStream::connect(proxy.socket()).await?;
        stream.set_nodelay(true)?;
        Ok::<_, std::io::Error>(stream)
    };
    match timeout(PROXY_TIMEOUT, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if sockets::are_used_up(&error, proxy.address().as_slice()) => {
            Err(FatalError::OutOfSockets(error.to_string()))
        }
        Ok(Err(error)) => Err(proxy.unreachable(error).into()),
        Err(_) => {
            let reason = format!("no connection within {} s", PROXY_TIMEOUT.as_secs());
            Err(proxy.unreachable(reason).into())
        }
    }
}

/// Tries the proxy, if there is one, before the first item: a proxy that is down fails the phase at once, and not item by
/// item.
pub(crate) struct ProxyCheck {
    proxy: Option<Arc<Proxy>>,
    reached: OnceCell<()>,
}

impl ProxyCheck {
    pub(crate) fn new(proxy: Option<Arc<Proxy>>) -> Self {
        Self {
            proxy,
            reached: OnceCell::new(),
        }
    }

    /// Waits until the proxy has been reached once.
    pub(crate) async fn pass(&self) -> Result<(), FatalError> {
        if let Some(proxy) = &self.proxy {
            let reach = async || to_proxy(proxy).await.map(drop);
            self.reached.get_or_try_init(reach).await?;
        }
        Ok(())
    }
}

/// Connects to the proxy, and greets it if its protocol has a greeting.
///
/// Who doesn't answer a greeting is no such proxy: no host has been named yet that could be the cause.
pub(crate) async fn greet(proxy: &Proxy) -> Result<TcpStream, FatalError> {
    let mut stream = to_proxy(proxy).await?;
    if proxy.protocol == Protocol::Socks5 {
        let silent = || proxy.broken("it doesn't answer the greeting");
        timeout(PROXY_TIMEOUT, socks5::greet(&mut stream, proxy))
            .await
            .unwrap_or_else(|_| Err(silent()))?;
    }
    Ok(stream)
}

/// Connects to `host` at `port` through the proxy, which resolves the name.
///
/// `patience` is the time for the proxy to reach the host. The proxy itself has [`PROXY_TIMEOUT`].
pub(crate) async fn through(
    proxy: &Proxy,
    host: &str,
    port: u16,
    patience: Duration,
) -> Result<TcpStream, DialError> {
    let mut stream = greet(proxy).await?;
    let tunnel = async {
        match proxy.protocol {
            Protocol::Http => http_connect(stream, proxy, host, port).await,
            Protocol::Socks5 => {
                socks5::connect(&mut stream, proxy, host, port).await?;
                Ok(stream)
            }
        }
    };
    timeout(patience, tunnel)
        .await
        .unwrap_or(Err(DialError::TimedOut))
}

/// Asks an HTTP proxy for a tunnel (RFC 9110, section 9.3.6).
async fn http_connect(
    stream: TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<TcpStream, DialError> {
    let broken = |error: hyper::Error| proxy.broken(error);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // The connection ends with the handshake. Later bytes belong to the tunnel.
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection.with_upgrades()));
    let target = authority(host, port);
    let mut request = Request::connect(&target).header(HOST, &target);
    if let Some(value) = proxy.authorization() {
        request = request.header(PROXY_AUTHORIZATION, value);
    }
    let request = request
        .body(String::new())
        .map_err(|error| DialError::Failed(error.to_string()))?;
    let response = match sender.send_request(request).await {
        Ok(response) => response,
        Err(error) if error.is_parse() => return Err(broken(error).into()),
        Err(error) => return Err(DialError::HungUp(error.to_string())),
    };
    match response.status() {
        status if status.is_success() => {}
        // Tinyproxy answers a wrong password with 401. No site has been reached that could say so.
        StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED => {
            return Err(proxy.unauthorized().into());
        }
        StatusCode::GATEWAY_TIMEOUT => return Err(DialError::TimedOut),
        status if forbids(&response) => return Err(DialError::Forbidden(status.to_string())),
        status => return Err(DialError::Failed(format!("the proxy answered {status}"))),
    }
    let tunnel = hyper::upgrade::on(response).await.map_err(broken)?;
    match tunnel.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) if parts.read_buf.is_empty() => Ok(parts.io.into_inner()),
        // After the proxy's answer all bytes are the host's.
        _ => Err(DialError::SpokeFirst),
    }
}

/// Whether an answer to a request for a tunnel is a matter of the proxy's rules, and not of the host. Squid gives its own reason
/// beside the status.
fn forbids(response: &Response<Incoming>) -> bool {
    let squid = response.headers().get("x-squid-error");
    let is_denied = squid.is_some_and(|error| error.as_bytes().starts_with(b"ERR_ACCESS_DENIED"));
    is_denied || matches!(response.status().as_u16(), 403 | 405 | 451 | 501)
}

#[cfg(test)]
mod tests {
    use super::super::proxy::ProxyError;
    use super::*;
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Dials a host through a proxy that answers each of `steps` once it has read something, and then hangs up.
    async fn dial(protocol: &str, password: Option<&str>, steps: &[&[u8]]) -> Result<(), DialError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut proxy = json!({"protocol": protocol, "host": "127.0.0.1", "port": port});
        if let Some(password) = password {
            proxy["username"] = json!("user");
            proxy["password"] = json!(password);
        }
        let proxy = serde_json::from_value(proxy).unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            for step in steps {
                assert!(stream.read(&mut [0; 1_024]).await.unwrap() > 0);
                stream.write_all(step).await.unwrap();
            }
            // All that was sent is read, so that it ends without a reset.
            stream.shutdown().await.unwrap();
            let _ = stream.read(&mut [0; 1_024]).await;
        };
        let client = async {
            through(&proxy, "shop.example", 443, PROXY_TIMEOUT)
                .await
                .map(drop)
        };
        tokio::join!(client, server).0
    }

    #[tokio::test]
    async fn a_socks_proxy_that_can_t_reach_a_host_is_no_broken_proxy() {
        let connected = [5, 0, 0, 1, 127, 0, 0, 1, 0, 80];
        assert_eq!(dial("socks5", None, &[&[5, 0], &connected]).await, Ok(()));
        for (reply, expected) in [(5, DialError::Refused), (6, DialError::TimedOut)] {
            let outcome = dial("socks5", None, &[&[5, 0], &[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]]).await;
            assert_eq!(outcome, Err(expected));
        }
        let forbidden = dial("socks5", None, &[&[5, 0], &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]]).await;
        assert!(matches!(forbidden, Err(DialError::Forbidden(_))), "{forbidden:?}");
        for reply in [1, 3, 4, 7, 8, 9, 91, 255] {
            let outcome = dial("socks5", None, &[&[5, 0], &[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]]).await;
            assert!(
                matches!(outcome, Err(DialError::Failed(_))),
                "{reply}: {outcome:?}"
            );
        }
        for steps in [&[&[5, 0][..]][..], &[&[5, 0], &[5, 0]], &[&[5, 2], &[1, 0]]] {
            let outcome = dial("socks5", Some("secret"), steps).await;
            assert!(
                matches!(outcome, Err(DialError::Failed(_))),
                "{steps:?}: {outcome:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_socks_proxy_that_can_t_be_greeted_is_at_fault_itself() {
        for steps in [&[&[5, 255][..]][..], &[&[5, 2]], &[&[5, 1]]] {
            let outcome = dial("socks5", None, steps).await;
            assert!(
                matches!(
                    outcome,
                    Err(DialError::Fatal(FatalError::Proxy(
                        ProxyError::Unauthorized { .. }
                    )))
                ),
                "{steps:?}: {outcome:?}"
            );
        }
        for steps in [&[&[5, 2][..], &[1, 1]][..], &[&[5, 2]]] {
            let outcome = dial("socks5", Some("wrong"), steps).await;
            assert!(
                matches!(
                    outcome,
                    Err(DialError::Fatal(FatalError::Proxy(
                        ProxyError::Unauthorized { .. }
                    )))
                ),
                "{steps:?}: {outcome:?}"
            );
        }
        for steps in [
            &[][..],
            &[&[4, 0][..]],
            &[b"HTTP/1.1 400 Bad Request"],
            &[&[5, 0], b"HTTP"],
        ] {
            let outcome = dial("socks5", None, steps).await;
            assert!(
                matches!(
                    outcome,
                    Err(DialError::Fatal(FatalError::Proxy(ProxyError::Broken { .. })))
                ),
                "{steps:?}: {outcome:?}"
            );
        }
    }

    #[tokio::test]
    async fn an_http_proxy_that_has_no_connection_for_a_host_says_why() {
        let say = async |status: &str, headers: &str| {
            let answer = format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\n\r\n");
            dial("http", None, &[answer.as_bytes()]).await
        };
        let outcome = dial("http", None, &[]).await;
        assert!(matches!(outcome, Err(DialError::HungUp(_))), "{outcome:?}");
        for status in ["403 Forbidden", "405 Method Not Allowed", "501 Not Implemented"] {
            let outcome = say(status, "").await;
            assert!(matches!(outcome, Err(DialError::Forbidden(_))), "{outcome:?}");
        }
        let denied = say(
            "503 Service Unavailable",
            "x-squid-error: ERR_ACCESS_DENIED 0\r\n",
        )
        .await;
        assert!(matches!(denied, Err(DialError::Forbidden(_))), "{denied:?}");
        for status in [
            "500 Unable to connect",
            "502 Bad Gateway",
            "503 Service Unavailable",
        ] {
            let outcome = say(status, "").await;
            assert!(matches!(outcome, Err(DialError::Failed(_))), "{outcome:?}");
        }
        assert_eq!(say("504 Gateway Timeout", "").await, Err(DialError::TimedOut));
        let outcome = dial("http", None, &[b"220 mail.example ESMTP\r\n\r\n"]).await;
        assert!(
            matches!(
                outcome,
                Err(DialError::Fatal(FatalError::Proxy(ProxyError::Broken { .. })))
            ),
            "{outcome:?}"
        );
    }

    #[tokio::test]
    async fn a_host_that_speaks_first_is_not_its_proxy_s_fault() {
        let answer = b"HTTP/1.1 200 OK\r\n\r\n220 mail ready\r\n";
        assert_eq!(dial("http", None, &[answer]).await, Err(DialError::SpokeFirst));
    }
}
