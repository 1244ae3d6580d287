//! The config of DNS validation, and the DNS persona.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::dns::{Server, Strategy};
use crate::value::{List, Whole, object_only, present, text_type};

/// The kind of resource that looks domains up.
pub(crate) const DNS_PERSONA: &str = "dns_persona";
/// The kind of resource that traffic goes through.
pub(crate) const PROXY: &str = "proxy";

text_type! {
    /// The id of a DNS persona.
    #[derive(Debug)]
    DnsPersonaId, 1 to 128 characters, pattern "^[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
    "the id of a resource: letters, digits, hyphens, underscores and dots, not beginning with a dot",
    with {"x-phasegate-resource": DNS_PERSONA}
}

text_type! {
    /// The id of a proxy.
    #[derive(Debug)]
    ProxyId, 1 to 128 characters, pattern "^[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
    "the id of a resource: letters, digits, hyphens, underscores and dots, not beginning with a dot",
    with {"x-phasegate-resource": PROXY}
}

/// How the generated domains are looked up.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "DNS validation")]
pub struct Config {
    /// The DNS personas that look domains up in turn, by the domain's index. A persona that is
    /// listed twice serves twice as many domains.
    #[schemars(title = "DNS personas", example = ["public-resolvers"])]
    pub persona_ids: List<DnsPersonaId, 1, 100>,
    /// The proxy that queries go through, over TCP. Without a proxy they go out directly, over UDP.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(title = "Proxy", with = "ProxyId")]
    pub proxy_id: Option<ProxyId>,
}

phasegate::core::word_type! {
    /// A type of address record.
    #[non_exhaustive]
    pub enum AddressRecord {
        /// IPv4 addresses.
        A = "A",
        /// IPv6 addresses.
        Aaaa = "AAAA",
    }
}

/// A way to look domains up: the servers, the timeouts, and the limits.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "DNS persona")]
pub struct DnsPersona {
    /// The DNS servers, each as host:port, an IPv6 address in brackets.
    #[schemars(title = "Resolvers", example = ["1.1.1.1:53", "[2606:4700:4700::1111]:53"])]
    pub resolvers: List<Server, 1, 20>,
    /// The server that is asked first: always the first of the list, or each in turn by the domain's index. After a
    /// failure the next server of the list is asked.
    #[serde(default = "strategy")]
    #[schemars(title = "Strategy")]
    pub strategy: Strategy,
    /// The types of records to ask for.
    #[serde(default = "record_types")]
    #[schemars(title = "Record types")]
    pub record_types: List<AddressRecord, 1, 2>,
    /// How long one query may take, in milliseconds.
    #[serde(default = "timeout_ms")]
    #[schemars(title = "Timeout (ms)")]
    pub timeout_ms: Whole<10, 60_000>,
    /// How often a query is sent again after a timeout or a failure. Every resolver is asked once in any case, and one that is
    /// asked again has had a pause.
    #[serde(default = "retries")]
    #[schemars(title = "Retries")]
    pub retries: Whole<0, 10>,
    /// How many domains are looked up at once.
    #[serde(default = "concurrency")]
    #[schemars(title = "Concurrency")]
    pub concurrency: Whole<1, 1_000>,
    /// How many queries are sent per second at most. Without it there is no limit.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(title = "Queries per second", with = "Whole<1, 100_000>")]
    pub rate_per_second: Option<Whole<1, 100_000>>,
    /// Whether configs may use it.
    #[serde(default = "enabled")]
    #[schemars(title = "Enabled")]
    pub enabled: bool,
}

object_only!(Config, DnsPersona);

fn strategy() -> Strategy {
    Strategy::RoundRobin
}

fn record_types() -> List<AddressRecord, 1, 2> {
    List::of(vec![AddressRecord::A, AddressRecord::Aaaa])
}

fn timeout_ms() -> Whole<10, 60_000> {
    Whole::of(2_000)
}

fn retries() -> Whole<0, 10> {
    Whole::of(2)
}

fn concurrency() -> Whole<1, 1_000> {
    Whole::of(50)
}

fn enabled() -> bool {
    true
}
