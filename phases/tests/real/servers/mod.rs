//! The servers, each with the config that a test needs.

pub mod apache;
pub mod danted;
pub mod dnsmasq;
pub mod haproxy;
pub mod knot;
pub mod knot_resolver;
pub mod lighttpd;
pub mod microsocks;
pub mod named;
pub mod nginx;
pub mod nsd;
pub mod openssh;
pub mod powerdns;
pub mod privoxy;
pub mod squid;
pub mod tinyproxy;
pub mod unbound;
pub mod varnish;
