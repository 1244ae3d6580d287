//! What the network phases share: addresses, proxies, DNS queries, and the limits within which they go out.

pub(crate) mod address;
pub(crate) mod dial;
pub(crate) mod dns;
pub(crate) mod fatal_error;
pub(crate) mod persona_limits;
pub(crate) mod proxy;
pub(crate) mod sockets;
mod socks5;
pub(crate) mod uplink;
