//! Phasegate over HTTP: every call of the engine as JSON, its events as a stream, and an OpenAPI document.
//!
//! A Rust service mounts [`Server::router`] in its own app. [`serve`] runs it alone, with the limits that a server on an open
//! port needs. The command `phasegate serve` uses both.
//!
//! ```no_run
//! # async fn run(engine: phasegate::Engine) -> Result<(), Box<dyn std::error::Error>> {
//! use phasegate_server::{Access, Server, Token, serve};
//!
//! let token = Token::load_or_create("phasegate.token".as_ref())?;
//! let server = Server::builder(engine).access(Access::Token(token)).build();
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! serve(listener, &server).await?; // until server.close()
//! # Ok(())
//! # }
//! ```
//!
//! # What is durable
//!
//! An answer of 2xx to a write means that the write is durable, power loss included. An event is sent after its commit. A client
//! that lost an answer sends the request again with the same `Idempotency-Key`.
//!
//! # Who may use it
//!
//! Each request must be for one of the [`Hosts`], and have the [`Token`] or the cookie of its login link. A write must not come
//! from a page of another origin. A router within a host's own app may leave this to the host: [`Access::Open`],
//! [`Hosts::any`].

mod as_object;
mod asked;
mod campaign_body;
pub mod catalogue;
mod components;
mod console;
mod described;
mod extract;
mod guard;
mod listen;
mod metrics;
mod openapi;
mod prefix;
mod problem;
mod router;
mod routes;
pub mod rows;
mod server;
mod shapes;
mod slots;
mod stream;

pub use self::metrics::install_metrics;
pub use extract::{BODY_TIMEOUT, MAX_BODY_BYTES, MAX_KEY_CHARS};
pub use guard::{Hosts, InvalidHost, Token, TokenError};
pub use listen::{HEADER_TIMEOUT, MAX_HEADER_BYTES, WRITE_TIMEOUT, serve, serve_connection};
/// The handle that shows the metrics of this process.
pub use metrics_exporter_prometheus::PrometheusHandle as MetricsHandle;
pub use openapi::document as openapi_document;
pub use problem::{PROBLEM_JSON, Problem};
pub use server::{Access, Limits, Server, ServerBuilder};
