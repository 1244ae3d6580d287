//! The DNS server and the HTTP site, started and stopped together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::acceptor::Acceptor;
use crate::dns_server::DnsServer;
use crate::error::{SandboxError, Service};
use crate::http_server;

/// A running DNS server and HTTP site. Several can run in one process.
///
/// Dropping it stops both; [`shutdown`](Self::shutdown) also waits until they have stopped.
pub struct Sandbox {
    dns: DnsServer,
    http: Acceptor,
    http_requests: Arc<AtomicU64>,
}

/// Chooses the ports of a [`Sandbox`]. A port that isn't chosen is any free one.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    dns_port: u16,
    http_port: u16,
}

impl Sandbox {
    /// Starts the sandbox on free ports of 127.0.0.1. Must be called within a Tokio runtime with I/O and time
    /// enabled.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Bind`] when the operating system gives no port.
    pub async fn start() -> Result<Self, SandboxError> {
        Self::builder().start().await
    }

    /// Returns a builder, for a sandbox on fixed ports.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns the address of the DNS server, the same on UDP and TCP.
    pub fn dns_addr(&self) -> SocketAddr {
        self.dns.address()
    }

    /// Returns the address of the HTTP site.
    ///
    /// Names resolve to an address without a port: ask for `http://NAME:PORT/` with the port of this address.
    pub fn http_addr(&self) -> SocketAddr {
        self.http.address()
    }

    /// Returns how many DNS queries have come in, unanswered ones included.
    pub fn dns_queries(&self) -> u64 {
        self.dns.queries()
    }

    /// Returns how many HTTP requests have come in, directly or through a proxy. Connections that end before a complete
    /// request head don't count.
    pub fn http_requests(&self) -> u64 {
        self.http_requests.load(Ordering::Relaxed)
    }

    /// Stops both servers, and returns when their ports are free again.
    pub async fn shutdown(self) {
        self.http.shutdown().await;
        self.dns.shutdown().await;
    }
}

impl Builder {
    /// Sets the port of the DNS server, for UDP and TCP; 0 is any free one.
    pub fn dns_port(mut self, port: u16) -> Self {
        self.dns_port = port;
        self
    }

    /// Sets the port of the HTTP site; 0 is any free one.
    pub fn http_port(mut self, port: u16) -> Self {
        self.http_port = port;
        self
    }

    /// Starts the sandbox. Must be called within a Tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Bind`] when a port is taken. Nothing is left running.
    pub async fn start(self) -> Result<Sandbox, SandboxError> {
        let dns = DnsServer::start(self.dns_port).await?;
        let http_requests = Arc::new(AtomicU64::new(0));
        let counter = http_requests.clone();
        let serve = move |stream| http_server::serve(stream, counter.clone());
        let http = Acceptor::start(Service::Http, self.http_port, serve).await?;
        Ok(Sandbox {
            dns,
            http,
            http_requests,
        })
    }
}
