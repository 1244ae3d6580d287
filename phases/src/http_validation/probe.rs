//! The probe of an HTTP persona: one look-up and one request, made as the phase makes them.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use phasegate::{Failure, ResourceProbe};
use serde::Serialize;
use serde_json::Value;

use super::detail::SiteFailure;
use super::request::RequestFailure;
use super::{HttpDetail, HttpPersona, Input, Measured, Persona, Record, Status, request, unsound};
use crate::detail::Detail;
use crate::net::dial;
use crate::net::dns::LookupStatus;
use crate::probe::{ProbeInput, answer, failure, read};
use crate::schema;

/// The status of a domain without an address, which is not requested.
const UNRESOLVED: &str = "unresolved";

/// Requests one domain with an HTTP persona, directly, as [`HttpValidation`](super::HttpValidation) does: with the same
/// redirects, retries and limits, and the same refused addresses.
///
/// The persona's resolvers, or else the system, look the domain up first. The result has the members of the phase's record
/// except the persona and the page's text. A domain without an address has the status `unresolved`.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpPersonaProbe;

/// The result of a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Probed {
    domain: String,
    url: Option<String>,
    final_url: Option<String>,
    status: &'static str,
    detail: Option<Detail<HttpDetail>>,
    http_status: Option<u16>,
    redirects: u64,
    title: Option<String>,
    bytes: u64,
    body_truncated: bool,
    measured: Measured,
}

#[async_trait]
impl ResourceProbe for HttpPersonaProbe {
    fn input_schema(&self) -> Value {
        schema::of::<ProbeInput>()
    }

    async fn probe(&self, document: &Value, input: &Value) -> Result<Value, Failure> {
        let (persona, domain) = read::<HttpPersona>(document, input)?;
        let resolvers = persona.resolvers.as_deref().unwrap_or_default();
        if let Some(problem) = unsound(resolvers, "/resolvers").pop() {
            return Err(Failure::new(problem.keyword, problem.message));
        }
        let persona = Arc::new(Persona::alone("the HTTP persona", persona));
        let start = Instant::now();
        // The system's look-up needs some port. Only the address is used.
        let addresses = match persona.visitor.look_up(&domain, 80).await {
            Ok(addresses) => addresses,
            Err(RequestFailure::Fatal(fatal)) => return Err(failure(fatal)),
            Err(RequestFailure::Site(site) | RequestFailure::Again(site)) => {
                return answer(&Probed::unrequested(domain, site, start));
            }
            Err(RequestFailure::Means(means)) => return Err(failure(means.fatal)),
        };
        let input = Input {
            domain,
            status: LookupStatus::Resolved,
            addresses,
        };
        let record = request(&[persona], &dial::ProxyCheck::new(None), 0, input).await;
        match record.map_err(failure)? {
            Some(record) => answer(&Probed::from(record)),
            None => Err(Failure::new("no_answer", "the request gave no record")),
        }
    }
}

impl Probed {
    /// The result for a domain without an address.
    fn unrequested(domain: String, failure: SiteFailure, start: Instant) -> Self {
        Self {
            domain,
            url: None,
            final_url: None,
            status: match failure.status {
                Status::RedirectUnresolved => UNRESOLVED,
                other => other.as_str(),
            },
            detail: Some(failure.detail),
            http_status: None,
            redirects: 0,
            title: None,
            bytes: 0,
            body_truncated: false,
            measured: Measured {
                duration_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
                ..Measured::default()
            },
        }
    }
}

impl From<Record> for Probed {
    fn from(record: Record) -> Self {
        Self {
            domain: record.domain,
            url: Some(record.url),
            final_url: Some(record.final_url),
            status: record.status.as_str(),
            detail: record.detail,
            http_status: record.http_status,
            redirects: record.redirects,
            title: record.title,
            bytes: record.bytes,
            body_truncated: record.body_truncated,
            measured: record.measured,
        }
    }
}
