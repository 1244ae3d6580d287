//! The records and the summary of DNS validation.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::net::dns::LookupStatus;
use crate::ordered::Tally;
use crate::persona::counts;

/// A domain with the result of its look-up.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Record {
    /// The domain.
    pub domain: String,
    /// How it ended.
    pub status: LookupStatus,
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
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            domains: 0,
            by_status: counts(LookupStatus::ALL),
        }
    }
}

impl Tally<Record> for Summary {
    fn count(&mut self, record: Option<&Record>) {
        if let Some(record) = record {
            self.domains += 1;
            *self.by_status.entry(record.status.to_string()).or_default() += 1;
        }
    }
}
