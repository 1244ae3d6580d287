//! A SOCKS5 proxy (RFC 1928, RFC 1929).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing::debug;

use super::{ConnectError, ConnectionCount, ProxyAccess};
use crate::acceptor::Acceptor;
use crate::error::{SandboxError, Service};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;
const PASSWORD_VERSION: u8 = 1;
const ACCEPTED: u8 = 0;
const REJECTED: u8 = 1;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

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
                if let Err(error) = tunnel(client, &access, &served).await {
                    debug!(%error, "a SOCKS5 connection ended early");
                }
            }
        };
        let acceptor = Acceptor::start(Service::Socks5Proxy, 0, serve).await?;
        Ok(Self { acceptor, served })
    }
}

async fn tunnel(mut client: TcpStream, access: &ProxyAccess, served: &ConnectionCount) -> io::Result<()> {
    if !admit(&mut client, access).await? {
        return Ok(());
    }
    let (command, target) = read_request(&mut client).await?;
    let Some((host, port)) = target else {
        return answer(&mut client, Reply::AddressTypeNotSupported).await;
    };
    if command != CONNECT {
        return answer(&mut client, Reply::CommandNotSupported).await;
    }
    match served.connect(&host, port).await {
        Ok(mut upstream) => {
            answer(&mut client, Reply::Succeeded).await?;
            tokio::io::copy_bidirectional(&mut client, &mut upstream).await?;
            Ok(())
        }
        Err(error) => answer(&mut client, Reply::from(&error)).await,
    }
}

/// Agrees on a method with the client, and checks the password if there is one. Returns whether the client may go on.
async fn admit(client: &mut TcpStream, access: &ProxyAccess) -> io::Result<bool> {
    require(client.read_u8().await?, VERSION, "the version of SOCKS")?;
    let offered = read_counted(client).await?;
    let method = match access {
        ProxyAccess::Everybody => NO_AUTHENTICATION,
        ProxyAccess::Password { .. } => PASSWORD,
    };
    if !offered.contains(&method) {
        client.write_all(&[VERSION, NO_ACCEPTABLE_METHOD]).await?;
        return Ok(false);
    }
    client.write_all(&[VERSION, method]).await?;
    let ProxyAccess::Password { user, password } = access else {
        return Ok(true);
    };
    require(
        client.read_u8().await?,
        PASSWORD_VERSION,
        "the version of the login",
    )?;
    let given_user = read_counted(client).await?;
    let given_password = read_counted(client).await?;
    let is_right = given_user == user.as_bytes() && given_password == password.as_bytes();
    let status = if is_right { ACCEPTED } else { REJECTED };
    client.write_all(&[PASSWORD_VERSION, status]).await?;
    Ok(is_right)
}

/// Reads a command and its target, a host and a port. The target is `None` for an unknown kind of address.
async fn read_request(client: &mut TcpStream) -> io::Result<(u8, Option<(String, u16)>)> {
    let mut head = [0; 4];
    client.read_exact(&mut head).await?;
    let [version, command, _, kind] = head;
    require(version, VERSION, "the version of the request")?;
    let host = match kind {
        IPV4 => IpAddr::from(Ipv4Addr::from_bits(client.read_u32().await?)).to_string(),
        IPV6 => IpAddr::from(Ipv6Addr::from_bits(client.read_u128().await?)).to_string(),
        NAME => String::from_utf8_lossy(&read_counted(client).await?).into_owned(),
        _ => return Ok((command, None)),
    };
    Ok((command, Some((host, client.read_u16().await?))))
}

/// Reads a byte, and as many further bytes as it says.
async fn read_counted(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn require(found: u8, wanted: u8, what: &str) -> io::Result<()> {
    if found == wanted {
        return Ok(());
    }
    Err(io::Error::other(format!("{what} is {found} instead of {wanted}")))
}

/// Answers a request. The address in the answer only matters for other commands.
async fn answer(client: &mut TcpStream, reply: Reply) -> io::Result<()> {
    client
        .write_all(&[VERSION, reply as u8, 0, IPV4, 0, 0, 0, 0, 0, 0])
        .await
}

/// The answers to a request (RFC 1928, section 6) that this proxy gives.
#[derive(Clone, Copy)]
enum Reply {
    Succeeded = 0,
    NotAllowed = 2,
    HostUnreachable = 4,
    ConnectionRefused = 5,
    TtlExpired = 6,
    CommandNotSupported = 7,
    AddressTypeNotSupported = 8,
}

impl From<&ConnectError> for Reply {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Forbidden => Self::NotAllowed,
            ConnectError::Unresolved => Self::HostUnreachable,
            ConnectError::ResolutionTimedOut => Self::TtlExpired,
            ConnectError::Failed(_) => Self::ConnectionRefused,
        }
    }
}
