//! One request and its answer.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HeaderMap,
    HeaderName, HeaderValue, LOCATION, USER_AGENT,
};
use reqwest::{Client, Response, StatusCode, redirect, retry};
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use super::config::HttpPersona;
use super::record::Status;
use crate::net::dial::{self, DialError, PROXY_TIMEOUT};
use crate::net::fatal_error::FatalError;
use crate::net::proxy::{Protocol, Proxy};
use crate::net::sockets;

/// How many addresses of a host are tried.
const MAX_ADDRESSES: usize = 4;
/// The accepted content types, unless the persona sets the header.
const ACCEPTED: &str = "text/html,application/xhtml+xml,text/plain;q=0.9,*/*;q=0.1";

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// Directly to the first of these addresses that accepts the connection.
    Direct(Vec<SocketAddr>),
    /// Through the proxy, which resolves the host.
    Proxy(Arc<Proxy>),
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The target of a redirect, as it is written.
    pub(crate) location: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) truncated: bool,
    /// Whether the body has an encoding that was asked for.
    pub(crate) readable: bool,
    pub(crate) address: Option<SocketAddr>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum RequestFailure {
    /// No request at all can be made as the config says: the phase fails.
    Fatal(FatalError),
    /// This request failed.
    Status(Status),
}

impl<H: Into<FatalError>> From<H> for RequestFailure {
    fn from(fatal: H) -> Self {
        Self::Fatal(fatal.into())
    }
}

/// Whether a request carries the persona's credentials.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Credentials {
    /// The request carries them, since it goes to the host that they are for.
    Sent,
    /// The request leaves them out, since a redirect led to another host, or out of TLS.
    Withheld,
}

/// Requests `url` along `route`.
pub(crate) async fn send(
    persona: &HttpPersona,
    url: &Url,
    route: &Route,
    credentials: Credentials,
) -> Result<Answer, RequestFailure> {
    let exchange = async {
        let request = client(persona, url, route)?
            .get(url.clone())
            .headers(headers(persona, credentials));
        let response = request.send().await?;
        match route {
            Route::Proxy(proxy) if is_absolute(url, proxy) => {
                if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
                    && let Err(fatal) = lets_through(persona, url, proxy).await
                {
                    return Ok(Err(fatal.into()));
                }
                if let Some(failure) = in_place_of_site(&response) {
                    return Ok(Err(failure));
                }
            }
            _ => {}
        }
        Ok(Ok(read(response, persona.max_body_bytes.size()).await?))
    };
    match (exchange.await, route) {
        (Ok(outcome), Route::Direct(_)) => outcome,
        // The address is the proxy's.
        (Ok(outcome), Route::Proxy(_)) => outcome.map(|answer| Answer {
            address: None,
            ..answer
        }),
        (Err(error), Route::Direct(addresses)) => Err(match without_socket(&error, addresses) {
            Some(fatal) => fatal.into(),
            None => RequestFailure::Status(status(&error, url)),
        }),
        (Err(error), Route::Proxy(proxy)) => Err(match without_socket(&error, proxy.address().as_slice()) {
            Some(fatal) => fatal.into(),
            None => blame(error, persona, url, proxy).await,
        }),
    }
}

/// Whether the proxy itself gets the request in absolute form. Otherwise the request goes through a tunnel.
fn is_absolute(url: &Url, proxy: &Proxy) -> bool {
    proxy.protocol == Protocol::Http && url.scheme() == "http"
}

/// Checks that the proxy opens a tunnel to the site. If it does, it accepts its user, and a demand for a proxy's password comes
/// from the site: a site must not fail the phase.
async fn lets_through(persona: &HttpPersona, url: &Url, proxy: &Proxy) -> Result<(), FatalError> {
    let Some((host, port)) = host_and_port(url) else {
        return Err(proxy.unauthorized().into());
    };
    let patience = Duration::from_millis(persona.connect_timeout_ms.get());
    match dial::through(proxy, &host, port, patience).await {
        Ok(_) | Err(DialError::SpokeFirst) => Ok(()),
        Err(DialError::Fatal(fatal @ FatalError::OutOfSockets(_))) => Err(fatal),
        Err(_) => Err(proxy.unauthorized().into()),
    }
}

/// The failure that an HTTP proxy reports in its own name (Proxy-Status, RFC 9209). Without that header the proxy's answer
/// looks like the site's.
fn in_place_of_site(response: &Response) -> Option<RequestFailure> {
    let said = response.headers().get_all("proxy-status").iter();
    let mut parameters = said
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']));
    let error = parameters.find_map(|parameter| parameter.trim().strip_prefix("error="))?;
    if !response.status().is_server_error() {
        return None;
    }
    Some(RequestFailure::Status(match error {
        "connection_refused" => Status::ConnectionRefused,
        error if error.ends_with("timeout") => Status::TimedOut,
        error if error.starts_with("http_") => Status::InvalidResponse,
        _ => Status::ConnectionFailed,
    }))
}

