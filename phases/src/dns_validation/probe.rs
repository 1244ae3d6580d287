//! The probe of a DNS persona: one look-up, made as the phase makes it.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use phasegate::{Failure, ResourceProbe};
use serde::Serialize;
use serde_json::Value;

use super::{DnsPersona, Input, Measured, Persona, look_up, unsound};
use crate::detail::Detail;
use crate::net::dial::ProxyCheck;
use crate::net::dns::{ExtendedError, LookupDetail, LookupStatus};
use crate::probe::{ProbeInput, answer, failure, read};
use crate::schema;

/// Looks up one domain with a DNS persona, directly, as [`DnsValidation`](super::DnsValidation) does.
///
/// The result has the members of the phase's record except the persona. As in the phase, resolvers none of which
/// answers anything are a failure, and so is one whose name has no address.
#[derive(Clone, Copy, Debug, Default)]
pub struct DnsPersonaProbe;

/// The result of a look-up.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Probed {
    domain: String,
    status: LookupStatus,
    detail: Option<Detail<LookupDetail>>,
    extended_errors: Vec<ExtendedError>,
    addresses: Vec<IpAddr>,
    measured: Measured,
}

#[async_trait]
impl ResourceProbe for DnsPersonaProbe {
    fn input_schema(&self) -> Value {
        schema::of::<ProbeInput>()
    }

    async fn probe(&self, document: &Value, input: &Value) -> Result<Value, Failure> {
        let (persona, domain) = read::<DnsPersona>(document, input)?;
        if let Some(problem) = unsound(&persona.resolvers, "/resolvers").pop() {
            return Err(Failure::new(problem.keyword, problem.message));
        }
        let persona = Arc::new(Persona::alone("the DNS persona", persona));
        let record = look_up(&[persona], &ProxyCheck::new(None), 0, Input { domain }).await;
        match record.map_err(failure)? {
            Some(record) => answer(&Probed {
                domain: record.domain,
                status: record.status,
                detail: record.detail,
                extended_errors: record.extended_errors,
                addresses: record.addresses,
                measured: record.measured,
            }),
            None => Err(Failure::new("no_answer", "the look-up gave no record")),
        }
    }
}
