//! Looks names up at the servers of a persona.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::try_join_all;
use futures::stream::FuturesUnordered;
use hickory_proto::rr::{Name, RecordType};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::answer::{AliasChain, Reading};
use super::detail::{ExtendedError, LookupDetail};
use super::lull::{Failure, Judged, Lull};
use super::name_server::NameServer;
use super::no_answer::NoAnswer;
use super::outage::Outage;
use super::server::Server;
use super::toll::Toll;
use super::turns::Turns;
use super::{Lookup, LookupStatus, QueryPolicy};
use crate::net::fatal_error::FatalError;
use crate::net::persona_limits::PersonaLimits;
use crate::net::proxy::Proxy;

/// How many addresses of a domain are kept.
const MAX_ADDRESSES: usize = 32;
/// How often a name is asked for again because nothing was answered at all, and because nothing was told of any name.
const MAX_REPEATS: u32 = 3;

/// A client of DNS servers. It keeps no cache, reads no hosts file, adds no search domain, and answers no name by itself.
///
/// What a server leaves unanswered says nothing of a name. So a name counts as unanswered only if others are answered
/// meanwhile; while nothing is answered at all, everything waits.
pub(crate) struct DnsClient {
    /// The persona that names the servers, for errors.
    persona: String,
    servers: Vec<Server>,
    found: OnceCell<Vec<NameServer>>,
    policy: QueryPolicy,
    limits: Option<Arc<PersonaLimits>>,
    proxy: Option<Arc<Proxy>>,
    outage: Outage,
    lull: Lull,
}

/// What is known of a name for one type of address.
struct Known {
    found: Result<Vec<IpAddr>, LookupDetail>,
    extended_errors: Vec<ExtendedError>,
}

impl Known {
    fn nothing(detail: LookupDetail) -> Self {
        Self {
            found: Err(detail),
            extended_errors: Vec::new(),
        }
    }

    /// Whether the same server would say it again.
    fn is_settled(&self) -> bool {
        matches!(self.found, Err(detail) if detail.is_settled())
    }
}

