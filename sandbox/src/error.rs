//! Why a server of the sandbox could not be started.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// One of the servers that this crate runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Service {
    /// The DNS server, on UDP and TCP.
    Dns,
    /// The HTTP site.
    Http,
    /// A proxy that speaks HTTP.
    HttpProxy,
    /// A proxy that speaks SOCKS5.
    Socks5Proxy,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "DNS server",
            Self::Http => "HTTP site",
            Self::HttpProxy => "HTTP proxy",
            Self::Socks5Proxy => "SOCKS5 proxy",
        })
    }
}

/// Why a server could not be started. None is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The address can't be listened on. A fixed port is most likely taken by another process.
    #[error(
        "the sandbox's {service} cannot listen on {address}: {source}. Choose another port, or 0 for any"
    )]
    Bind {
        /// The server.
        service: Service,
        /// Its address; port 0 stands for any.
        address: SocketAddr,
        /// The operating system's error.
        source: io::Error,
    },
}
