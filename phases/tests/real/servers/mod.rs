//! The servers, each with the config that a test needs.

pub mod dnsmasq;
pub mod knot;
pub mod knot_resolver;
pub mod named;
pub mod nsd;
pub mod powerdns;
pub mod unbound;
