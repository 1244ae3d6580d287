//! The config of HTTP validation, and the HTTP persona.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::headers::Headers;
use crate::dns_validation::ProxyId;
use crate::net::dns::Server;
use crate::value::{List, Whole, object_only, present, text_type};

/// The kind of resource that requests pages.
pub(crate) const HTTP_PERSONA: &str = "http_persona";

text_type! {
    /// The id of an HTTP persona.
    #[derive(Debug)]
    HttpPersonaId, 1 to 128 characters, pattern "^[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
    "the id of a resource: letters, digits, hyphens, underscores and dots, not beginning with a dot",
    with {"x-phasegate-resource": HTTP_PERSONA}
}

text_type! {
    /// The name that a client gives itself.
    #[derive(Debug)]
    UserAgent, 1 to 512 characters, pattern "^[!-~]([ -~]*[!-~])?$", "printable ASCII without a space at an edge"
}

text_type! {
    /// The path and the query of a page.
    #[derive(Debug)]
    Path, 1 to 1024 characters, pattern "^/[!\"$-~]*$",
    "a path that begins with a slash, in printable ASCII, without spaces and without a fragment"
}

/// How the resolved domains are requested.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "HTTP validation")]
pub struct Config {
    /// The HTTP personas that request domains in turn, by the domain's index. A persona that is
    /// listed twice serves twice as many domains.
    #[schemars(title = "HTTP personas", example = ["desktop-browser"])]
    pub persona_ids: List<HttpPersonaId, 1, 100>,
    /// The proxy that requests go through. Without a proxy they go out directly.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(title = "Proxy", with = "ProxyId")]
    pub proxy_id: Option<ProxyId>,
}

phasegate::core::word_type! {
    /// The scheme of the first request of a page.
    #[non_exhaustive]
    pub enum Scheme {
        /// Without encryption.
        Http = "http",
        /// Over TLS.
        Https = "https",
        /// Over TLS, then without encryption if there is no answer.
        HttpsThenHttp = "https_then_http",
    }
}

/// A way to request pages: the client's headers, the timeouts, and the limits.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "HTTP persona")]
pub struct HttpPersona {
    /// The name that the client gives itself.
    #[schemars(title = "User agent", example = &"Mozilla/5.0 (compatible; ExampleBot/1.0; +https://example.com/bot)")]
    pub user_agent: UserAgent,
    /// Further headers of each request. Headers that belong to the connection or have a field of their own are not allowed.
    /// Authorization and Cookie are not sent to another host, nor from https to http.
    #[serde(default)]
    #[schemars(title = "Headers", example = BTreeMap::from([("Accept-Language", "en")]))]
    pub headers: Headers,
    /// How a page is requested: http, https, or https and then http if https gives no answer.
    #[serde(default = "scheme")]
    #[schemars(title = "Scheme")]
    pub scheme: Scheme,
    /// The port. Without it the port is that of the scheme: 80 or 443. A redirect names its own port.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(title = "Port", with = "Whole<1, 65_535>")]
    pub port: Option<Whole<1, 65_535>>,
    /// The path that is requested, with its query.
    #[serde(default = "path")]
    #[schemars(title = "Path")]
    pub path: Path,
    /// How long one request may take, from connecting to the last byte of its answer, in milliseconds. Each redirect
    /// is a request of its own.
    #[serde(default = "timeout_ms")]
    #[schemars(title = "Timeout (ms)")]
    pub timeout_ms: Whole<10, 120_000>,
    /// How long connecting may take, TLS included, in milliseconds.
    #[serde(default = "connect_timeout_ms")]
    #[schemars(title = "Connect timeout (ms)")]
    pub connect_timeout_ms: Whole<10, 60_000>,
    /// How many redirects are followed. With 0 any redirect is one too many.
    #[serde(default = "max_redirects")]
    #[schemars(title = "Redirects")]
    pub max_redirects: Whole<0, 20>,
    /// How many bytes of a page are read at most, before and after decompression. A longer page is cut.
    #[serde(default = "max_body_bytes")]
    #[schemars(title = "Page size (bytes)")]
    pub max_body_bytes: Whole<1_024, 10_485_760>,
    /// How often a domain is requested again after a timeout, a failed connection, a connection that was closed without an answer,
    /// or an answer of 429 or 503 that says when to come back (`Retry-After`, at most 10 seconds).
    #[serde(default = "retries")]
    #[schemars(title = "Retries")]
    pub retries: Whole<0, 10>,
    /// How many domains are requested at once.
    #[serde(default = "concurrency")]
    #[schemars(title = "Concurrency")]
    pub concurrency: Whole<1, 1_000>,
    /// How many requests are sent per second at most, redirects included. Without it there is no limit.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(title = "Requests per second", with = "Whole<1, 100_000>")]
    pub rate_per_second: Option<Whole<1, 100_000>>,
    /// Whether addresses outside the public Internet are requested: private, loopback, link-local and reserved ones.
    #[serde(default)]
    #[schemars(title = "Allow private addresses")]
    pub allow_private_addresses: bool,
    /// The DNS servers for the hosts of redirects, each as host:port, an IPv6 address in brackets. Without them the system
    /// resolves. A proxy resolves by itself.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(title = "Resolvers", with = "List<Server, 1, 20>")]
    pub resolvers: Option<List<Server, 1, 20>>,
    /// Whether configs may use it.
    #[serde(default = "enabled")]
    #[schemars(title = "Enabled")]
    pub enabled: bool,
}

object_only!(Config, HttpPersona);

fn scheme() -> Scheme {
    Scheme::HttpsThenHttp
}

fn path() -> Path {
    Path::new("/").expect("a slash is a path")
}

fn timeout_ms() -> Whole<10, 120_000> {
    Whole::of(10_000)
}

fn connect_timeout_ms() -> Whole<10, 60_000> {
    Whole::of(3_000)
}

fn max_redirects() -> Whole<0, 20> {
    Whole::of(5)
}

fn max_body_bytes() -> Whole<1_024, 10_485_760> {
    Whole::of(1_048_576)
}

fn retries() -> Whole<0, 10> {
    Whole::of(1)
}

fn concurrency() -> Whole<1, 1_000> {
    Whole::of(20)
}

fn enabled() -> bool {
    true
}
