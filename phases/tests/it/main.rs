//! The four phases against the sandbox, and their schemas.
#![allow(clippy::unwrap_used, reason = "a test may panic, and its helpers too")]

mod conformance;
mod keyword;
mod limits;
mod network;
mod pages;
mod pipeline;
mod probes;
mod schemas;
mod situations;
#[cfg(unix)]
mod sockets;
mod support;
mod tls;
