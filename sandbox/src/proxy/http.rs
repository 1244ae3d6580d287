//! An HTTP proxy (RFC 9110, 7.6 and 9.3.6): tunnels by `CONNECT`, plain requests in absolute form.
//!
//! It passes on an answer's bytes unchanged, so that a client gets the site's broken answers as it does without a proxy.

use std::io;
use std::net::SocketAddr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hyper::http::uri::{Authority, Uri};
use hyper::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing::debug;

use super::{ConnectError, ConnectionCount, ProxyAccess};
use crate::acceptor::Acceptor;
use crate::error::{SandboxError, Service};

/// The longest request head that is read, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// The most headers that a request may have.
const MAX_HEADERS: usize = 64;
/// The headers of the connection to the proxy, which are not passed on. `Host` is written anew from the target.
const NOT_PASSED_ON: [&str; 5] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
];

/// An HTTP proxy on a free port of 127.0.0.1. It reaches names under `test`, which it resolves itself, and loopback
/// addresses. It answers 407 to a client without the password, 403 for any other target, 502 for an unreachable target, and
/// 504 for a name whose resolution times out. `Proxy-Status` (RFC 9209) says why.
///
/// Dropping it stops it.
#[derive(Debug)]
pub struct HttpProxy {
    acceptor: Acceptor,
    served: ConnectionCount,
}

impl HttpProxy {
    /// Starts a proxy that everybody may use.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Bind`] when the operating system gives no port.
    pub async fn start() -> Result<Self, SandboxError> {
        Self::start_for(ProxyAccess::Everybody).await
    }

