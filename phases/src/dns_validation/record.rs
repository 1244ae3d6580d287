//! The records and the summary of DNS validation.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::detail::{self, Detail};
use crate::net::dns::{ExtendedError, LookupDetail, LookupStatus};
use crate::ordered::Tally;
use crate::persona::counts;

/// A domain with the result of its look-up.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The domain.
    pub domain: String,
    /// How it ended.
    pub status: LookupStatus,
    /// Why it has no address, or perhaps not all its addresses; null after a plain success.
    pub detail: Option<Detail<LookupDetail>>,
    /// The extended errors of the answers that decided (RFC 8914).
    pub extended_errors: Vec<ExtendedError>,
    /// Its addresses, IPv4 before IPv6, each kind in order; at most 32.
    pub addresses: Vec<IpAddr>,
    /// The id of the persona that looked it up.
    pub persona: String,
    /// The measurements, which differ from run to run.
    pub measured: Measured,
}

/// The measurements, which differ from run to run.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// How long the lookup took, waiting for the rate included, in milliseconds.
    pub duration_ms: u64,
    /// How many queries were sent, those for aliases and those over TCP included.
    pub queries: u64,
}

/// The summary of a completed run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Summary {
    /// How many domains were looked up.
    pub domains: u64,
    /// The number of domains by status.
    pub by_status: BTreeMap<String, u64>,
    /// The number of domains by detail, without those that are 0.
    #[serde(default)]
    pub by_detail: BTreeMap<String, u64>,
    /// What a person should look at: all domains ended for one reason, which says nothing of the domains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl Summary {
    /// Warns if all domains ended for one reason that lies with the resolvers.
    pub(crate) fn warn(&mut self) {
        let shared = detail::shared(LookupDetail::ALL, &self.by_detail, self.domains);
        self.warning = shared
            .filter(|detail| !detail.is_decisive())
            .filter(|_| self.by_status.get(LookupStatus::Resolved.as_str()) == Some(&0))
            .map(|detail| {
                format!(
                    "All {} domains ended alike. {}. Look at the DNS persona",
                    self.domains,
                    detail.sentence()
                )
            });
    }
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            domains: 0,
            by_status: counts(LookupStatus::ALL),
            by_detail: BTreeMap::new(),
            warning: None,
        }
    }
}

impl Tally<Record> for Summary {
    fn count(&mut self, record: Option<&Record>) {
        if let Some(record) = record {
            self.domains += 1;
            *self.by_status.entry(record.status.to_string()).or_default() += 1;
            detail::count(&mut self.by_detail, record.detail.as_ref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warns(details: &[LookupDetail]) -> bool {
        let mut summary = Summary::default();
        for detail in details {
            summary.domains += 1;
            *summary.by_detail.entry(detail.to_string()).or_default() += 1;
        }
        summary.warn();
        summary.warning.is_some()
    }

    #[test]
    fn a_phase_warns_if_all_its_domains_ended_for_one_reason_of_the_resolvers() {
        use LookupDetail::{NoSuchName, Refused, TimedOut};
        assert!(warns(&[Refused, Refused]));
        assert!(!warns(&[Refused, TimedOut]));
        assert!(!warns(&[Refused]));
        assert!(
            !warns(&[NoSuchName, NoSuchName]),
            "a list of free names is no fault"
        );
    }
}