/// The outcome of asking every server for one name.
enum Round {
    /// What is known; with the time of the last query if that is no more than a failure.
    Known { known: Known, failed: Option<Instant> },
    /// The name is an alias, and the chain leads on.
    Alias,
    /// No server has answered, for this reason; `out` if they answered nothing else either for a while.
    Unanswered {
        detail: LookupDetail,
        last: Instant,
        out: bool,
    },
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
            outage: Outage::default(),
            lull: Lull::default(),
        }
    }

    /// Resolves the servers once. Without a proxy the system resolves their names.
    async fn found(&self) -> Result<&[NameServer], FatalError> {
        let unresolved = |error: io::Error| FatalError::Resolver {
            persona: self.persona.clone(),
            reason: error.to_string(),
        };
        let find = |server| NameServer::find(server, self.proxy.as_ref(), self.policy.timeout);
        let found = self
            .found
            .get_or_try_init(async || try_join_all(self.servers.iter().map(find)).await)
            .await;
        found.map(Vec::as_slice).map_err(unresolved)
    }

    /// Resolves the servers before they are needed.
    pub(crate) async fn find_servers(&self) -> Result<(), FatalError> {
        self.found().await.map(drop)
    }

    /// Looks up `name`. `turn` chooses the first server if they take turns.
    ///
    /// Fails only if no server answers anything, or none can be asked.
    pub(crate) async fn lookup(&self, name: &str, turn: u64) -> Result<Lookup, FatalError> {
        let toll = Toll::new(self.limits.clone());
        let types = &self.policy.record_types;
        let asked = types
            .iter()
            .map(|record_type| self.ask(name, *record_type, turn, &toll));
        let mut lookup = Lookup {
            status: LookupStatus::Resolved,
            detail: None,
            extended_errors: Vec::new(),
            addresses: Vec::new(),
            queries: 0,
        };
        for known in try_join_all(asked).await? {
            for error in known.extended_errors {
                if !lookup.extended_errors.contains(&error) {
                    lookup.extended_errors.push(error);
                }
            }
            match known.found {
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
        lookup.queries = toll.sent();
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

    /// Finds the addresses of one type, through aliases.
    async fn ask(
        &self,
        name: &str,
        record_type: RecordType,
        turn: u64,
        toll: &Toll,
    ) -> Result<Known, FatalError> {
        let Ok(mut name) = Name::from_ascii(name) else {
            return Ok(Known::nothing(LookupDetail::UnusableAnswer));
        };
        name.set_fqdn(true);
        let mut chain = AliasChain::of(name);
        while !chain.is_too_long() {
            if let Some(known) = self.follow(&mut chain, record_type, turn, toll).await? {
                return Ok(known);
            }
        }
        Ok(Known::nothing(LookupDetail::AliasChainTooLong))
    }

    /// Asks for the last name of the chain, until there is an answer or it is certain that there is none. `None` means that the
    /// chain leads on.
    async fn follow(
        &self,
        chain: &mut AliasChain,
        record_type: RecordType,
        turn: u64,
        toll: &Toll,
    ) -> Result<Option<Known>, FatalError> {
        let servers = self.found().await?;
        let _inside = self.lull.enter();
        let (mut is_repeated, mut outages, mut lulls) = (false, 0, 0);
        let first = Instant::now();
        loop {
            self.outage.pass(&self.persona, servers, toll).await?;
            let round = self
                .round(servers, chain, record_type, turn, is_repeated, toll)
                .await?;
            is_repeated = true;
            if let Round::Unanswered { out: true, .. } = round {
                // An outage may have swallowed the answers: the name is asked for again as soon as there are any.
                let now = Instant::now();
                self.outage.end(&self.persona, servers, toll, now).await?;
                if outages < MAX_REPEATS {
                    outages += 1;
                    continue;
                }
            }
            let (known, last, is_silence) = match round {
                Round::Alias => return Ok(None),
                Round::Known { known, failed: None } => return Ok(Some(known)),
                Round::Known {
                    known,
                    failed: Some(last),
                } => (known, last, false),
                Round::Unanswered { detail, last, .. } => (Known::nothing(detail), last, true),
            };
            let failure = Failure { first, last };
            // That a query of another type was let through shows nothing where their number counts.
            let counts_queries = || servers.iter().any(|server| server.throttle.counts_queries());
            let is_told_of = || toll.has_told() && !counts_queries();
            let judged = self.lull.judge(failure, is_told_of, self.recall(servers)).await;
            let is_asked_again = match judged {
                Judged::Probe => continue,
                Judged::Again => lulls < MAX_REPEATS,
                // Who answers now may just have refused too many.
                Judged::Settled => lulls == 0 && !is_silence,
                Judged::OfTheName => false,
            };
            if !is_asked_again {
                return Ok(Some(known));
            }
            lulls += 1;
        }
    }

    /// Whether any server answers what it has answered before.
    async fn recall(&self, servers: &[NameServer]) -> bool {
        let toll = Toll::new(self.limits.clone());
        let recalled = servers.iter().map(|server| server.recalls(&toll));
        let any = recalled.collect::<FuturesUnordered<_>>();
        any.any(|recalls| async move { recalls }).await
    }

    /// Takes note that a query that was sent at `sent` has brought something of a name.
    fn told(&self, servers: &[NameServer], sent: Instant, toll: &Toll) {
        toll.told();
        if self.lull.told(sent) {
            for server in servers {
                server.throttle.begin_again();
            }
        }
    }

    /// Asks every server, whatever the retries are, until there is a fact about the name. A server that is asked again has had
    /// a pause.
    async fn round(
        &self,
        servers: &[NameServer],
        chain: &mut AliasChain,
        record_type: RecordType,
        turn: u64,
        is_repeated: bool,
        toll: &Toll,
    ) -> Result<Round, FatalError> {
        let retries = if is_repeated { 0 } else { self.policy.retries };
        let name = chain.end().clone();
        let mut turns = Turns::new(servers, self.policy.strategy, turn);
        let mut known: Option<Known> = None;
        let mut unanswered = LookupDetail::TimedOut;
        let mut out = true;
        let mut last = Instant::now();
        while let Some((place, server)) = turns.next(retries) {
            if turns.comes_again(place) {
                // Who can't be reached is tried again by whoever waits for the end of an outage.
                let is_unreachable = known.is_none() && unanswered == LookupDetail::Unreachable;
                if is_unreachable || known.as_ref().is_some_and(Known::is_settled) {
                    break;
                }
                turns.rest(place).await;
            }
            let is_careful = is_repeated || turns.comes_again(place);
            let probes = Toll::new(self.limits.clone());
            let is_there = match is_careful && server.health.is_quiet() {
                true => server.probe(&probes).await,
                false => Ok(()),
            };
            let began = Instant::now();
            last = began;
            let heard = match is_there {
                Err(reason) => Err(reason),
                Ok(()) if is_careful => server.ask_and_listen(&name, record_type, toll, &probes).await,
                Ok(()) => server.ask(&name, record_type, toll).await,
            };
            let heard = match heard {
                Ok(heard) => heard,
                Err(NoAnswer::Fatal(fatal)) => return Err(fatal),
                Err(reason) => {
                    // A server that answered others meanwhile has had the question, and no answer to it.
                    out &= reason != NoAnswer::Silent || server.health.was_out_since(began);
                    if reason != NoAnswer::Silent {
                        unanswered = LookupDetail::Unreachable;
                    }
                    turns.failed();
                    continue;
                }
            };
            self.outage.answered(heard.sent);
            let (reading, names, errors) = match &heard.message {
                Some(message) => chain.read(message, record_type),
                None => {
                    let unreadable = Reading::Nothing(LookupDetail::UnusableAnswer);
                    (unreadable, Vec::new(), Vec::new())
                }
            };
            let detail = match reading {
                Reading::Addresses(addresses) => {
                    server.has_answered(&name, record_type);
                    turns.answered(place, &heard);
                    self.told(servers, heard.sent, toll);
                    let known = Known {
                        found: Ok(addresses),
                        extended_errors: errors,
                    };
                    return Ok(Round::Known { known, failed: None });
                }
                Reading::Alias => {
                    turns.answered(place, &heard);
                    self.told(servers, heard.sent, toll);
                    chain.extend(names);
                    return Ok(Round::Alias);
                }
                Reading::Nothing(detail) => detail,
            };
            match detail {
                LookupDetail::Refused => turns.refused(place, &heard),
                _ => turns.answered(place, &heard),
            }
            let is_decisive = detail.is_decisive();
            if is_decisive {
                server.has_answered(&name, record_type);
            }
            match detail.is_settled() {
                true => self.told(servers, heard.sent, toll),
                false => last = heard.sent,
            }
            // What a server settles by its policy counts more than a later failure of another one.
            if is_decisive || !known.as_ref().is_some_and(Known::is_settled) {
                known = Some(Known {
                    found: Err(detail),
                    extended_errors: errors,
                });
            }
            if is_decisive {
                break;
            }
        }
        turns.end();
        Ok(match known {
            Some(known) => Round::Known {
                failed: (!known.is_settled()).then_some(last),
                known,
            },
            None => Round::Unanswered {
                detail: unanswered,
                last,
                out,
            },
        })
    }
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
