//! Proxies on loopback. They resolve names by the sandbox's zone and count the connections that they serve.

mod http;
mod socks5;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::TcpStream;

use crate::zone::{self, Answer};

pub use http::HttpProxy;
pub use socks5::Socks5Proxy;

/// Who may use a proxy.
#[derive(Clone)]
enum ProxyAccess {
    Everybody,
    Password { user: String, password: String },
}

impl fmt::Debug for ProxyAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("Everybody"),
            Self::Password { user, .. } => f
                .debug_struct("Password")
                .field("user", user)
                .finish_non_exhaustive(),
        }
    }
}

/// How many connections to a target a proxy has opened.
#[derive(Clone, Debug, Default)]
struct ConnectionCount(Arc<AtomicU64>);

impl ConnectionCount {
    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Connects to `host`, a name under `test` or a loopback address, and counts it.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
        let stream = TcpStream::connect(resolve(host, port)?)
            .await
            .map_err(ConnectError::Failed)?;
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(stream)
    }
}

/// Why a proxy did not reach a target.
#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error("only names under test and loopback addresses can be reached")]
    Forbidden,
    #[error("the name has no address")]
    Unresolved,
    #[error("the name's address could not be found out in time")]
    ResolutionTimedOut,
    #[error("{0}")]
    Failed(io::Error),
}

/// Resolves as the DNS server does, except that a silent name fails at once and not after a timeout.
fn resolve(host: &str, port: u16) -> Result<SocketAddr, ConnectError> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return match address.is_loopback() {
            true => Ok(SocketAddr::new(address, port)),
            false => Err(ConnectError::Forbidden),
        };
    }
    match zone::answer(host) {
        Answer::Address(address) => Ok(SocketAddr::from((address, port))),
        Answer::Forged | Answer::Throttled => Ok(SocketAddr::from((zone::SITE_ADDRESS, port))),
        Answer::NoSuchName
        | Answer::ServerFailure
        | Answer::Blocked(_)
        | Answer::Prohibited
        | Answer::Sink
        | Answer::Referral => Err(ConnectError::Unresolved),
        Answer::Silent => Err(ConnectError::ResolutionTimedOut),
        Answer::NotOurs => Err(ConnectError::Forbidden),
    }
}
