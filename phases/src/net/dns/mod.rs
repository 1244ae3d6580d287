//! Looks names up at given servers: in turn, with retries, and through a proxy if there is one.

mod answer;
mod connector;
mod detail;
mod endpoint;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::proto::op::{DnsRequestOptions, DnsResponse, Query};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{PoolContext, TlsConfig};
use tokio::sync::OnceCell;

use crate::net::fatal_error::FatalError;
use crate::net::persona_limits::PersonaLimits;
use crate::net::proxy::Proxy;
use crate::value::{pattern, text_type};
use answer::{AliasChain, Reading};
use connector::{Connector, FatalErrorSlot};
pub use detail::{ExtendedError, LookupDetail};
use endpoint::{Endpoint, Unanswered};

/// The largest answer over UDP, in bytes. It passes unfragmented nearly everywhere (dnsflagday.net/2020).
const MAX_UDP: u16 = 1_232;
/// How many queries may wait on one TCP connection: more than a persona's concurrency can cause.
const MAX_ACTIVE: usize = 4_096;
/// How many connections a query is sent on, one after the other, when each is lost before the answer: of those that answered
/// nothing that arrived (a server that closes with queries unread takes back what it has just sent), and in all.
const MAX_BARREN: usize = 16;
const MAX_CONNECTIONS: usize = 64;
/// The pause before a server is asked again: the first one, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// How many addresses of a domain are kept.
const MAX_ADDRESSES: usize = 32;

text_type! {
    /// A DNS server: `host:port`, an IPv6 address in brackets.
    #[derive(Debug)]
    Server, 3 to 262 characters,
    pattern format!(
        "^([A-Za-z0-9]([A-Za-z0-9.-]{{0,251}}[A-Za-z0-9])?|[\\[][0-9A-Fa-f:.]{{2,45}}[\\]]):{}$",
        pattern::PORT
    ),
    "one resolver: host:port, an IPv6 address in brackets; write one resolver a line"
}

impl Server {
    /// Its host, without brackets, and its port.
    pub(crate) fn split(&self) -> (&str, u16) {
        let (host, port) = self.as_str().rsplit_once(':').unwrap_or((self.as_str(), "53"));
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        (bare.unwrap_or(host), port.parse().unwrap_or(53))
    }

    /// Whether its brackets hold an IPv6 address, if it has brackets.
    pub(crate) fn is_sound(&self) -> bool {
        !self.as_str().starts_with('[')
            || self
                .split()
                .0
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_ipv6())
    }
}

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

/// A client of DNS servers. It keeps no cache, reads no hosts file, adds no search domain, and answers no name by itself.
///
/// The library's own resolver follows aliases without a rate limit and answers special names such as `localhost` itself. So the
/// library only sends single queries here; each waits for its turn and is counted.
pub(crate) struct DnsClient {
    /// The persona that names the servers, for errors.
    persona: String,
    servers: Vec<Server>,
    found: OnceCell<Vec<Endpoints>>,
    policy: QueryPolicy,
    limits: Option<Arc<PersonaLimits>>,
    proxy: Option<Arc<Proxy>>,
    fatal_error: FatalErrorSlot,
}

/// The outcome of asking for the addresses of one type.
struct Asked {
    found: Result<Vec<IpAddr>, LookupDetail>,
    extended_errors: Vec<ExtendedError>,
    queries: u64,
}

/// The ways to one server.
struct Endpoints {
    /// For the first try of a query: UDP, or TCP through a proxy.
    first: Endpoint,
    /// For answers that don't fit into a datagram.
    tcp: Option<Endpoint>,
}

/// How a client sends its queries.
#[derive(Clone, Debug)]
pub(crate) struct QueryPolicy {
    pub(crate) strategy: Strategy,
    pub(crate) record_types: Vec<RecordType>,
    pub(crate) timeout: Duration,
    pub(crate) retries: u64,
}

impl DnsClient {
    /// Makes a client of the servers of a persona. Errors name the persona by this text.
    pub(crate) fn new(
        persona: impl Into<String>,
        servers: &[Server],
        policy: QueryPolicy,
        limits: Option<Arc<PersonaLimits>>,
        proxy: Option<Arc<Proxy>>,
    ) -> Self {
        Self {
            persona: persona.into(),
            servers: servers.to_vec(),
            found: OnceCell::new(),
            policy,
            limits,
            proxy,
            fatal_error: FatalErrorSlot::default(),
        }
    }

    /// Resolves the servers once. Without a proxy the system resolves their names.
    async fn found(&self) -> Result<&Vec<Endpoints>, FatalError> {
        let unresolved = |error: io::Error| FatalError::Resolver {
            persona: self.persona.clone(),
            reason: error.to_string(),
        };
        self.found
            .get_or_try_init(async || self.endpoints().await.map_err(unresolved))
            .await
    }

