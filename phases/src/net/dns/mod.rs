//! Looks names up at given servers: in turn, with retries, and through a proxy if there is one.

mod connector;
#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{NameServerConfig, ResolverOpts};
use hickory_resolver::net::xfer::FirstAnswer;
use hickory_resolver::net::{DnsError, DnsHandle, NetError};
use hickory_resolver::proto::op::{DnsRequestOptions, DnsResponse, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::CNAME;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{NameServer, NameServerPool, PoolContext, TlsConfig};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::net::fatal_error::FatalError;
use crate::net::persona_limits::PersonaLimits;
use crate::net::proxy::Proxy;
use crate::value::{pattern, text_type};
use connector::{Connector, FatalErrorSlot};

/// The largest answer over UDP, in bytes. It passes unfragmented nearly everywhere (dnsflagday.net/2020).
const MAX_UDP: u16 = 1_232;
/// How many queries may wait on one TCP connection: more than a persona's concurrency can cause.
const MAX_ACTIVE: usize = 4_096;
/// How many names a domain may be an alias of, one after the other.
const MAX_ALIASES: usize = 16;
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
    found: OnceCell<ResolvedServers>,
    policy: QueryPolicy,
    limits: Option<Arc<PersonaLimits>>,
    proxy: Option<Arc<Proxy>>,
    fatal_error: FatalErrorSlot,
}

/// The resolved servers.
struct ResolvedServers {
    endpoints: Vec<Endpoints>,
    context: Arc<PoolContext>,
}

/// The ways to one server.
struct Endpoints {
    /// For the first try of a query: UDP, or TCP through a proxy.
    first: Arc<NameServer<Connector>>,
    /// For answers that don't fit into a datagram.
    tcp: Option<Arc<NameServer<Connector>>>,
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
    async fn found(&self) -> Result<&ResolvedServers, FatalError> {
        let unresolved = |error: io::Error| FatalError::Resolver {
            persona: self.persona.clone(),
            reason: error.to_string(),
        };
        self.found
            .get_or_try_init(async || self.endpoints().await.map_err(unresolved))
            .await
    }

    async fn endpoints(&self) -> io::Result<ResolvedServers> {
        let tls = TlsConfig::new().map_err(io::Error::other)?;
        let context = PoolContext::new(options(&self.policy), tls);
        let endpoint = |mut server: NameServerConfig, port, connector| {
            for connection in &mut server.connections {
                connection.port = port;
            }
            Arc::new(NameServer::new([], server, &context.options, connector))
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
                        first: endpoint(NameServerConfig::tcp(nowhere), port, connector),
                        tcp: None,
                    }
                }
                None => {
                    let address = resolve(host, port).await?;
                    let tcp = endpoint(
                        NameServerConfig::tcp(address),
                        port,
                        Connector::direct(fatal_error()),
                    );
                    Endpoints {
                        first: endpoint(
                            NameServerConfig::udp(address),
                            port,
                            Connector::direct(fatal_error()),
                        ),
                        tcp: Some(tcp),
                    }
                }
            });
        }
        Ok(ResolvedServers {
            endpoints,
            context: Arc::new(context),
        })
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
        let mut addresses = Vec::new();
        let mut queries = 0;
        let mut status = LookupStatus::NoAddress;
        for outcome in futures::future::join_all(asked).await {
            let (found, sent) = outcome?;
            queries += sent;
            match found {
                Ok(found) => addresses.extend(found),
                Err(other) if severity(other) > severity(status) => status = other,
                Err(_) => {}
            }
        }
        addresses.sort();
        addresses.dedup();
        addresses.truncate(MAX_ADDRESSES);
        if !addresses.is_empty() {
            status = LookupStatus::Resolved;
        }
        Ok(Lookup {
            status,
            addresses,
            queries,
        })
    }

    /// Finds the addresses of one type, through aliases, and counts the queries.
    ///
    /// A name whose aliases form a circle, or are more than [`MAX_ALIASES`], has no address.
    async fn ask(
        &self,
        name: &str,
        record_type: RecordType,
        turn: u64,
    ) -> Result<(Result<Vec<IpAddr>, LookupStatus>, u64), FatalError> {
        let mut sent = 0;
        let Ok(mut name) = Name::from_ascii(name) else {
            return Ok((Err(LookupStatus::Error), sent));
        };
        name.set_fqdn(true);
        let mut chain = AliasChain { names: vec![name] };
        loop {
            let query = Query::query(chain.end().clone(), record_type);
            let answer = match self.answer(&query, turn, &mut sent).await? {
                Ok(answer) => answer,
                Err(status) => return Ok((Err(status), sent)),
            };
            if let Some(found) = chain.follow(answer.as_ref(), record_type) {
                return Ok((found, sent));
            }
        }
    }

    /// Asks until there is an answer or no retry is left. The answer is `None` if the name has no record of the type.
    async fn answer(
        &self,
        query: &Query,
        turn: u64,
        sent: &mut u64,
    ) -> Result<Result<Option<DnsResponse>, LookupStatus>, FatalError> {
        let ResolvedServers { endpoints, context } = self.found().await?;
        let mut outcome = Err(LookupStatus::Error);
        let count = u64::try_from(endpoints.len()).unwrap_or(1).max(1);
        for attempt in 0..=self.policy.retries {
            let first = match self.policy.strategy {
                Strategy::First => 0,
                Strategy::RoundRobin => turn % count,
            };
            let server = usize::try_from((first + attempt) % count).unwrap_or(0);
            let Some(server) = endpoints.get(server) else {
                break;
            };
            let mut answer = self.send(context, &server.first, query, sent).await?;
            if let (Err(NetError::Truncated), Some(tcp)) = (&answer, &server.tcp) {
                answer = self.send(context, tcp, query, sent).await?;
            }
            outcome = read(answer);
            if matches!(outcome, Ok(_) | Err(LookupStatus::NoSuchName)) {
                break;
            }
        }
        Ok(outcome)
    }

    /// Sends one query when its turn has come.
    async fn send(
        &self,
        context: &Arc<PoolContext>,
        endpoint: &Arc<NameServer<Connector>>,
        query: &Query,
        sent: &mut u64,
    ) -> Result<Result<DnsResponse, NetError>, FatalError> {
        if let Some(limits) = &self.limits {
            limits.next_request().await;
        }
        *sent += 1;
        // A pool for this query only: a shared pool would send one query for two domains that are aliases of one name.
        let pool = NameServerPool::from_nameservers(vec![Arc::clone(endpoint)], Arc::clone(context));
        let mut options = DnsRequestOptions::default();
        options.edns_payload_len = MAX_UDP;
        let answer = pool.lookup(query.clone(), options).first_answer();
        let answer = match &self.proxy {
            // The time of the proxy is not the server's. Its connection has its own timeouts.
            Some(_) => answer.await,
            None => timeout(self.policy.timeout, answer)
                .await
                .unwrap_or(Err(NetError::Timeout)),
        };
        match (answer, self.fatal_error.get()) {
            (Err(_), Some(fatal)) => Err(fatal.clone()),
            (answer, _) => Ok(answer),
        }
    }
}