/// A client for this one request. It knows only the addresses that were checked for the request.
fn client(persona: &HttpPersona, url: &Url, route: &Route) -> reqwest::Result<Client> {
    let patience = Duration::from_millis(persona.timeout_ms.get());
    let connect_patience = Duration::from_millis(persona.connect_timeout_ms.get());
    let builder = Client::builder()
        .tls_backend_preconfigured(tls().clone())
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .timeout(patience)
        // Another crate may enable these features. Bodies are decompressed here, within bounds.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate();
    match route {
        Route::Direct(addresses) => {
            let checked = AllowedAddresses(addresses.iter().copied().take(MAX_ADDRESSES).collect());
            builder
                .no_proxy()
                .dns_resolver(Arc::new(checked))
                .connect_timeout(connect_patience)
        }
        Route::Proxy(proxy) => {
            let scheme = match proxy.protocol {
                Protocol::Http => "http",
                // The proxy resolves names.
                Protocol::Socks5 => "socks5h",
            };
            let mut all = reqwest::Proxy::all(format!("{scheme}://{}", proxy.authority()))?;
            if let Some((username, password)) = proxy.credentials() {
                // The library keeps them in a URL, which would turn %41 into A.
                let [username, password] = [username, password].map(|text| text.replace('%', "%25"));
                all = all.basic_auth(&username, &password);
            }
            // Without a tunnel only the proxy itself is connected to.
            builder.proxy(all).connect_timeout(match is_absolute(url, proxy) {
                true => PROXY_TIMEOUT,
                false => connect_patience,
            })
        }
    }
    .build()
}

/// The allowed addresses of the site. A connection goes there whatever name it is for.
struct AllowedAddresses(Vec<SocketAddr>);

impl Resolve for AllowedAddresses {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(async { Ok(addresses) })
    }
}

fn tls() -> &'static ClientConfig {
    static CONFIG: OnceLock<ClientConfig> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider supports the default versions of TLS")
            .with_root_certificates(roots)
            .with_no_client_auth()
    })
}

fn headers(persona: &HttpPersona, credentials: Credentials) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
    // A stored page says nothing of the site as it is now (RFC 9111, section 5.2.1.4). The persona may ask for one.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    for (name, value) in persona.headers.iter() {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            continue;
        };
        if credentials == Credentials::Sent || (name != AUTHORIZATION && name != COOKIE) {
            headers.insert(name, value);
        }
    }
    if let Ok(user_agent) = HeaderValue::try_from(persona.user_agent.as_str()) {
        headers.insert(USER_AGENT, user_agent);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers
}

/// The status that a failed request gives its site.
fn status(error: &reqwest::Error, url: &Url) -> Status {
    if error.is_builder() {
        return Status::InvalidUrl;
    }
    if error.is_timeout() {
        return Status::TimedOut;
    }
    if !error.is_connect() {
        return Status::InvalidResponse;
    }
    for cause in causes(error) {
        match cause.kind() {
            _ if is_tls(cause) => return Status::TlsError,
            io::ErrorKind::ConnectionRefused => return Status::ConnectionRefused,
            io::ErrorKind::TimedOut => return Status::TimedOut,
            // The connection was made before it broke, so encrypting it failed.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
                if url.scheme() == "https" =>
            {
                return Status::TlsError;
            }
            _ => {}
        }
    }
    Status::ConnectionFailed
}

/// Whether a request was not sent because this machine has no socket for it.
fn without_socket(error: &reqwest::Error, peers: &[SocketAddr]) -> Option<FatalError> {
    let mut causes = causes(error).filter(|_| error.is_connect());
    let cause = causes.find(|cause| sockets::are_used_up(cause, peers))?;
    Some(FatalError::OutOfSockets(cause.to_string()))
}

/// The I/O errors that caused an error of a request.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &io::Error> {
    std::iter::successors(error.source(), |cause| (*cause).source())
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .map(innermost)
}

/// The innermost of nested I/O errors. The outer ones don't show it as their source.
fn innermost(mut error: &io::Error) -> &io::Error {
    while let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        error = inner;
    }
    error
}

