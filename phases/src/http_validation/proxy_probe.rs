//! The probe of a proxy: one plain request through it, made as the phase makes it.

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

/// Requests `http://DOMAIN/` once through a proxy, and never directly. A redirect counts as an answer and is not followed.
///
/// The proxy resolves the domain, so its address is unknown here: only the names of the proxy's own machine are refused, as
/// for a redirect to another name. A proxy that is down or refuses its user is a failure. A domain that the proxy can't reach
/// is a result.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProxyProbe;

/// The result of a request.
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
            limits: Arc::new(PersonaLimits::new(1, None)),
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
        // A name with wrong punycode makes an invalid URL.
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

/// Returns the status of the answer.
async fn request_once(visitor: &Visitor, url: &Url) -> Result<u16, RequestFailure> {
    // The site has no address here, since the proxy resolves the domain.
    let nowhere = Site {
        domain: String::new(),
        addresses: Vec::new(),
    };
    match visitor.route(url, &nowhere).await? {
        route @ Route::Proxy(_) => {
            let answer = request::send(&visitor.persona, url, &route, Credentials::Withheld).await?;
            Ok(answer.status)
        }
        // A visitor with a proxy has no direct route.
        Route::Direct(_) => Err(RequestFailure::Status(Status::ForbiddenAddress)),
    }
}

/// The persona of the request. It reads as little of a page as possible.
fn persona() -> serde_json::Result<HttpPersona> {
    serde_json::from_value(json!({"userAgent": "Phasegate", "maxBodyBytes": 1024}))
}
