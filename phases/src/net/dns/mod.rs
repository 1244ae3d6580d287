//! Looking names up at given servers: in turn, again after a failure, and through a proxy where there is one.

mod connector;
#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::Resolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup as Answer;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::rdata::CNAME;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::time::timeout;

use crate::net::pace::Pace;
use crate::net::proxy::{Proxy, ProxyError};
use crate::value::{pattern, text_type, word_type};
use connector::{Connector, ProxyFailure};

/// The largest answer over UDP, in bytes: what passes unfragmented nearly everywhere (dnsflagday.net/2020).
const MAX_UDP: u16 = 1_232;
/// How many queries may wait on one TCP connection: as many as the concurrency of a persona may make.
const MAX_ACTIVE: usize = 4_096;
/// How many names a domain may be an alias of, one after the other, in one answer.
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
    "host:port, an IPv6 address in brackets"
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

word_type! {
    /// Which server a query goes to first.
    Strategy {
        /// The first server; the others, in order, after a failure.
        First = "first",
        /// Each server in turn, by the item's index; the next ones after a failure.
        RoundRobin = "round_robin",
    }
}

word_type! {
    /// How looking up a domain ended.
    LookupStatus {
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

/// What a lookup found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Lookup {
    pub(crate) status: LookupStatus,
    /// IPv4 addresses first, each kind in order.
    pub(crate) addresses: Vec<IpAddr>,
    /// How many queries were sent.
    pub(crate) queries: u64,
}

/// A client of some DNS servers. It keeps no cache, reads no hosts file and adds no search domain.
pub(crate) struct DnsClient {
    /// One for each server: the library asks a server at most once, neither again after its failure nor at a rate, and
    /// knows no turn of an item. So who is asked, how often and how fast is decided here.
    servers: Vec<Resolver<Connector>>,
    plan: Plan,
    pace: Option<Arc<Pace>>,
    /// How the proxy failed, if there is one.
    proxy_failure: Option<ProxyFailure>,
}

/// How a client asks.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) strategy: Strategy,
    pub(crate) record_types: Vec<RecordType>,
    pub(crate) timeout: Duration,
    pub(crate) retries: u64,
}

impl DnsClient {
    /// Makes a client. Without a proxy the names of servers are resolved here, once, by the system.
    pub(crate) async fn new(
        servers: &[Server],
        plan: Plan,
        pace: Option<Arc<Pace>>,
        proxy: Option<Arc<Proxy>>,
    ) -> io::Result<Self> {
        let proxy = proxy.map(|proxy| (proxy, ProxyFailure::default()));
        let mut resolvers = Vec::with_capacity(servers.len());
        for server in servers {
            let (host, port) = server.split();
            let (mut server, connector) = match &proxy {
                Some((proxy, failure)) => (
                    NameServerConfig::tcp(IpAddr::from([0, 0, 0, 0])),
                    Connector::through(Arc::clone(proxy), host, Arc::clone(failure)),
                ),
                None => (
                    NameServerConfig::udp_and_tcp(resolve(host, port).await?),
                    Connector::direct(),
                ),
            };
            for connection in &mut server.connections {
                connection.port = port;
            }
            let config = ResolverConfig::from_name_servers(vec![server]);
            let resolver = Resolver::builder_with_config(config, connector).with_options(options(&plan));
            resolvers.push(resolver.build().map_err(io::Error::other)?);
        }
        Ok(Self {
            servers: resolvers,
            plan,
            pace,
            proxy_failure: proxy.map(|(_, failure)| failure),
        })
    }

    /// Looks `name` up. `turn` chooses the first server where they take turns.
    ///
    /// Fails only where the proxy can't be used.
    pub(crate) async fn lookup(&self, name: &str, turn: u64) -> Result<Lookup, ProxyError> {
        let asked = self
            .plan
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

    /// Asks for one record type until there is an answer, or no retry is left; with how many queries that took.
    async fn ask(
        &self,
        name: &str,
        record_type: RecordType,
        turn: u64,
    ) -> Result<(Result<Vec<IpAddr>, LookupStatus>, u64), ProxyError> {
        let mut outcome = Err(LookupStatus::Error);
        let count = u64::try_from(self.servers.len()).unwrap_or(1).max(1);
        let Ok(mut name) = Name::from_ascii(name) else {
            return Ok((outcome, 0));
        };
        name.set_fqdn(true);
        for attempt in 0..=self.plan.retries {
            let first = match self.plan.strategy {
                Strategy::First => 0,
                Strategy::RoundRobin => turn % count,
            };
            let server = usize::try_from((first + attempt) % count).unwrap_or(0);
            let Some(server) = self.servers.get(server) else {
                return Ok((Err(LookupStatus::Error), attempt));
            };
            if let Some(pace) = &self.pace {
                pace.request().await;
            }
            let answer = server.lookup(name.clone(), record_type);
            outcome = match &self.proxy_failure {
                // What a proxy takes is not the server's: its connection has bounds of its own.
                Some(failure) => {
                    let answer = answer.await;
                    if let (Err(_), Some(error)) = (&answer, failure.get()) {
                        return Err(error.clone());
                    }
                    read(answer, &name, record_type)
                }
                None => match timeout(self.plan.timeout, answer).await {
                    Ok(answer) => read(answer, &name, record_type),
                    Err(_) => Err(LookupStatus::TimedOut),
                },
            };
            if matches!(outcome, Ok(_) | Err(LookupStatus::NoSuchName)) {
                return Ok((outcome, attempt + 1));
            }
        }
        Ok((outcome, self.plan.retries + 1))
    }
}

/// The address of a server, by the system where it is a name.
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

fn options(plan: &Plan) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = plan.timeout;
    options.attempts = 0;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.edns0 = true;
    options.edns_payload_len = MAX_UDP;
    options.os_port_selection = true;
    options.max_active_requests = MAX_ACTIVE;
    options
}

/// The addresses of an answer, or what it says in their place.
fn read(
    answer: Result<Answer, NetError>,
    name: &Name,
    record_type: RecordType,
) -> Result<Vec<IpAddr>, LookupStatus> {
    let code = match answer {
        Ok(answer) => return Ok(addresses(answer.answers(), name, record_type)),
        Err(NetError::Timeout) => return Err(LookupStatus::TimedOut),
        Err(NetError::Dns(DnsError::ResponseCode(code))) => code,
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => none.response_code,
        Err(_) => return Err(LookupStatus::Error),
    };
    match code {
        ResponseCode::NoError => Ok(Vec::new()),
        ResponseCode::NXDomain => Err(LookupStatus::NoSuchName),
        ResponseCode::ServFail => Err(LookupStatus::ServerFailure),
        ResponseCode::Refused => Err(LookupStatus::Refused),
        _ => Err(LookupStatus::Error),
    }
}

/// The addresses of `name`, and of what it is an alias of. The library passes on whatever else a server says.
fn addresses(records: &[Record], name: &Name, record_type: RecordType) -> Vec<IpAddr> {
    let mut names = vec![name];
    while names.len() <= MAX_ALIASES
        && let Some(target) = records.iter().find_map(|record| match &record.data {
            RData::CNAME(CNAME(target)) if names.contains(&&record.name) && !names.contains(&target) => {
                Some(target)
            }
            _ => None,
        })
    {
        names.push(target);
    }
    records
        .iter()
        .filter(|record| record.record_type() == record_type && names.contains(&&record.name))
        .filter_map(|record| record.data.ip_addr())
        .collect()
}

/// Which of two outcomes says more of a domain without an address: what is known for sure before what may change.
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