    /// Starts a proxy that asks for `user` and `password` by basic authentication.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Bind`] when the operating system gives no port.
    pub async fn start_with_password(
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<Self, SandboxError> {
        Self::start_for(ProxyAccess::Password {
            user: user.into(),
            password: password.into(),
        })
        .await
    }

    /// Returns the address that the proxy listens on.
    pub fn addr(&self) -> SocketAddr {
        self.acceptor.address()
    }

    /// Returns how many connections to a target the proxy has opened. Refused clients and unreachable targets don't count.
    pub fn served(&self) -> u64 {
        self.served.count()
    }

    /// Stops the proxy with all its connections, and returns when its port is free again.
    pub async fn shutdown(self) {
        self.acceptor.shutdown().await;
    }

    async fn start_for(access: ProxyAccess) -> Result<Self, SandboxError> {
        let served = ConnectionCount::default();
        let counter = served.clone();
        let serve = move |client| {
            let (access, served) = (access.clone(), counter.clone());
            async move {
                if let Err(error) = serve(client, &access, &served).await {
                    debug!(%error, "an HTTP proxy connection ended early");
                }
            }
        };
        let acceptor = Acceptor::start(Service::HttpProxy, 0, serve).await?;
        Ok(Self { acceptor, served })
    }
}

/// Serves one request, or one tunnel; every connection ends with it.
async fn serve(mut client: TcpStream, access: &ProxyAccess, served: &ConnectionCount) -> io::Result<()> {
    let Some(bytes) = read_head(&mut client).await? else {
        return Ok(());
    };
    let forward = match Forward::parse(&bytes, access) {
        Ok(forward) => forward,
        Err(status @ StatusCode::PROXY_AUTHENTICATION_REQUIRED) => {
            return refuse(client, status, "proxy-authenticate: Basic realm=\"sandbox\"\r\n").await;
        }
        Err(status) => return refuse(client, status, "").await,
    };
    match served.connect(&forward.host, forward.port).await {
        Ok(mut upstream) => {
            client.write_all(forward.to_client).await?;
            upstream.write_all(&forward.to_upstream).await?;
            tokio::io::copy_bidirectional(&mut client, &mut upstream).await?;
            Ok(())
        }
        Err(error) => {
            let (status, reason) = match error {
                ConnectError::Forbidden => (StatusCode::FORBIDDEN, "http_request_denied"),
                ConnectError::ResolutionTimedOut => (StatusCode::GATEWAY_TIMEOUT, "dns_timeout"),
                ConnectError::Unresolved => (StatusCode::BAD_GATEWAY, "dns_error"),
                ConnectError::Failed(_) => (StatusCode::BAD_GATEWAY, "connection_refused"),
            };
            refuse(
                client,
                status,
                &format!("proxy-status: sandbox; error={reason}\r\n"),
            )
            .await
        }
    }
}

/// Reads up to the end of a request's head, with the bytes that came along. `None` if the client left, or the head is too long.
async fn read_head(client: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(1024);
    while bytes.len() < MAX_HEAD {
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
        if bytes.windows(4).any(|window| window == b"\r\n\r\n") {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

async fn refuse(mut client: TcpStream, status: StatusCode, header: &str) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\n{header}content-length: 0\r\nconnection: close\r\n\r\n");
    client.write_all(head.as_bytes()).await?;
    client.shutdown().await
}

/// Where a request goes, and the bytes that each side gets first.
#[derive(Debug)]
struct Forward {
    host: String,
    port: u16,
    to_client: &'static [u8],
    to_upstream: Vec<u8>,
}

impl Forward {
    /// Reads the head at the start of `bytes`.
    ///
    /// # Errors
    ///
    /// The status that refuses the request.
    fn parse(bytes: &[u8], access: &ProxyAccess) -> Result<Self, StatusCode> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let Ok(httparse::Status::Complete(length)) = request.parse(bytes) else {
            return Err(StatusCode::BAD_REQUEST);
        };
        let (Some(method), Some(target)) = (request.method, request.path) else {
            return Err(StatusCode::BAD_REQUEST);
        };
        if !may_use(access, request.headers) {
            return Err(StatusCode::PROXY_AUTHENTICATION_REQUIRED);
        }
        let rest = &bytes[length..];
        match method == Method::CONNECT {
            true => Self::tunnel(target, rest),
            false => Self::request(method, target, request.headers, rest),
        }
    }

    fn tunnel(target: &str, rest: &[u8]) -> Result<Self, StatusCode> {
        let authority: Authority = target.parse().map_err(|_| StatusCode::BAD_REQUEST)?;
        Ok(Self {
            host: authority.host().to_owned(),
            port: authority.port_u16().ok_or(StatusCode::BAD_REQUEST)?,
            to_client: b"HTTP/1.1 200 OK\r\n\r\n",
            to_upstream: rest.to_vec(),
        })
    }

    fn request(
        method: &str,
        target: &str,
        headers: &[httparse::Header<'_>],
        rest: &[u8],
    ) -> Result<Self, StatusCode> {
        let uri: Uri = target.parse().map_err(|_| StatusCode::BAD_REQUEST)?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(StatusCode::BAD_REQUEST);
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {authority}\r\n").into_bytes();
        for header in headers.iter().filter(|header| is_passed_on(header)) {
            head.extend_from_slice(header.name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(header.value);
            head.extend_from_slice(b"\r\n");
        }
        // A later request on this connection could have another target, so the connection ends.
        head.extend_from_slice(b"connection: close\r\n\r\n");
        head.extend_from_slice(rest);
        Ok(Self {
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(80),
            to_client: b"",
            to_upstream: head,
        })
    }
}

fn is_passed_on(header: &httparse::Header<'_>) -> bool {
    !NOT_PASSED_ON
        .iter()
        .any(|name| header.name.eq_ignore_ascii_case(name))
}

fn may_use(access: &ProxyAccess, headers: &[httparse::Header<'_>]) -> bool {
    let ProxyAccess::Password { user, password } = access else {
        return true;
    };
    let expected = BASE64_STANDARD.encode(format!("{user}:{password}"));
    headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("proxy-authorization"))
        .filter_map(|header| std::str::from_utf8(header.value).ok()?.split_once(' '))
        .any(|(scheme, given)| scheme.eq_ignore_ascii_case("basic") && given.trim() == expected)
}
