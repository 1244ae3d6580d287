//! The probe of a proxy: one plain request through it, made as the phase makes it.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use phasegate::{Failure, ResourceProbe};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use super::detail::SiteFailure;
use super::gate::{Judged, ProxyGate};
use super::request::{self, Answer, Credentials, MeansFailure, RequestFailure, Route};
use super::visit::{Site, Visitor};
use super::{HttpDetail, HttpPersona, Measured, Status};
use crate::detail::Detail;
use crate::net::fatal_error::FatalError;
use crate::net::persona_limits::PersonaLimits;
use crate::net::proxy::Proxy;
use crate::net::uplink::Uplink;
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
    detail: Option<Detail<HttpDetail>>,
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
            gate: Some(Arc::new(ProxyGate::new(Arc::new(proxy)))),
            resolvers: None,
            uplink: Uplink::default(),
        };
        let mut probed = Probed {
            url: format!("http://{domain}/"),
            domain,
            status: Status::InvalidUrl,
            detail: Some(HttpDetail::InvalidUrl.detail()),
            http_status: None,
            measured: Measured::default(),
        };
        // A name with wrong punycode makes an invalid URL.
        let Ok(url) = Url::parse(&probed.url) else {
            return answer(&probed);
        };
        let start = Instant::now();
        let failed = match request_once(&visitor, &url).await {
            Ok(answer) => {
                probed.http_status = Some(answer.status);
                match answer.status {
                    200..=299 => None,
                    _ if answer.is_in_doubt => Some(HttpDetail::ProxyOrSite.into()),
                    status => Some(HttpDetail::of_status(status).into()),
                }
            }
            Err(RequestFailure::Fatal(fatal)) => return Err(failure(fatal)),
            Err(RequestFailure::Site(site) | RequestFailure::Again(site)) => Some(site),
            Err(RequestFailure::Means(means)) => Some(judged(&visitor, *means).await.map_err(failure)?),
        };
        probed.status = failed.as_ref().map_or(Status::Ok, |site| site.status);
        probed.detail = failed.map(|site| site.detail);
        probed.measured.duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        probed.measured.requests = u64::from(probed.status != Status::ForbiddenAddress);
        answer(&probed)
    }
}

/// The failure of the domain, if the proxy answers for itself.
async fn judged(visitor: &Visitor, means: MeansFailure) -> Result<SiteFailure, FatalError> {
    match &visitor.gate {
        Some(gate) => match gate.judge(means).await? {
            Judged::OfTheSite(site) => Ok(site),
            Judged::Again(means) => Err(means.fatal),
        },
        None => Err(means.fatal),
    }
}

async fn request_once(visitor: &Visitor, url: &Url) -> Result<Answer, RequestFailure> {
    // The site has no address here, since the proxy resolves the domain.
    let nowhere = Site {
        domain: String::new(),
        addresses: Vec::new(),
    };
    match visitor.route(url, &nowhere).await? {
        route @ Route::Proxy(_) => {
            request::send(&visitor.persona, url, &route, Credentials::Withheld, None).await
        }
        // A visitor with a proxy has no direct route.
        Route::Direct(_) => Err(HttpDetail::ForbiddenAddress.into()),
    }
}

/// The persona of the request. It reads as little of a page as possible.
fn persona() -> serde_json::Result<HttpPersona> {
    serde_json::from_value(json!({"userAgent": "Phasegate", "maxBodyBytes": 1024}))
}
