//! Reads an answer as the RFCs mean it: what it says of the name, or that it says nothing.

use std::net::IpAddr;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{Name, RData, RecordType};

use super::LookupStatus;
use super::detail::{ExtendedError, LookupDetail, extended_errors};

/// How many names a domain may be an alias of, each asked for by a query of its own.
pub(super) const MAX_QUERIED_ALIASES: usize = 16;

/// What the answer to one query says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Reading {
    /// The name's addresses.
    Addresses(Vec<IpAddr>),
    /// The name is an alias, and the last name of the chain must be asked for.
    Alias,
    /// There is no address, for this reason.
    Nothing(LookupDetail),
}

impl LookupDetail {
    /// The status of a domain whose look-up ended for this reason.
    pub(super) fn status(self) -> LookupStatus {
        match self {
            Self::NoSuchName => LookupStatus::NoSuchName,
            Self::NoData | Self::AliasToNoSuchName | Self::AliasLoop | Self::SinkAddress => {
                LookupStatus::NoAddress
            }
            Self::ForgedAnswer | Self::Blocked | Self::Censored | Self::Filtered => LookupStatus::Blocked,
            Self::Referral | Self::EmptyAnswer => LookupStatus::NotAnswered,
            Self::Refused | Self::Prohibited => LookupStatus::Refused,
            Self::ServerFailure | Self::DnssecBogus | Self::NoReachableAuthority => {
                LookupStatus::ServerFailure
            }
            Self::TimedOut => LookupStatus::TimedOut,
            Self::AliasChainTooLong | Self::Unreachable | Self::UnusableAnswer => LookupStatus::Error,
        }
    }

    /// Whether it is a fact about the domain, which no other server needs to be asked about.
    pub(crate) fn is_decisive(self) -> bool {
        matches!(
            self,
            Self::NoSuchName | Self::NoData | Self::AliasToNoSuchName | Self::AliasLoop
        )
    }

    /// Whether the same server would say it again.
    pub(super) fn is_settled(self) -> bool {
        self.is_decisive()
            || matches!(
                self.status(),
                LookupStatus::NoAddress | LookupStatus::Blocked | LookupStatus::NotAnswered
            )
            || matches!(self, Self::DnssecBogus | Self::AliasChainTooLong)
    }
}

/// A domain and its aliases, in the order in which they lead on.
pub(super) struct AliasChain {
    names: Vec<Name>,
    /// How many of them were asked for by a query of their own.
    queried: usize,
}

impl AliasChain {
    pub(super) fn of(domain: Name) -> Self {
        Self {
            names: vec![domain],
            queried: 0,
        }
    }

    /// The name to ask for.
    pub(super) fn end(&self) -> &Name {
        self.names.last().expect("it begins with the domain")
    }

    /// Takes the aliases of an answer that leads on.
    pub(super) fn extend(&mut self, names: Vec<Name>) {
        self.names = names;
        self.queried += 1;
    }

    pub(super) fn is_too_long(&self) -> bool {
        self.queried > MAX_QUERIED_ALIASES
    }

    /// Reads the answer to a query for the last name of the chain. Gives the names with those of the answer too.
    pub(super) fn read(
        &self,
        answer: &Message,
        record_type: RecordType,
    ) -> (Reading, Vec<Name>, Vec<ExtendedError>) {
        let errors = extended_errors(answer);
        let mut names = self.names.clone();
        let reading = match by_policy(&errors) {
            Some(policy) => Reading::Nothing(policy),
            None => read(answer, record_type, &errors, &mut names),
        };
        (reading, names, errors)
    }
}

/// What the server says of itself rather than of the name: whatever stands in the rest of its answer claims nothing.
fn by_policy(errors: &[ExtendedError]) -> Option<LookupDetail> {
    errors.iter().find_map(|error| match error.code {
        4 => Some(LookupDetail::ForgedAnswer),
        15 => Some(LookupDetail::Blocked),
        16 => Some(LookupDetail::Censored),
        17 => Some(LookupDetail::Filtered),
        18 => Some(LookupDetail::Prohibited),
        _ => None,
    })
}

fn read(
    answer: &Message,
    record_type: RecordType,
    errors: &[ExtendedError],
    names: &mut Vec<Name>,
) -> Reading {
    match answer.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {}
        ResponseCode::ServFail => return Reading::Nothing(failure(errors)),
        ResponseCode::Refused => return Reading::Nothing(LookupDetail::Refused),
        _ => return Reading::Nothing(LookupDetail::UnusableAnswer),
    }
    let asked = names.len();
    while let Some(target) = answer.answers.iter().find_map(|record| match &record.data {
        RData::CNAME(CNAME(target)) if Some(&record.name) == names.last() => Some(target),
        _ => None,
    }) {
        if names.contains(target) {
            return Reading::Nothing(LookupDetail::AliasLoop);
        }
        names.push(target.clone());
    }
    let end = names.last().expect("it begins with the domain");
    let addresses: Vec<_> = answer
        .answers
        .iter()
        .filter(|record| record.record_type() == record_type && names.contains(&record.name))
        .filter_map(|record| record.data.ip_addr())
        .collect();
    if !addresses.is_empty() {
        let mut usable = addresses;
        usable.retain(|address| !is_sink(*address));
        return match usable.is_empty() {
            true => Reading::Nothing(LookupDetail::SinkAddress),
            false => Reading::Addresses(usable),
        };
    }
    let in_authority = |record_type: RecordType| {
        answer
            .authorities
            .iter()
            .any(|record| record.record_type() == record_type && record.name.zone_of(end))
    };
    let (has_soa, has_servers) = (in_authority(RecordType::SOA), in_authority(RecordType::NS));
    // Neither of them, and no authority: the server knows nothing of the name (RFC 2308, section 2.2; RFC 1034, section 4.3.1).
    let is_known = has_soa || answer.authoritative || (answer.recursion_available && !has_servers);
    if answer.response_code == ResponseCode::NXDomain && (is_known || answer.recursion_available) {
        // The code is about the last name (RFC 6604, section 3), so a domain with an alias exists.
        return Reading::Nothing(match names.len() {
            1 => LookupDetail::NoSuchName,
            _ => LookupDetail::AliasToNoSuchName,
        });
    }
    match names.len() > asked {
        true if has_soa => Reading::Nothing(LookupDetail::NoData),
        true => Reading::Alias,
        false if is_known => Reading::Nothing(LookupDetail::NoData),
        false if has_servers => Reading::Nothing(LookupDetail::Referral),
        false => Reading::Nothing(LookupDetail::EmptyAnswer),
    }
}

/// Why a server failed, by the extended error that it gives (RFC 8914, section 4).
fn failure(errors: &[ExtendedError]) -> LookupDetail {
    let mut reasons = errors.iter().filter_map(|error| match error.code {
        6..=12 => Some(LookupDetail::DnssecBogus),
        22 => Some(LookupDetail::NoReachableAuthority),
        _ => None,
    });
    reasons.next().unwrap_or(LookupDetail::ServerFailure)
}

/// Whether an address stands for none: `::`, or one of "this network" (RFC 6890, section 2.2.2).
fn is_sink(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets()[0] == 0,
        IpAddr::V6(address) => address.is_unspecified(),
    }
}
