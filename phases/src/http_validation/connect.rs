//! Connections to sites: directly or through a proxy, and encrypted where the URL says so.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, OtherError, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::detail::{HttpDetail, SiteFailure};
use super::request::{MeansFailure, RequestFailure, Route};
use crate::net::dial::{self, DialError};
use crate::net::fatal_error::FatalError;
use crate::net::proxy::{Protocol, Proxy};
use crate::net::sockets;

/// How many addresses of a host are tried.
const MAX_ADDRESSES: usize = 4;
/// How long an address may be silent before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Bytes to and from a site.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

/// A connection on which requests for one URL can be sent.
pub(super) struct Connection {
    pub(super) bytes: Box<dyn Bytes>,
    /// The site's address, if it is known.
    pub(super) address: Option<SocketAddr>,
}

/// Whether the proxy itself gets the request in absolute form. Otherwise the request goes through a tunnel.
pub(super) fn is_absolute(url: &Url, proxy: &Proxy) -> bool {
    proxy.protocol == Protocol::Http && url.scheme() == "http"
}

/// The host of a URL without the brackets of an IPv6 address, and its port.
pub(super) fn host_and_port(url: &Url) -> Result<(String, u16), SiteFailure> {
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => return Err(HttpDetail::InvalidUrl.into()),
    };
    let port = url.port_or_known_default().ok_or(HttpDetail::InvalidUrl)?;
    Ok((host, port))
}

/// Connects along `route`. `patience` is the time to reach the site, TLS included; a proxy itself has its own.
pub(super) async fn connect(
    url: &Url,
    route: &Route,
    patience: Duration,
) -> Result<Connection, RequestFailure> {
    match route {
        Route::Direct(addresses) => {
            let connecting = async {
                let (stream, address) = first_of(addresses).await?;
                let bytes = encrypted(url, stream, Peer::Site).await?;
                Ok(Connection {
                    bytes,
                    address: Some(address),
                })
            };
            within(patience, HttpDetail::ConnectTimeout, connecting).await
        }
        Route::Proxy(proxy) if is_absolute(url, proxy) => {
            let stream = dial::to_proxy(proxy).await.map_err(MeansFailure::fatal)?;
            Ok(Connection {
                bytes: Box::new(stream),
                address: None,
            })
        }
        Route::Proxy(proxy) => {
            let (host, port) = host_and_port(url)?;
            let dialed = dial::through(proxy, &host, port, patience).await;
            let stream = dialed.map_err(|error| undialed(error, proxy, &host, port))?;
            let encrypting = encrypted(url, stream, Peer::Proxy);
            let bytes = within(patience, HttpDetail::ConnectTimeout, encrypting).await?;
            Ok(Connection { bytes, address: None })
        }
    }
}

/// What a missing tunnel says: of the site, of the proxy, or of either.
pub(super) fn undialed(error: DialError, proxy: &Proxy, host: &str, port: u16) -> RequestFailure {
    match error {
        DialError::Fatal(fatal) => MeansFailure::fatal(fatal),
        DialError::Forbidden(reason) => {
            let item = HttpDetail::ProxyRefused.failure(&reason);
            MeansFailure::or(proxy.refuses(host, port, reason), item)
        }
        DialError::HungUp(reason) => {
            let item = HttpDetail::ProxyFailed.failure(&reason);
            MeansFailure::or(proxy.broken(reason), item)
        }
        DialError::TimedOut => {
            let reason = "it is silent";
            MeansFailure::or(proxy.broken(reason), HttpDetail::ProxyTimeout.into())
        }
        DialError::Refused => RequestFailure::Site(HttpDetail::ConnectionRefused.into()),
        DialError::SpokeFirst => RequestFailure::Site(HttpDetail::SpokeFirst.into()),
        DialError::Failed(reason) => RequestFailure::Site(HttpDetail::ProxyCantConnect.failure(reason)),
    }
}

async fn within<T>(
    patience: Duration,
    late: HttpDetail,
    work: impl Future<Output = Result<T, RequestFailure>>,
) -> Result<T, RequestFailure> {
    let outcome = timeout(patience, work).await;
    outcome.unwrap_or_else(|_| Err(RequestFailure::Site(late.into())))
}

/// Connects to the first of the addresses that accepts, each of which has a head start over the next one.
async fn first_of(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), RequestFailure> {
    let mut waiting = addresses.iter().copied().take(MAX_ADDRESSES);
    let mut trying = FuturesUnordered::new();
    let mut failure = None;
    loop {
        if trying.is_empty() {
            match waiting.next() {
                Some(address) => trying.push(reach(address)),
                None => {
                    let failure = failure.unwrap_or_else(|| HttpDetail::ConnectionFailed.into());
                    return Err(RequestFailure::Site(failure));
                }
            }
        }
        let is_last = waiting.len() == 0;
        tokio::select! {
            Some(outcome) = trying.next() => match outcome {
                (Ok(stream), address) => return Ok((stream, address)),
                (Err(error), address) => {
                    if sockets::are_used_up(&error, &[address]) {
                        return Err(RequestFailure::Fatal(FatalError::OutOfSockets(error.to_string())));
                    }
                    failure.get_or_insert_with(|| unconnected(&error));
                    trying.extend(waiting.next().map(reach));
                }
            },
            () = sleep(HEAD_START), if !is_last => trying.extend(waiting.next().map(reach)),
        }
    }
}

