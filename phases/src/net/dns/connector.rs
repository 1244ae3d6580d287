//! The connection of a resolver to its server: direct, or only through a proxy.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, ProtocolConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_resolver::net::runtime::{RuntimeProvider, Spawn, TokioRuntimeProvider};
use hickory_resolver::net::tcp::{TcpClientStream, TcpStream};
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::{DnsExchange, DnsMultiplexer};
use hickory_resolver::{ConnectionProvider, PoolContext};

use crate::net::dial::{self, DialError};
use crate::net::fatal_error::FatalError;
use crate::net::proxy::Proxy;
use crate::net::sockets;

/// Connects a resolver to the one server that it asks.
#[derive(Clone)]
pub(crate) struct Connector {
    runtime: SocketProvider,
    proxied: Option<ProxiedServer>,
}

/// A server behind a proxy. The proxy resolves its name.
#[derive(Clone)]
struct ProxiedServer {
    proxy: Arc<Proxy>,
    host: Arc<str>,
}

/// The fatal error of a failed connection, if any. A resolver itself reports only that a connection failed.
pub(crate) type FatalErrorSlot = Arc<OnceLock<FatalError>>;

/// Makes sockets, and remembers when this machine has none left.
#[derive(Clone)]
pub(crate) struct SocketProvider {
    runtime: TokioRuntimeProvider,
    fatal_error: FatalErrorSlot,
}

impl Connector {
    /// Connects directly to the address in the resolver's configuration.
    pub(crate) fn direct(fatal_error: FatalErrorSlot) -> Self {
        Self {
            runtime: SocketProvider {
                runtime: TokioRuntimeProvider::new(),
                fatal_error,
            },
            proxied: None,
        }
    }

    /// Connects through `proxy` to `host`, and ignores the address in the resolver's configuration.
    pub(crate) fn through(proxy: Arc<Proxy>, host: &str, fatal_error: FatalErrorSlot) -> Self {
        let host = host.into();
        Self {
            proxied: Some(ProxiedServer { proxy, host }),
            ..Self::direct(fatal_error)
        }
    }
}

impl ConnectionProvider for Connector {
    type Conn = DnsExchange<SocketProvider>;
    type FutureConn = Pin<Box<dyn Future<Output = Result<Self::Conn, NetError>> + Send>>;
    type RuntimeProvider = SocketProvider;

    fn new_connection(
        &self,
        ip: IpAddr,
        config: &ConnectionConfig,
        cx: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        let (server, options) = (SocketAddr::new(ip, config.port), &cx.options);
        let (timeout, most) = (options.timeout, options.max_active_requests);
        if let Some(proxied) = self.proxied.clone() {
            let runtime = self.runtime.clone();
            return Ok(Box::pin(async move {
                let connected = dial::through(&proxied.proxy, &proxied.host, server.port(), timeout).await;
                let stream = connected.map_err(|error| runtime.failed(error))?;
                let (stream, sender) = TcpStream::from_stream(AsyncIoTokioAsStd(stream), server);
                let queries = DnsMultiplexer::new(TcpClientStream::from_stream(stream), sender)
                    .with_timeout(timeout)
                    .with_max_active_requests(most);
                let (exchange, background) = DnsExchange::from_stream(queries);
                runtime.create_handle().spawn_bg(background);
                Ok(exchange)
            }));
        }
        match &config.protocol {
            // Retries by the library are off: the persona decides how often and how fast.
            ProtocolConfig::Udp => {
                let stream = UdpClientStream::builder(server, self.runtime.clone())
                    .with_timeout(Some(timeout))
                    .with_max_retries(0)
                    .with_os_port_selection(options.os_port_selection);
                Ok(Box::pin(async move { Ok(stream.exchange()) }))
            }
            _ => self.runtime.new_connection(ip, config, cx),
        }
    }

    fn runtime_provider(&self) -> &Self::RuntimeProvider {
        &self.runtime
    }
}

impl SocketProvider {
    fn failed(&self, error: DialError) -> NetError {
        match error {
            DialError::TimedOut => return NetError::Timeout,
            DialError::Fatal(fatal) => _ = self.fatal_error.set(fatal),
            DialError::Refused | DialError::SpokeFirst | DialError::Failed(_) => {}
        }
        io::Error::from(io::ErrorKind::ConnectionRefused).into()
    }

    /// Remembers why `socket` could not be made, if this machine is the cause.
    fn watched<S: Send + 'static>(&self, server: SocketAddr, socket: SocketFuture<S>) -> SocketFuture<S> {
        let fatal_error = Arc::clone(&self.fatal_error);
        Box::pin(async move {
            let made = socket.await;
            if let Err(error) = &made
                && sockets::are_used_up(error, &[server])
            {
                let _ = fatal_error.set(FatalError::OutOfSockets(error.to_string()));
            }
            made
        })
    }
}

/// A future that makes a socket.
type SocketFuture<S> = Pin<Box<dyn Future<Output = io::Result<S>> + Send>>;

impl RuntimeProvider for SocketProvider {
    type Handle = <TokioRuntimeProvider as RuntimeProvider>::Handle;
    type Timer = <TokioRuntimeProvider as RuntimeProvider>::Timer;
    type Udp = <TokioRuntimeProvider as RuntimeProvider>::Udp;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.runtime.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        from: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> SocketFuture<Self::Tcp> {
        self.watched(server, self.runtime.connect_tcp(server, from, timeout))
    }

    fn bind_udp(&self, from: SocketAddr, server: SocketAddr) -> SocketFuture<Self::Udp> {
        self.watched(server, self.runtime.bind_udp(from, server))
    }
}