    async fn endpoints(&self) -> io::Result<Vec<Endpoints>> {
        let tls = TlsConfig::new().map_err(io::Error::other)?;
        let context = Arc::new(PoolContext::new(options(&self.policy), tls));
        let endpoint = |address, mut config: ConnectionConfig, port, connector| {
            config.port = port;
            Endpoint::new(address, config, connector, Arc::clone(&context))
        };
        let fatal_error = || Arc::clone(&self.fatal_error);
        let mut endpoints = Vec::with_capacity(self.servers.len());
        for server in &self.servers {
            let (host, port) = server.split();
            endpoints.push(match &self.proxy {
                Some(proxy) => {
                    let connector = Connector::through(Arc::clone(proxy), host, fatal_error());
                    let nowhere = IpAddr::from([0, 0, 0, 0]);
                    Endpoints {
                        first: endpoint(nowhere, ConnectionConfig::tcp(), port, connector),
                        tcp: None,
                    }
                }
                None => {
                    let address = resolve(host, port).await?;
                    let tcp = endpoint(
                        address,
                        ConnectionConfig::tcp(),
                        port,
                        Connector::direct(fatal_error()),
                    );
                    Endpoints {
                        first: endpoint(
                            address,
                            ConnectionConfig::udp(),
                            port,
                            Connector::direct(fatal_error()),
                        ),
                        tcp: Some(tcp),
                    }
                }
            });
        }
        Ok(endpoints)
    }

    /// Resolves the servers before they are needed.
    pub(crate) async fn find_servers(&self) -> Result<(), FatalError> {
        self.found().await.map(drop)
    }

    /// Looks up `name`. `turn` chooses the first server if they take turns.
    ///
    /// Fails only if a server has no address or the proxy can't be used.
    pub(crate) async fn lookup(&self, name: &str, turn: u64) -> Result<Lookup, FatalError> {
        let asked = self
            .policy
            .record_types
            .iter()
            .map(|record_type| self.ask(name, *record_type, turn));
        let mut lookup = Lookup {
            status: LookupStatus::Resolved,
            detail: None,
            extended_errors: Vec::new(),
            addresses: Vec::new(),
            queries: 0,
        };
        for asked in futures::future::join_all(asked).await {
            let asked = asked?;
            lookup.queries += asked.queries;
            for error in asked.extended_errors {
                if !lookup.extended_errors.contains(&error) {
                    lookup.extended_errors.push(error);
                }
            }
            match asked.found {
                Ok(found) => lookup.addresses.extend(found),
                Err(detail)
                    if lookup
                        .detail
                        .is_none_or(|known| severity(detail) > severity(known)) =>
                {
                    lookup.detail = Some(detail);
                }
                Err(_) => {}
            }
        }
        lookup.addresses.sort();
        lookup.addresses.dedup();
        lookup.addresses.truncate(MAX_ADDRESSES);
        let nothing = lookup.detail.unwrap_or(LookupDetail::NoData);
        match lookup.addresses.is_empty() {
            true => {
                lookup.status = nothing.status();
                lookup.detail = Some(nothing);
            }
            // Without an address of the other type it is a plain success; where that isn't known it is none.
            false => lookup.detail = lookup.detail.filter(|detail| !detail.is_decisive()),
        }
        Ok(lookup)
    }

    /// Finds the addresses of one type, through aliases, and counts the queries.
    async fn ask(&self, name: &str, record_type: RecordType, turn: u64) -> Result<Asked, FatalError> {
        let mut asked = Asked {
            found: Err(LookupDetail::UnusableAnswer),
            extended_errors: Vec::new(),
            queries: 0,
        };
        let Ok(mut name) = Name::from_ascii(name) else {
            return Ok(asked);
        };
        name.set_fqdn(true);
        let mut chain = AliasChain::of(name);
        loop {
            if chain.is_too_long() {
                asked.found = Err(LookupDetail::AliasChainTooLong);
                return Ok(asked);
            }
            if let Some(found) = self.answer(&mut chain, record_type, turn, &mut asked).await? {
                asked.found = found;
                return Ok(asked);
            }
        }
    }