async fn reach(address: SocketAddr) -> (io::Result<TcpStream>, SocketAddr) {
    let connecting = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    (connecting.await, address)
}

fn unconnected(error: &io::Error) -> SiteFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => HttpDetail::ConnectionRefused.into(),
        io::ErrorKind::TimedOut => HttpDetail::ConnectTimeout.into(),
        _ => HttpDetail::ConnectionFailed.failure(error),
    }
}

/// Who may have ended a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Peer {
    Site,
    /// The proxy, in place of the site.
    Proxy,
}

/// Encrypts a connection if the URL says so.
async fn encrypted(url: &Url, stream: TcpStream, peer: Peer) -> Result<Box<dyn Bytes>, RequestFailure> {
    if url.scheme() != "https" {
        return Ok(Box::new(stream));
    }
    let host = url.host_str().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let name = ServerName::try_from(bare.unwrap_or(host).to_owned());
    let name = name.map_err(|error| RequestFailure::Site(HttpDetail::InvalidUrl.failure(error)))?;
    match TlsConnector::from(tls()).connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(RequestFailure::Site(unencrypted(&error, peer))),
    }
}

fn unencrypted(error: &io::Error, peer: Peer) -> SiteFailure {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(error) => untrusted(error).failure(error),
        // Through a proxy it isn't seen whether the site has closed the connection or the proxy never had one.
        None if peer == Peer::Proxy => HttpDetail::ClosedUnanswered.failure(error),
        None if error.kind() == io::ErrorKind::TimedOut => HttpDetail::ConnectTimeout.into(),
        // The connection was made before it broke, so encrypting it failed.
        None => HttpDetail::TlsFailed.failure(error),
    }
}

/// The reason why TLS was ended, by this side or by the site.
fn untrusted(error: &rustls::Error) -> HttpDetail {
    use rustls::{
        AlertDescription as Alert, CertificateError as Certificate, Error, PeerIncompatible as Peer,
    };
    match error {
        Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            HttpDetail::CertificateExpired
        }
        Error::InvalidCertificate(Certificate::NotValidYet | Certificate::NotValidYetContext { .. }) => {
            HttpDetail::CertificateNotYetValid
        }
        Error::InvalidCertificate(Certificate::UnknownIssuer) => HttpDetail::CertificateUntrusted,
        Error::InvalidCertificate(Certificate::Other(other)) if is_self_made(other) => {
            HttpDetail::CertificateUntrusted
        }
        Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => HttpDetail::CertificateWrongName,
        Error::InvalidCertificate(_) => HttpDetail::CertificateRejected,
        Error::AlertReceived(Alert::ProtocolVersion)
        | Error::PeerIncompatible(
            Peer::ServerDoesNotSupportTls12Or13 | Peer::ServerTlsVersionIsDisabledByOurConfig,
        ) => HttpDetail::TlsVersion,
        Error::AlertReceived(_) => HttpDetail::TlsRefused,
        _ => HttpDetail::TlsFailed,
    }
}

/// Whether a certificate has what only those have that sites sign themselves, and so was refused before its issuer was looked
/// for: it is that of an authority, as `openssl req -x509` makes it, or of the first version, as `openssl x509 -signkey` does.
fn is_self_made(other: &OtherError) -> bool {
    matches!(
        other.0.downcast_ref(),
        Some(webpki::Error::CaUsedAsEndEntity | webpki::Error::UnsupportedCertVersion)
    )
}

fn tls() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let made = CONFIG.get_or_init(|| {
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider supports the default versions of TLS")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    });
    Arc::clone(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{CertificateError as Certificate, Error};

    #[test]
    fn what_is_wrong_with_a_certificate_has_a_word_of_its_own() {
        let other = |error: webpki::Error| Certificate::Other(OtherError(Arc::new(error)));
        for (error, expected) in [
            (
                other(webpki::Error::CaUsedAsEndEntity),
                HttpDetail::CertificateUntrusted,
            ),
            (
                other(webpki::Error::UnsupportedCertVersion),
                HttpDetail::CertificateUntrusted,
            ),
            (
                other(webpki::Error::MaximumPathDepthExceeded),
                HttpDetail::CertificateRejected,
            ),
            (Certificate::Expired, HttpDetail::CertificateExpired),
            (Certificate::NotValidYet, HttpDetail::CertificateNotYetValid),
            (Certificate::UnknownIssuer, HttpDetail::CertificateUntrusted),
            (Certificate::NotValidForName, HttpDetail::CertificateWrongName),
            (Certificate::Revoked, HttpDetail::CertificateRejected),
        ] {
            assert_eq!(untrusted(&Error::InvalidCertificate(error)), expected);
        }
    }
}
