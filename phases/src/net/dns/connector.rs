//! How a resolver reaches its server: straight, or through a proxy and no other way.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use hickory_resolver::config::{ConnectionConfig, ProtocolConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_resolver::net::runtime::{RuntimeProvider, Spawn, TokioRuntimeProvider};
use hickory_resolver::net::tcp::{TcpClientStream, TcpStream};
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::{DnsExchange, DnsMultiplexer};
use hickory_resolver::{ConnectionProvider, PoolContext};

use crate::net::dial::{self, DialError};
use crate::net::proxy::{Proxy, ProxyError};

/// Connects a resolver to the one server that it asks.
#[derive(Clone)]
pub(crate) struct Connector {
    runtime: TokioRuntimeProvider,
    proxied: Option<Proxied>,
}

/// A server behind a proxy, which finds it by its name.
#[derive(Clone)]
struct Proxied {
    proxy: Arc<Proxy>,
    host: Arc<str>,
    failure: ProxyFailure,
}

/// What a proxy did wrong, if it did. Of a connection that failed a resolver tells that it failed, and no more.
pub(crate) type ProxyFailure = Arc<OnceLock<ProxyError>>;

impl Connector {
    /// Connects straight to the address that the resolver is configured with.
    pub(crate) fn direct() -> Self {
        Self {
            runtime: TokioRuntimeProvider::new(),
            proxied: None,
        }
    }

    /// Connects through `proxy` to `host`, whatever address the resolver is configured with.
    pub(crate) fn through(proxy: Arc<Proxy>, host: &str, failure: ProxyFailure) -> Self {
        let host = host.into();
        Self {
            runtime: TokioRuntimeProvider::new(),
            proxied: Some(Proxied { proxy, host, failure }),
        }
    }
}

impl ConnectionProvider for Connector {
    type Conn = DnsExchange<TokioRuntimeProvider>;
    type FutureConn = Pin<Box<dyn Future<Output = Result<Self::Conn, NetError>> + Send>>;
    type RuntimeProvider = TokioRuntimeProvider;

    fn new_connection(
        &self,
        ip: IpAddr,
        config: &ConnectionConfig,
        cx: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        let (server, options) = (SocketAddr::new(ip, config.port), &cx.options);
        let (timeout, most) = (options.timeout, options.max_active_requests);
        if let Some(proxied) = self.proxied.clone() {
            let mut handle = self.runtime.create_handle();
            return Ok(Box::pin(async move {
                let connected = dial::through(&proxied.proxy, &proxied.host, server.port(), timeout).await;
                let stream = connected.map_err(|error| proxied.failed(error))?;
                let (stream, sender) = TcpStream::from_stream(AsyncIoTokioAsStd(stream), server);
                let queries = DnsMultiplexer::new(TcpClientStream::from_stream(stream), sender)
                    .with_timeout(timeout)
                    .with_max_active_requests(most);
                let (exchange, background) = DnsExchange::from_stream(queries);
                handle.spawn_bg(background);
                Ok(exchange)
            }));
        }
        match &config.protocol {
            // The library would send a datagram again on its own; the persona says how often and how fast.
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

impl Proxied {
    fn failed(&self, error: DialError) -> NetError {
        match error {
            DialError::TimedOut => return NetError::Timeout,
            DialError::Proxy(error) => _ = self.failure.set(error),
            DialError::Refused | DialError::SpokeFirst | DialError::Failed(_) => {}
        }
        io::Error::from(io::ErrorKind::ConnectionRefused).into()
    }
}
