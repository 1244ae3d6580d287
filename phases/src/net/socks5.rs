//! The client's side of SOCKS version 5 (RFC 1928, RFC 1929).
//!
//! It is written out here because an error before the request is the proxy's and an error after it the host's. A library
//! doesn't tell the two apart.

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::dial::DialError;
use super::proxy::{Proxy, ProxyError};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;
const PASSWORD_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Greets the proxy on `stream`, and sends the user name and password if it asks for them.
pub(crate) async fn greet(stream: &mut TcpStream, proxy: &Proxy) -> Result<(), ProxyError> {
    let broken = |error: io::Error| proxy.broken(error);
    let credentials = proxy.credentials();
    let methods: &[u8] = match credentials {
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, PASSWORD],
        None => &[VERSION, 1, NO_AUTHENTICATION],
    };
    stream.write_all(methods).await.map_err(broken)?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).await.map_err(broken)?;
    let (username, password) = match (answer, credentials) {
        ([VERSION, NO_AUTHENTICATION], _) => return Ok(()),
        ([VERSION, PASSWORD], Some(credentials)) => credentials,
        ([VERSION, _], _) => return Err(proxy.unauthorized()),
        _ => return Err(proxy.broken("it doesn't speak SOCKS version 5")),
    };
    let mut login = vec![PASSWORD_VERSION];
    for text in [username, password] {
        let length = u8::try_from(text.len()).map_err(|_| proxy.unauthorized())?;
        login.push(length);
        login.extend_from_slice(text.as_bytes());
    }
    stream.write_all(&login).await.map_err(broken)?;
    match stream.read_exact(&mut answer).await {
        Ok(_) if answer == [PASSWORD_VERSION, 0] => Ok(()),
        Ok(_) if answer[0] != PASSWORD_VERSION => {
            Err(proxy.broken("it doesn't answer to a password as it should"))
        }
        // A proxy that refuses a password closes the connection, with an answer or without.
        _ => Err(proxy.unauthorized()),
    }
}

/// Asks a greeted proxy for a connection to `host` at `port`.
pub(crate) async fn connect(
    stream: &mut TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), DialError> {
    // From here on the host may be the cause of a failure.
    let failed = |error: io::Error| DialError::Failed(error.to_string());
    let mut request = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend(address.octets());
        }
        Err(_) => {
            let length = u8::try_from(host.len())
                .map_err(|_| DialError::Failed("the host's name is too long".to_owned()))?;
            request.extend([NAME, length]);
            request.extend(host.bytes());
        }
    }
    request.extend(port.to_be_bytes());
    stream.write_all(&request).await.map_err(failed)?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.map_err(failed)?;
    let [version, reply, _, kind] = answer;
    if version != VERSION {
        return Err(proxy.broken("its answer is not of SOCKS version 5").into());
    }
    match reply {
        0 => {}
        2 => return Err(DialError::Forbidden(reason(2))),
        5 => return Err(DialError::Refused),
        6 => return Err(DialError::TimedOut),
        other => return Err(DialError::Failed(format!("the proxy answered {}", reason(other)))),
    }
    // The proxy's own address on the connection, which is not used.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(stream.read_u8().await.map_err(failed)?),
        _ => return Err(proxy.broken("its answer has an unknown kind of address").into()),
    };
    let mut bound = vec![0; length + 2];
    stream.read_exact(&mut bound).await.map_err(failed)?;
    Ok(())
}

fn reason(reply: u8) -> String {
    match reply {
        1 => "that it failed".to_owned(),
        2 => "that its rules don't allow the connection".to_owned(),
        3 => "that the network is unreachable".to_owned(),
        4 => "that the host is unreachable".to_owned(),
        7 => "that it doesn't support the command".to_owned(),
        8 => "that it doesn't support the kind of address".to_owned(),
        other => format!("with the unknown code {other}"),
    }
}
