//! The probe of an HTTP persona: one domain is looked up and requested, as the phase requests it.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use phasegate::{Failure, ResourceProbe};
use serde::Serialize;
use serde_json::Value;

use super::request::RequestFailure;
use super::{HttpPersona, Input, Measured, Persona, Record, Status, request, unsound};
use crate::net::dial;
use crate::net::dns::LookupStatus;
use crate::probe::{ProbeInput, answer, failure, read};
use crate::schema;

/// What the status is where the domain has no address, so that nothing was requested.
const UNRESOLVED: &str = "unresolved";

/// Requests one domain with an HTTP persona, directly and as [`HttpValidation`](super::HttpValidation) does: the same
/// redirects, retries and bounds, and the same addresses refused.
///
/// The domain is looked up first, at the persona's resolvers or else by the system. It says what the phase's record would
/// say, but for the persona and the page's text; of a domain without an address only that it is `unresolved`.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpPersonaProbe;

/// What came of a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Probed {
    domain: String,
    url: Option<String>,
    final_url: Option<String>,
    status: &'static str,
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
        let persona = Arc::new(Persona::named(String::new(), "the HTTP persona", persona, None));
        let start = Instant::now();
        // The system's look-up wants a port and gives it back; the address is what counts.
        let addresses = match persona.visitor.look_up(&domain, 80).await {
            Ok(addresses) => addresses,
            Err(RequestFailure::Fatal(fatal)) => return Err(failure(fatal)),
            Err(RequestFailure::Status(status)) => {
                return answer(&Probed::unrequested(domain, status, start));
            }
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
    /// A domain that no address was found for.
    fn unrequested(domain: String, status: Status, start: Instant) -> Self {
        Self {
            domain,
            url: None,
            final_url: None,
            status: match status {
                Status::RedirectUnresolved => UNRESOLVED,
                other => other.as_str(),
            },
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
            http_status: record.http_status,
            redirects: record.redirects,
            title: record.title,
            bytes: record.bytes,
            body_truncated: record.body_truncated,
            measured: record.measured,
        }
    }
}
