//! Looks names up at the servers of a persona.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use futures::future::try_join_all;
use hickory_proto::rr::{Name, RecordType};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::answer::{AliasChain, Reading};
use super::detail::{ExtendedError, LookupDetail};
use super::name_server::{Heard, NameServer};
use super::no_answer::NoAnswer;
use super::outage::Outage;
use super::pause::pause;
use super::server::Server;
use super::throttle::Refusal;
use super::toll::Toll;
use super::{Lookup, LookupStatus, QueryPolicy, Strategy};
use crate::net::fatal_error::FatalError;
use crate::net::persona_limits::PersonaLimits;
use crate::net::proxy::Proxy;

/// How many addresses of a domain are kept.
const MAX_ADDRESSES: usize = 32;
/// How often a query may be one of too many at a server before its refusal counts.
const MAX_CROWDED: u32 = 64;

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
    Known(Known),
    /// The name is an alias, and the chain leads on.
    Alias,
    /// No server answered, for this reason; `out` if they answered nothing else either for a while.
    Unanswered {
        detail: LookupDetail,
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
        self.outage.pass(&self.persona, servers, toll).await?;
        let mut round = self.round(servers, chain, record_type, turn, false, toll).await?;
        if let Round::Unanswered { out: true, .. } = round {
            // An outage may have swallowed the answers: the name is asked for once more as soon as there are any.
            let now = Instant::now();
            self.outage.end(&self.persona, servers, toll, now).await?;
            round = self.round(servers, chain, record_type, turn, true, toll).await?;
        }
        if let Round::Unanswered { out: true, .. } = round {
            let now = Instant::now();
            self.outage.end(&self.persona, servers, toll, now).await?;
        }
        Ok(match round {
            Round::Known(known) => Some(known),
            Round::Alias => None,
            Round::Unanswered { detail, .. } => Some(Known::nothing(detail)),
        })
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
                    return Ok(Round::Known(Known {
                        found: Ok(addresses),
                        extended_errors: errors,
                    }));
                }
                Reading::Alias => {
                    turns.answered(place, &heard);
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
            Some(known) => Round::Known(known),
            None => Round::Unanswered {
                detail: unanswered,
                out,
            },
        })
    }
}

/// Whose turn it is to be asked for one name.
struct Turns<'a> {
    servers: &'a [NameServer],
    first: usize,
    /// What this name has had of each server.
    asked: Vec<Asked>,
    spent: u64,
    /// How many tries a server needs that refuses what is too much.
    throttled: u64,
    /// Whether the latest refusal was of a server that pauses by itself.
    has_rested: bool,
}

#[derive(Clone, Debug, Default)]
struct Asked {
    times: u32,
    crowded: u32,
    was_refused: bool,
}

impl<'a> Turns<'a> {
    fn new(servers: &'a [NameServer], strategy: Strategy, turn: u64) -> Self {
        let count = u64::try_from(servers.len()).unwrap_or(1).max(1);
        let first = match strategy {
            Strategy::First => 0,
            Strategy::RoundRobin => usize::try_from(turn % count).unwrap_or(0),
        };
        Self {
            servers,
            first,
            asked: vec![Asked::default(); servers.len()],
            spent: 0,
            throttled: 0,
            has_rested: false,
        }
    }

    /// The server that was asked least, in turn; `None` if the tries are used up and each has had one. A server that is put aside
    /// comes last, and one that takes no more queries now comes after its equals.
    fn next(&mut self, retries: u64) -> Option<(usize, &'a NameServer)> {
        let count = self.servers.len();
        let mut by_turn: Vec<_> = (0..count).map(|offset| (self.first + offset) % count).collect();
        by_turn.sort_by_key(|place| {
            let has_room = self.servers[*place].throttle.has_room();
            (self.asked[*place].times, !has_room)
        });
        let mut worthy = by_turn
            .iter()
            .filter(|place| count == 1 || self.servers[**place].health.is_worth_asking());
        let is_unasked = |place: &usize| self.asked[*place].times == 0;
        let is_used_up = self.spent > retries.max(self.throttled.saturating_sub(1));
        let mut place = *worthy.next().or(by_turn.first())?;
        if is_used_up && !is_unasked(&place) {
            // One that was put aside may know what the others don't.
            place = *by_turn.iter().find(|place| is_unasked(place))?;
        }
        self.asked[place].times += 1;
        Some((place, &self.servers[place]))
    }

    fn comes_again(&self, place: usize) -> bool {
        self.asked[place].times > 1
    }

    /// Waits before a server is asked again, unless its throttle has seen to that.
    async fn rest(&self, place: usize) {
        if !self.has_rested {
            let round = self.asked[place].times.saturating_sub(2);
            tokio::time::sleep(pause(round.into())).await;
        }
    }

    fn failed(&mut self) {
        self.spent += 1;
        self.has_rested = false;
    }

    fn answered(&mut self, place: usize, heard: &Heard) {
        let throttle = &self.servers[place].throttle;
        throttle.answered(heard.sent, self.asked[place].was_refused);
        self.asked[place].was_refused = false;
        self.spent += 1;
        self.has_rested = false;
    }

    fn refused(&mut self, place: usize, heard: &Heard) {
        let asked = &mut self.asked[place];
        let again = std::mem::replace(&mut asked.was_refused, true);
        match self.servers[place].throttle.refused(heard.sent, again) {
            Refusal::OfMany if asked.crowded < MAX_CROWDED => {
                asked.crowded += 1;
                self.has_rested = true;
            }
            Refusal::OfMany => self.spent += 1,
            Refusal::OnTrial { tries } => {
                self.spent += 1;
                self.throttled = tries.max(self.throttled);
                self.has_rested = true;
            }
            Refusal::OfTheName => {
                self.spent += 1;
                self.throttled = 0;
                self.has_rested = false;
            }
        }
    }

    /// Tells the servers that have refused the name to the last.
    fn end(&self) {
        for (server, asked) in self.servers.iter().zip(&self.asked) {
            if asked.was_refused {
                server.throttle.refused_to_the_end();
            }
        }
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