fn is_tls(cause: &io::Error) -> bool {
    cause.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

/// Finds out whether the proxy or the site caused a request without an answer. The library reports both alike, so the proxy is
/// asked for the connection once more.
async fn blame(error: reqwest::Error, persona: &HttpPersona, url: &Url, proxy: &Proxy) -> RequestFailure {
    let status = status(&error, url);
    if status == Status::InvalidUrl {
        return RequestFailure::Status(status);
    }
    if is_absolute(url, proxy) || !error.is_connect() {
        return match dial::to_proxy(proxy).await {
            Ok(_) if error.is_connect() => proxy.unreachable(error).into(),
            Ok(_) => RequestFailure::Status(status),
            Err(error) => error.into(),
        };
    }
    let Some((host, port)) = host_and_port(url) else {
        return RequestFailure::Status(Status::InvalidUrl);
    };
    let patience = Duration::from_millis(persona.connect_timeout_ms.get());
    match dial::through(proxy, &host, port, patience).await {
        Ok(_) | Err(DialError::SpokeFirst) => RequestFailure::Status(status),
        Err(DialError::Fatal(fatal)) => fatal.into(),
        Err(DialError::TimedOut) => RequestFailure::Status(Status::TimedOut),
        Err(DialError::Refused) => RequestFailure::Status(Status::ConnectionRefused),
        Err(DialError::Forbidden(_) | DialError::HungUp(_) | DialError::Failed(_)) => {
            RequestFailure::Status(Status::ConnectionFailed)
        }
    }
}

/// The host of a URL without the brackets of an IPv6 address, and its port.
fn host_and_port(url: &Url) -> Option<(String, u16)> {
    let host = match url.host()? {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    Some((host, url.port_or_known_default()?))
}

async fn read(mut response: Response, most: usize) -> reqwest::Result<Answer> {
    let header = |name| -> Option<String> {
        let value: &HeaderValue = response.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let status = response.status().as_u16();
    let location = matches!(status, 301 | 302 | 303 | 307 | 308)
        .then(|| header(LOCATION))
        .flatten();
    let content_type = header(CONTENT_TYPE);
    let coding = ContentCoding::of(response.headers());
    let address = response.remote_addr();
    let (mut bytes, mut truncated) = (Vec::new(), false);
    // The body of a redirect is not used.
    if location.is_none() {
        while !truncated && let Some(chunk) = response.chunk().await? {
            let left = most - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(left)]);
            truncated = chunk.len() > left;
        }
    }
    let readable = bytes.is_empty() || coding != ContentCoding::Other;
    let (body, truncated) = match coding {
        ContentCoding::Gzip => unpack((bytes, truncated), most).await,
        ContentCoding::Identity | ContentCoding::Other => (bytes, truncated),
    };
    Ok(Answer {
        status,
        location,
        content_type,
        body,
        truncated,
        readable,
        address,
    })
}

/// How a body is encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ContentCoding {
    Identity,
    /// As it was asked for.
    Gzip,
    /// An encoding that was not asked for, or several.
    Other,
}

impl ContentCoding {
    fn of(headers: &HeaderMap) -> Self {
        let said = headers.get_all(CONTENT_ENCODING).iter();
        let mut codings = said
            .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
            .flat_map(|value| {
                value
                    .split(',')
                    .map(|coding| coding.trim().to_owned())
                    .collect::<Vec<_>>()
            })
            .filter(|coding| !matches!(coding.as_str(), "" | "identity"));
        match (codings.next().as_deref(), codings.next()) {
            (None, _) => Self::Identity,
            (Some("gzip" | "x-gzip"), None) => Self::Gzip,
            _ => Self::Other,
        }
    }
}

/// Does [`decompress`] outside the task of the phase, which must stay responsive to a cancellation: a body of many empty parts
/// takes seconds, however short its content is.
async fn unpack(body: (Vec<u8>, bool), most: usize) -> (Vec<u8>, bool) {
    tokio::task::spawn_blocking(move || decompress(body, most))
        .await
        .unwrap_or((Vec::new(), true))
}

/// Decompresses a body and cuts it. Damaged data ends the body.
///
/// The library's own decompression has no bound on its input, and loses the data before a fault.
fn decompress((bytes, truncated): (Vec<u8>, bool), most: usize) -> (Vec<u8>, bool) {
    use std::io::Read as _;
    let mut plain = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let outcome = MultiGzDecoder::new(&bytes[..])
        .take(limit)
        .read_to_end(&mut plain);
    let cut = plain.len() > most;
    plain.truncate(most);
    (plain, truncated || cut || outcome.is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_compressed_body_is_cut_where_a_plain_one_is() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![b'a'; 50_000_000]).unwrap();
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 100_000);
        let (plain, truncated) = decompress((bomb, false), 2_000);
        assert_eq!((plain.len(), truncated), (2_000, true));
        assert_eq!(decompress((vec![1, 2], false), 10), (vec![], true));
    }

    #[tokio::test]
    async fn a_body_that_takes_long_to_unpack_holds_nobody_up() {
        let part = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best())
            .finish()
            .unwrap();
        let mut unpacking = std::pin::pin!(unpack((part.repeat(50_000), false), 2_000));
        assert!(futures::poll!(&mut unpacking).is_pending());
        assert_eq!(unpacking.await, (vec![], false));
    }
}
