//! The resource kind `proxy`, and the errors of a proxy.

use std::fmt;
use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::address;
use crate::value::{Whole, object_only, present, text_type};

phasegate::core::word_type! {
    /// What a proxy speaks.
    #[non_exhaustive]
    pub enum Protocol {
        /// HTTP: CONNECT tunnels (RFC 9110, section 9.3.6), and plain requests in absolute form.
        Http = "http",
        /// SOCKS version 5 (RFC 1928, RFC 1929).
        Socks5 = "socks5",
    }
}

text_type! {
    /// A host to connect to: a name, an IPv4 address, or an IPv6 address without brackets.
    #[derive(Debug)]
    Host, 1 to 253 characters, pattern "^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45})$",
    "a host: write a name or an IP address, without http://, port and brackets",
    with {"x-phasegate-domain": true}
}

text_type! {
    /// The user of the proxy.
    #[derive(Debug)]
    Username, 1 to 255 characters, pattern "^[ -9;-~]+$", "printable ASCII without a colon"
}

text_type! {
    /// A password. Its debug form is three dots, so logs never show it.
    Password, 1 to 255 characters, pattern "^[ -~]+$", "printable ASCII",
    with {"format": "password", "writeOnly": true}
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("...")
    }
}

/// A proxy that a phase sends its traffic through. If it can't be reached, the phase fails: nothing goes out directly
/// instead.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Proxy")]
pub struct Proxy {
    /// What the proxy speaks: HTTP, or SOCKS version 5.
    #[schemars(title = "Protocol", example = &"socks5")]
    pub protocol: Protocol,
    /// The proxy's name or IP address.
    #[schemars(title = "Host", example = &"proxy.example.net")]
    pub host: Host,
    /// The proxy's port.
    #[schemars(title = "Port", example = 1080)]
    pub port: Whole<1, 65_535>,
    /// The user name, if the proxy asks for one.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(title = "User name", with = "Username")]
    pub username: Option<Username>,
    /// The password, if the proxy asks for one. It is never shown.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(title = "Password", with = "Password")]
    pub password: Option<Password>,
    /// Whether configs may use it.
    #[serde(default = "enabled")]
    #[schemars(title = "Enabled")]
    pub enabled: bool,
}

object_only!(Proxy);

fn enabled() -> bool {
    true
}

impl Proxy {
    /// The user name and password, if it has either.
    pub(crate) fn credentials(&self) -> Option<(&str, &str)> {
        let username = self.username.as_ref().map_or("", Username::as_str);
        let password = self.password.as_ref().map_or("", Password::as_str);
        (!username.is_empty() || !password.is_empty()).then_some((username, password))
    }

    /// The value of a `Proxy-Authorization` header (RFC 7617), if it has credentials.
    pub(crate) fn authorization(&self) -> Option<String> {
        use base64::prelude::{BASE64_STANDARD, Engine as _};
        let (username, password) = self.credentials()?;
        Some(format!(
            "Basic {}",
            BASE64_STANDARD.encode(format!("{username}:{password}"))
        ))
    }

    pub(crate) fn socket(&self) -> (&str, u16) {
        (
            self.host.as_str(),
            u16::try_from(self.port.get()).unwrap_or(u16::MAX),
        )
    }

    /// Its socket address, if its host is an IP address.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let (host, port) = self.socket();
        Some(SocketAddr::new(host.parse().ok()?, port))
    }

    /// Its host and port, as errors name it.
    pub(crate) fn authority(&self) -> String {
        let (host, port) = self.socket();
        address::authority(host, port)
    }

    pub(crate) fn unreachable(&self, reason: impl ToString) -> ProxyError {
        ProxyError::Unreachable {
            proxy: self.authority(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn unauthorized(&self) -> ProxyError {
        ProxyError::Unauthorized {
            proxy: self.authority(),
        }
    }

    pub(crate) fn refuses(&self, host: &str, port: u16, reason: impl ToString) -> ProxyError {
        ProxyError::Refuses {
            proxy: self.authority(),
            target: address::authority(host, port),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn broken(&self, reason: impl ToString) -> ProxyError {
        ProxyError::Broken {
            proxy: self.authority(),
            reason: reason.to_string(),
        }
    }
}

/// Why a proxy can't be used at all. It fails the phase.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ProxyError {
    /// It accepts no connection.
    #[error("the proxy {proxy} can't be reached: {reason}")]
    Unreachable { proxy: String, reason: String },
    /// It doesn't accept the user name and password.
    #[error("the proxy {proxy} refuses the user name or password, or asks for them")]
    Unauthorized { proxy: String },
    /// It opens no connection to a host, as its rules want it.
    #[error("the proxy {proxy} refuses connections to {target}: {reason}")]
    Refuses {
        proxy: String,
        target: String,
        reason: String,
    },
    /// It breaks its protocol, or ends the connection before an answer.
    #[error("the proxy {proxy} doesn't answer as a proxy: {reason}")]
    Broken { proxy: String, reason: String },
}
