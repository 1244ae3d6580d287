//! Looks names up at given servers: in turn, with retries, and through a proxy if there is one.
//!
//! A name is asked for by the [`client`], which reads each [`answer`] and gives its [`detail`]. A [`name_server`] is asked over
//! [`udp`] and [`tcp`]; its [`health`] and its [`throttle`] say whether, and how many queries at once. An [`outage`] of all of
//! them holds the run back, and so does a [`lull`], in which they tell nothing of any name.

mod answer;
mod client;
mod detail;
mod health;
mod lull;
mod message;
mod name_server;
mod no_answer;
mod outage;
mod pause;
mod server;
mod tcp;
#[cfg(test)]
mod tests;
mod throttle;
mod toll;
mod turns;
mod udp;

use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::rr::RecordType;

pub(crate) use client::DnsClient;
pub use detail::{ExtendedError, LookupDetail};
pub use server::Server;

phasegate::core::word_type! {
    /// Which server a query goes to first.
    #[non_exhaustive]
    pub enum Strategy {
        /// The first server; the others, in order, after a failure.
        First = "first",
        /// Each server in turn, by the item's index; the next ones after a failure.
        RoundRobin = "round_robin",
    }
}

phasegate::core::word_type! {
    /// How looking up a domain ended.
    #[non_exhaustive]
    pub enum LookupStatus {
        /// It has an address.
        Resolved = "resolved",
        /// The domain doesn't exist.
        NoSuchName = "no_such_name",
        /// The domain exists and has no address.
        NoAddress = "no_address",
        /// The servers block the domain by a policy, which claims nothing of the domain.
        Blocked = "blocked",
        /// A server answered, and not the question: it refers to others, or knows nothing of the name.
        NotAnswered = "not_answered",
        /// The servers failed.
        ServerFailure = "server_failure",
        /// No server answered in time.
        TimedOut = "timed_out",
        /// The servers refuse to answer.
        Refused = "refused",
        /// The servers can't be reached, or their answers can't be read.
        Error = "error",
    }
}

/// The result of a look-up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Lookup {
    pub(crate) status: LookupStatus,
    /// Why there is no address, or why there may be more of them.
    pub(crate) detail: Option<LookupDetail>,
    pub(crate) extended_errors: Vec<ExtendedError>,
    /// IPv4 addresses first, each kind in order.
    pub(crate) addresses: Vec<IpAddr>,
    /// How many queries were sent.
    pub(crate) queries: u64,
}

/// What a message says of the IPv4 addresses of `site.test`.
#[cfg(feature = "testing")]
pub(crate) fn read_answer(message: &[u8]) -> Option<(Vec<IpAddr>, Option<LookupDetail>)> {
    use answer::{AliasChain, Reading};
    use hickory_proto::op::Message;
    use hickory_proto::rr::Name;
    let message = Message::from_vec(message).ok()?;
    let chain = AliasChain::of(Name::from_ascii("site.test.").ok()?);
    Some(match chain.read(&message, RecordType::A).0 {
        Reading::Addresses(addresses) => (addresses, None),
        Reading::Alias => (Vec::new(), None),
        Reading::Nothing(detail) => (Vec::new(), Some(detail)),
    })
}

/// How a client sends its queries.
#[derive(Clone, Debug)]
pub(crate) struct QueryPolicy {
    pub(crate) strategy: Strategy,
    pub(crate) record_types: Vec<RecordType>,
    pub(crate) timeout: Duration,
    pub(crate) retries: u64,
}
