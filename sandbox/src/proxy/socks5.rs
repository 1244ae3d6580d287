//! A SOCKS5 proxy (RFC 1928, RFC 1929).

use std::io;
use std::net::SocketAddr;

use fast_socks5::server::{Socks5ServerProtocol, SocksServerError};
use fast_socks5::util::target_addr::TargetAddr;
use fast_socks5::{ReplyError, Socks5Command};
use tokio::net::TcpStream;
use tracing::debug;

use super::{ConnectError, ConnectionCount, ProxyAccess};
use crate::acceptor::Acceptor;
use crate::error::{SandboxError, Service};

/// A SOCKS5 proxy on a free port of 127.0.0.1. It serves the `CONNECT` command to names under `test`, which it
/// resolves itself, and to loopback addresses.
///
/// Dropping it stops it.
#[derive(Debug)]
pub struct Socks5Proxy {
    acceptor: Acceptor,
    served: ConnectionCount,
}

impl Socks5Proxy {
    /// Starts a proxy that everybody may use.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Bind`] when the operating system gives no port.
    pub async fn start() -> Result<Self, SandboxError> {
        Self::start_for(ProxyAccess::Everybody).await
    }

    /// Starts a proxy that asks for `user` and `password`, of 1 to 255 bytes each.
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

    /// Returns how many connections to a target the proxy has opened. A client that was turned away, or whose
    /// target could not be reached, doesn't count.
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
                if let Err(error) = tunnel(client, &access, &served).await {
                    debug!(%error, "a SOCKS5 connection ended early");
                }
            }
        };
        let acceptor = Acceptor::start(Service::Socks5Proxy, 0, serve).await?;
        Ok(Self { acceptor, served })
    }
}

async fn tunnel(
    client: TcpStream,
    access: &ProxyAccess,
    served: &ConnectionCount,
) -> Result<(), TunnelError> {
    let authenticated = match access {
        ProxyAccess::Everybody => Socks5ServerProtocol::accept_no_auth(client).await?,
        ProxyAccess::Password { user, password } => {
            let check = |given_user, given_password| given_user == *user && given_password == *password;
            Socks5ServerProtocol::accept_password_auth(client, check).await?.0
        }
    };
    let (protocol, command, target) = authenticated.read_command().await?;
    if command != Socks5Command::TCPConnect {
        return Ok(protocol.reply_error(&ReplyError::CommandNotSupported).await?);
    }
    let (host, port) = match target {
        TargetAddr::Ip(address) => (address.ip().to_string(), address.port()),
        TargetAddr::Domain(name, port) => (name, port),
    };
    match served.connect(&host, port).await {
        Ok(mut upstream) => {
            let mut client = protocol.reply_success(upstream.local_addr()?).await?;
            tokio::io::copy_bidirectional(&mut client, &mut upstream).await?;
            Ok(())
        }
        Err(error) => Ok(protocol.reply_error(&reply(&error)).await?),
    }
}

fn reply(error: &ConnectError) -> ReplyError {
    match error {
        ConnectError::Forbidden => ReplyError::ConnectionNotAllowed,
        ConnectError::Unresolved => ReplyError::HostUnreachable,
        ConnectError::ResolutionTimedOut => ReplyError::ConnectionTimeout,
        ConnectError::Failed(_) => ReplyError::ConnectionRefused,
    }
}

/// Why a connection ended before its time.
#[derive(Debug, thiserror::Error)]
enum TunnelError {
    #[error(transparent)]
    Protocol(#[from] SocksServerError),
    #[error(transparent)]
    Io(#[from] io::Error),
}