    /// Asks for the last name of the chain until there is a fact about it. Every server is asked, whatever the retries are, and
    /// a server that is asked again has had a pause. `None` means that the chain leads on.
    async fn answer(
        &self,
        chain: &mut AliasChain,
        record_type: RecordType,
        turn: u64,
        asked: &mut Asked,
    ) -> Result<Option<Result<Vec<IpAddr>, LookupDetail>>, FatalError> {
        let servers = self.found().await?;
        let query = Query::query(chain.end().clone(), record_type);
        let count = u64::try_from(servers.len()).unwrap_or(1).max(1);
        let first = match self.policy.strategy {
            Strategy::First => 0,
            Strategy::RoundRobin => turn % count,
        };
        let mut outcome: Option<LookupDetail> = None;
        let mut errors = Vec::new();
        for attempt in 0..count.max(self.policy.retries + 1) {
            if attempt >= count {
                if outcome.is_some_and(LookupDetail::is_settled) {
                    break;
                }
                if attempt % count == 0 {
                    tokio::time::sleep(pause(attempt / count - 1)).await;
                }
            }
            let server = usize::try_from((first + attempt) % count).unwrap_or(0);
            let Some(server) = servers.get(server) else {
                break;
            };
            let (reading, names, said) = match self.ask_server(server, &query, &mut asked.queries).await? {
                Ok(answer) => chain.read(&answer, record_type),
                Err(NetError::Timeout) => (Reading::Nothing(LookupDetail::TimedOut), Vec::new(), Vec::new()),
                Err(_) => (
                    Reading::Nothing(LookupDetail::UnusableAnswer),
                    Vec::new(),
                    Vec::new(),
                ),
            };
            let nothing = match reading {
                Reading::Addresses(addresses) => {
                    asked.extended_errors = said;
                    return Ok(Some(Ok(addresses)));
                }
                Reading::Alias => {
                    chain.extend(names);
                    return Ok(None);
                }
                Reading::Nothing(detail) => detail,
            };
            // What a server settles by its policy counts more than a later failure of another one.
            if nothing.is_decisive() || !outcome.is_some_and(LookupDetail::is_settled) {
                outcome = Some(nothing);
                errors = said;
            }
            if nothing.is_decisive() {
                break;
            }
        }
        asked.extended_errors = errors;
        Ok(Some(Err(outcome.unwrap_or(LookupDetail::UnusableAnswer))))
    }

    /// Asks one server, over TCP if the answer doesn't fit into a datagram.
    async fn ask_server(
        &self,
        server: &Endpoints,
        query: &Query,
        sent: &mut u64,
    ) -> Result<Result<DnsResponse, NetError>, FatalError> {
        let answer = self.send(&server.first, query, sent).await?;
        match (&answer, &server.tcp) {
            (Ok(cut), Some(tcp)) if cut.truncation => self.send(tcp, query, sent).await,
            _ => Ok(answer),
        }
    }

    /// Sends one query when its turn has come, and again on a new connection when its connection was lost.
    async fn send(
        &self,
        endpoint: &Endpoint,
        query: &Query,
        sent: &mut u64,
    ) -> Result<Result<DnsResponse, NetError>, FatalError> {
        let _room = endpoint.room().await;
        let mut options = DnsRequestOptions::default();
        options.edns_payload_len = MAX_UDP;
        let mut answer = Err(NetError::NoConnections);
        let mut barren = 0;
        for _ in 0..MAX_CONNECTIONS {
            if let Some(limits) = &self.limits {
                limits.next_request().await;
            }
            *sent += 1;
            // The time of a proxy is not the server's. Its connection has its own timeouts.
            let patience = self.proxy.is_none().then_some(self.policy.timeout);
            let asked = endpoint.ask(query, options, patience).await;
            answer = match asked {
                Ok(answer) => return Ok(Ok(answer)),
                Err(Unanswered::ConnectionLost { has_answered }) => {
                    barren += usize::from(!has_answered);
                    Err(NetError::NoConnections)
                }
                Err(Unanswered::Failed(error)) => {
                    answer = Err(error);
                    break;
                }
            };
            if barren >= MAX_BARREN || self.fatal_error.get().is_some() {
                break;
            }
        }
        match self.fatal_error.get() {
            Some(fatal) => Err(fatal.clone()),
            None => Ok(answer),
        }
    }
}

/// The address of a server. The system resolves a name.
async fn resolve(host: &str, port: u16) -> io::Result<IpAddr> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let found = tokio::net::lookup_host((host, port)).await;
    let first = found
        .map_err(|error| io::Error::other(format!("{host}: {error}")))?
        .next();
    let first = first.ok_or_else(|| io::Error::other(format!("{host} has no address")))?;
    Ok(first.ip())
}

fn options(policy: &QueryPolicy) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = policy.timeout;
    options.os_port_selection = true;
    options.max_active_requests = MAX_ACTIVE;
    options
}

/// Ranks the outcomes for a domain without an address: a certain outcome counts more than one that may change.
fn severity(detail: LookupDetail) -> u8 {
    match detail.status() {
        LookupStatus::NoAddress => 0,
        LookupStatus::Error => 1,
        LookupStatus::NotAnswered => 2,
        LookupStatus::Refused => 3,
        LookupStatus::Blocked => 4,
        LookupStatus::ServerFailure => 5,
        LookupStatus::TimedOut => 6,
        LookupStatus::NoSuchName => 7,
        LookupStatus::Resolved => 8,
    }
}

/// How long to wait before a server is asked for the `round`th time again: twice as long each time, up to [`MAX_PAUSE`], and
/// less by a random part of up to a half, so that queries that failed together don't come back together.
fn pause(round: u64) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(1 << round.min(10)).min(MAX_PAUSE);
    // Each state of the standard library's hash is keyed at random.
    let share = RandomState::new().build_hasher().finish() % 512;
    full.mul_f64(1.0 - share as f64 / 1_024.0)
}
