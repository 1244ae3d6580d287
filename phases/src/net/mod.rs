//! What the network phases share: addresses, proxies, DNS queries, and the pace at which they go out.

pub(crate) mod address;
pub(crate) mod dial;
pub(crate) mod dns;
pub(crate) mod halt;
pub(crate) mod pace;
pub(crate) mod proxy;
pub(crate) mod sockets;
mod socks5;
