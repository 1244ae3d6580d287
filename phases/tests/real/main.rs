//! The phases against real servers: those of Debian's packages, started on loopback with a config of their own.
//!
//! Each test starts the servers that it needs, on ports that nobody has. What a record should say was written down from the RFCs
//! before the servers ran, and isn't taken from what they do: a row that a server surprised says so.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic, and its helpers too")]

mod answers;
mod authoritative;
mod harness;
mod outages;
mod pages;
mod recursive;
mod refusals;
mod servers;
mod site;
mod tunnels;
mod zones;