/// A domain and its aliases, in the order in which they lead on.
struct AliasChain {
    names: Vec<Name>,
}

impl AliasChain {
    fn end(&self) -> &Name {
        self.names.last().expect("it begins with the domain")
    }

    /// Follows the aliases in an answer to addresses, or to a name without any. `None` means that the last name must be asked
    /// for. The library passes on everything else in the answer.
    fn follow(
        &mut self,
        answer: Option<&DnsResponse>,
        record_type: RecordType,
    ) -> Option<Result<Vec<IpAddr>, LookupStatus>> {
        let none = Some(Ok(Vec::new()));
        let Some(answer) = answer else { return none };
        let asked = self.names.len();
        while let Some(target) = answer.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(CNAME(target)) if record.name == *self.end() => Some(target),
            _ => None,
        }) {
            if self.names.contains(target) || self.names.len() > MAX_ALIASES {
                return none;
            }
            self.names.push(target.clone());
        }
        let addresses: Vec<_> = answer
            .answers
            .iter()
            .filter(|record| record.record_type() == record_type && self.names.contains(&record.name))
            .filter_map(|record| record.data.ip_addr())
            .collect();
        if !addresses.is_empty() {
            return Some(Ok(addresses));
        }
        // Both codes are about the last name (RFC 6604, section 3; RFC 2308, section 2.2).
        if answer.response_code == ResponseCode::NXDomain {
            return Some(Err(LookupStatus::NoSuchName));
        }
        let no_data = answer
            .authorities
            .iter()
            .any(|record| record.record_type() == RecordType::SOA && record.name.zone_of(self.end()));
        match no_data || self.names.len() == asked {
            true => none,
            false => None,
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

/// An answer with records, `None` if the name has no record of the type, or the status of a failure.
fn read(answer: Result<DnsResponse, NetError>) -> Result<Option<DnsResponse>, LookupStatus> {
    let code = match answer {
        Ok(answer) => return Ok(Some(answer)),
        Err(NetError::Timeout) => return Err(LookupStatus::TimedOut),
        Err(NetError::Dns(DnsError::ResponseCode(code))) => code,
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => none.response_code,
        Err(_) => return Err(LookupStatus::Error),
    };
    match code {
        ResponseCode::NoError => Ok(None),
        ResponseCode::NXDomain => Err(LookupStatus::NoSuchName),
        ResponseCode::ServFail => Err(LookupStatus::ServerFailure),
        ResponseCode::Refused => Err(LookupStatus::Refused),
        _ => Err(LookupStatus::Error),
    }
}

/// Ranks the outcomes for a domain without an address: a certain outcome counts more than one that may change.
fn severity(status: LookupStatus) -> u8 {
    match status {
        LookupStatus::NoAddress => 0,
        LookupStatus::Error => 1,
        LookupStatus::Refused => 2,
        LookupStatus::ServerFailure => 3,
        LookupStatus::TimedOut => 4,
        LookupStatus::NoSuchName => 5,
        LookupStatus::Resolved => 6,
    }
}
