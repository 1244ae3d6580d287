//! The probe of a proxy: one plain request through it, as the phase makes it.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use phasegate::{Failure, ResourceProbe};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use super::request::{self, Credentials, RequestFailure, Route};
use super::visit::{Site, Visitor};
use super::{HttpPersona, Measured, Status};
use crate::net::persona_limits::PersonaLimits;
use crate::net::proxy::Proxy;
use crate::probe::{ProbeInput, answer, failure, read};
use crate::schema;

/// Requests `http://DOMAIN/` once through a proxy, and never directly. A redirect is an answer, and is not followed.
///
/// The proxy resolves the domain, so that nobody here knows where it leads: as for a redirect to another name, only the
/// names of the proxy's own machine are refused. A proxy that is down or refuses its user is a failure; a domain that the
/// proxy can't reach is a result.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProxyProbe;

/// What came of a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Probed {
    domain: String,
    url: String,
    status: Status,
    http_status: Option<u16>,
    measured: Measured,
}

#[async_trait]
impl ResourceProbe for ProxyProbe {
    fn input_schema(&self) -> Value {
        schema::of::<ProbeInput>()
    }

    async fn probe(&self, document: &Value, input: &Value) -> Result<Value, Failure> {
        let (proxy, domain) = read::<Proxy>(document, input)?;
        let persona = persona().map_err(|error| Failure::new("persona_unreadable", error.to_string()))?;
        let visitor = Visitor {
            persona,
            limits: PersonaLimits::new(1, None),
            proxy: Some(Arc::new(proxy)),
            resolvers: None,
        };
        let mut probed = Probed {
            url: format!("http://{domain}/"),
            domain,
            status: Status::InvalidUrl,
            http_status: None,
            measured: Measured::default(),
        };
        // There is a URL that can't be read: that of a name whose punycode is wrong.
        let Ok(url) = Url::parse(&probed.url) else {
            return answer(&probed);
        };
        let start = Instant::now();
        match request_once(&visitor, &url).await {
            Ok(status) => {
                probed.status = match status {
                    200..=299 => Status::Ok,
                    _ => Status::HttpError,
                };
                probed.http_status = Some(status);
            }
            Err(RequestFailure::Fatal(fatal)) => return Err(failure(fatal)),
            Err(RequestFailure::Status(status)) => probed.status = status,
        }
        probed.measured.duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        probed.measured.requests = u64::from(probed.status != Status::ForbiddenAddress);
        answer(&probed)
    }
}

/// Gives the status of the answer.
async fn request_once(visitor: &Visitor, url: &Url) -> Result<u16, RequestFailure> {
    // A site that is nowhere: what is requested is the domain that the proxy knows by this name.
    let nowhere = Site {
        domain: String::new(),
        addresses: Vec::new(),
    };
    match visitor.route(url, &nowhere).await? {
        route @ Route::Proxy(_) => {
            let answer = request::send(&visitor.persona, url, &route, Credentials::Withheld).await?;
            Ok(answer.status)
        }
        // There is no such route where there is a proxy.
        Route::Direct(_) => Err(RequestFailure::Status(Status::ForbiddenAddress)),
    }
}

/// Who requests: somebody who reads no more of a page than needed.
fn persona() -> serde_json::Result<HttpPersona> {
    serde_json::from_value(json!({"userAgent": "Phasegate", "maxBodyBytes": 1024}))
}
