//! Connections to a proxy, and through it to a host.

use std::time::Duration;

use hyper::client::conn::http1;
use hyper::header::{HOST, PROXY_AUTHORIZATION};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_socks::Error as SocksError;
use tokio_socks::tcp::Socks5Stream;
use tokio_util::task::AbortOnDropHandle;

use super::proxy::{Protocol, Proxy, ProxyError};

/// How long a proxy may take to accept a connection, whatever the patience with what lies behind it.
pub(crate) const PROXY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum DialError {
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error("the connection was not accepted in time")]
    TimedOut,
    #[error("the connection was refused")]
    Refused,
    #[error("the host sends bytes before it is asked")]
    SpokeFirst,
    #[error("the connection failed: {0}")]
    Failed(String),
}

/// Connects to the proxy itself.
pub(crate) async fn to_proxy(proxy: &Proxy) -> Result<TcpStream, ProxyError> {
    let connecting = async {
        let stream = TcpStream::connect(proxy.socket()).await?;
        stream.set_nodelay(true)?;
        Ok::<_, std::io::Error>(stream)
    };
    match timeout(PROXY_TIMEOUT, connecting).await {
        Ok(connected) => connected.map_err(|error| proxy.unreachable(error)),
        Err(_) => Err(proxy.unreachable(format!("no connection within {} s", PROXY_TIMEOUT.as_secs()))),
    }
}

/// Connects to `host` at `port` through the proxy, which resolves the name.
///
/// `patience` is for what the proxy does to reach the host; the proxy itself is given [`PROXY_TIMEOUT`].
pub(crate) async fn through(
    proxy: &Proxy,
    host: &str,
    port: u16,
    patience: Duration,
) -> Result<TcpStream, DialError> {
    let stream = to_proxy(proxy).await?;
    let tunnel = async {
        match proxy.protocol {
            Protocol::Http => http_connect(stream, proxy, host, port).await,
            Protocol::Socks5 => socks5_connect(stream, proxy, host, port).await,
        }
    };
    timeout(patience, tunnel)
        .await
        .unwrap_or(Err(DialError::TimedOut))
}

/// `host:port`, with the brackets that an IPv6 address needs.
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
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
    // It ends with the handshake: what follows is the tunnel's.
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection.with_upgrades()));
    let target = authority(host, port);
    let mut request = Request::connect(&target).header(HOST, &target);
    if let Some(value) = proxy.authorization() {
        request = request.header(PROXY_AUTHORIZATION, value);
    }
    let request = request
        .body(String::new())
        .map_err(|error| DialError::Failed(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    match response.status() {
        status if status.is_success() => {}
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => return Err(proxy.unauthorized().into()),
        StatusCode::GATEWAY_TIMEOUT => return Err(DialError::TimedOut),
        status => return Err(DialError::Failed(format!("the proxy answered {status}"))),
    }
    let tunnel = hyper::upgrade::on(response).await.map_err(broken)?;
    match tunnel.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) if parts.read_buf.is_empty() => Ok(parts.io.into_inner()),
        // The answer was the proxy's last word: what follows it is the host's.
        _ => Err(DialError::SpokeFirst),
    }
}

/// Asks a SOCKS5 proxy for a connection (RFC 1928, RFC 1929).
async fn socks5_connect(
    stream: TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<TcpStream, DialError> {
    let connected = match proxy.credentials() {
        Some((username, password)) => {
            Socks5Stream::connect_with_password_and_socket(stream, (host, port), username, password).await
        }
        None => Socks5Stream::connect_with_socket(stream, (host, port)).await,
    };
    connected
        .map(Socks5Stream::into_inner)
        .map_err(|error| match error {
            SocksError::NoAcceptableAuthMethods
            | SocksError::UnknownAuthMethod
            | SocksError::AuthorizationRequired
            | SocksError::PasswordAuthFailure(_) => proxy.unauthorized().into(),
            SocksError::ConnectionRefused => DialError::Refused,
            SocksError::TtlExpired => DialError::TimedOut,
            SocksError::GeneralSocksServerFailure
            | SocksError::ConnectionNotAllowedByRuleset
            | SocksError::NetworkUnreachable
            | SocksError::HostUnreachable
            | SocksError::InvalidTargetAddress(_) => DialError::Failed(error.to_string()),
            _ => proxy.broken(error).into(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_host_that_speaks_first_is_not_its_proxy_s_fault() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy =
            serde_json::from_value(json!({"protocol": "http", "host": "127.0.0.1", "port": port})).unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1_024]).await.unwrap() > 0);
            let answer = b"HTTP/1.1 200 OK\r\n\r\n220 mail ready\r\n";
            stream.write_all(answer).await.unwrap();
        };
        let (tunnel, ()) = tokio::join!(through(&proxy, "mail.example", 443, PROXY_TIMEOUT), server);
        assert_eq!(tunnel.err(), Some(DialError::SpokeFirst));
    }
}
