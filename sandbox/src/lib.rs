//! A DNS server and an HTTP site on loopback, to run domain and page checks against.
//!
//! [`Sandbox::start`] binds both to ephemeral ports of 127.0.0.1 and runs them on the caller's Tokio runtime. They
//! answer for every name under the reserved top-level domain `test`. A hash of the name decides what happens to it, so
//! it is the same in every run and on every machine, and a test computes its expectation without asking the servers:
//!
//! - [`zone::answer`] is the answer of the DNS server,
//! - [`site::behaviour`] is what the HTTP site does, [`site::page`] is its page, and [`site::mentions`] is the number of
//!   times that [`site::KEYWORD`] occurs in the page that a client ends up at.
//!
//! [`HttpProxy`] and [`Socks5Proxy`] resolve names by the same zone, reach only loopback, and count the connections that
//! they serve, so that a test can tell whether its traffic went through them.
//!
//! ```
//! # async fn doc() -> Result<(), phasegate_sandbox::SandboxError> {
//! use phasegate_sandbox::{Sandbox, zone};
//!
//! let sandbox = Sandbox::start().await?;
//! let resolver = sandbox.dns_addr();
//! let expected = zone::answer("shop.test");
//! // Query `resolver` for shop.test, and compare.
//! sandbox.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod acceptor;
mod digest;
mod dns_server;
mod error;
mod http_server;
mod page;
mod proxy;
mod reply;
mod sandbox;
pub mod site;
pub mod zone;

pub use error::{SandboxError, Service};
pub use proxy::{HttpProxy, Socks5Proxy};
pub use sandbox::{Builder, Sandbox};
