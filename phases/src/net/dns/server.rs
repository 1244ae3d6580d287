//! The address of a DNS server, as a persona writes it.

use std::net::IpAddr;

use crate::value::{pattern, text_type};

text_type! {
    /// A DNS server: `host:port`, an IPv6 address in brackets.
    #[derive(Debug)]
    Server, 3 to 262 characters,
    pattern format!(
        "^([A-Za-z0-9]([A-Za-z0-9.-]{{0,251}}[A-Za-z0-9])?|[\\[][0-9A-Fa-f:.]{{2,45}}[\\]]):{}$",
        pattern::PORT
    ),
    "one resolver: host:port, an IPv6 address in brackets; write one resolver a line"
}

impl Server {
    /// Its host, without brackets, and its port.
    pub(crate) fn split(&self) -> (&str, u16) {
        let (host, port) = self.as_str().rsplit_once(':').unwrap_or((self.as_str(), "53"));
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        (bare.unwrap_or(host), port.parse().unwrap_or(53))
    }

    /// Whether its brackets hold an IPv6 address, if it has brackets.
    pub(crate) fn is_sound(&self) -> bool {
        !self.as_str().starts_with('[')
            || self
                .split()
                .0
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_ipv6())
    }
}
