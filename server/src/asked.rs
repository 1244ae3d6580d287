//! What comes with a write besides the thing itself: who asks and why, on which conditions, and whether it is to be done or only
//! tried.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode;
use phasegate::core::{Command, PhaseName, Version};
use phasegate::storage::Expected;
use phasegate::{CampaignHandle, DryRun, EngineError, Envelope, Precondition, Receipt};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::campaign_body::body;
use crate::extract::{Condition, Query, etag, idempotency_key};
use crate::problem::Problem;
use crate::server::Server;
use crate::shapes::{DryRunBody, ReceiptBody};
use crate::slots::config_revision;

/// The header that says who asks.
pub const ACTOR: &str = "Phasegate-Actor";
/// The query parameter that asks for a dry run.
pub const DRY_RUN: &str = "dryRun";

/// The headers of every write.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document's shape of headers")]
pub struct WriteHeaders {
    /// Who asks: at most 200 characters, which stand in the events that come of it. Characters beyond ASCII are written as
    /// percent-encoded UTF-8, and a percent sign as `%25`.
    #[param(rename = "Phasegate-Actor", pattern = "^[ -~]*$")]
    actor: Option<String>,
    /// Why: at most 1,000 characters, written as those of `Phasegate-Actor`.
    #[param(rename = "Phasegate-Reason", pattern = "^[ -~]*$")]
    reason: Option<String>,
    /// The trace that the write belongs to (W3C Trace Context). One of another form is left out.
    #[param(rename = "traceparent")]
    traceparent: Option<String>,
}

/// Whether a command is only tried.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrialQuery {
    /// Whether it is only said what the command would do now: nothing is stored, and no idempotency key is used. A refusal by the
    /// campaign is a part of that answer; a request that is wrong in itself, or whose condition doesn't hold, is refused as ever.
    #[serde(rename = "dryRun", default)]
    dry_run: Option<bool>,
}

/// The query of a write that takes no parameter. Ignoring one would do in earnest what somebody only meant to try.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoParameters {}

/// Who asks for a write, and why.
pub struct By(pub Envelope);

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Query::<NoParameters>::from_request_parts(parts, state).await?;
        envelope(&parts.headers).map(Self)
    }
}

/// All that comes with a command.
pub struct Asked {
    envelope: Envelope,
    headers: HeaderMap,
    condition: Condition,
    only_tried: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) = Query::<TrialQuery>::from_request_parts(parts, state).await?;
        Ok(Self {
            envelope: envelope(&parts.headers)?,
            condition: Condition::of(&parts.headers)?,
            headers: parts.headers.clone(),
            only_tried: query.dry_run.unwrap_or(false),
        })
    }
}

/// What the conditions of a command are about.
pub enum About {
    /// The campaign's version.
    Campaign,
    /// The revision of a phase's config.
    ConfigOf(PhaseName),
}

/// A command as its route gives it.
pub struct Order<'a> {
    /// The command.
    pub command: Command,
    /// What its conditions are about.
    pub about: About,
    /// The name of its route, where it takes an idempotency key.
    pub keyed: Option<&'a str>,
    /// Gives a refusal the status that it has at this route.
    pub placed: fn(Problem) -> Problem,
}

impl<'a> Order<'a> {
    /// A command to a campaign as a whole, without an idempotency key.
    pub fn new(command: Command) -> Self {
        Self {
            command,
            about: About::Campaign,
            keyed: None,
            placed: |problem| problem,
        }
    }

    /// The same order with an idempotency key of this route.
    pub fn keyed(self, route: &'a str) -> Self {
        Self {
            keyed: Some(route),
            ..self
        }
    }

    /// The same order, whose refusals get their status by `placed`.
    pub fn placed(self, placed: fn(Problem) -> Problem) -> Self {
        Self { placed, ..self }
    }
}

impl Asked {
    /// Carries a command out and answers with what `answer` makes of its receipt; a dry run tries it, and says what it would do.
    pub async fn carry_out(
        self,
        server: &Server,
        id: &str,
        order: Order<'_>,
        answer: impl AsyncFnOnce(&CampaignHandle, Receipt) -> Result<Response, Problem>,
    ) -> Result<Response, Problem> {
        let campaign = server.campaign(id).await?;
        let engine = server.engine();
        let placed = order.placed;
        let key = match order.keyed {
            Some(route) => idempotency_key(&self.headers, route)?,
            None => None,
        };
        let precondition = self.precondition(&campaign, &order.about).await?;
        if self.only_tried {
            let tried = engine
                .dry_run(campaign.id(), order.command, precondition, self.envelope)
                .await;
            return tell(server, tried.map_err(|error| placed(error.into()))).await;
        }
        let sent = engine
            .send(campaign.id(), order.command, key, precondition, self.envelope)
            .await;
        let receipt = sent.map_err(|error| placed(error.into()))?;
        answer(&campaign, receipt).await
    }

    /// Carries a command out, and answers with its receipt.
    pub async fn answer(
        self,
        server: &Server,
        id: &str,
        order: Order<'_>,
        status: StatusCode,
    ) -> Result<Response, Problem> {
        let receipt = async |_: &CampaignHandle, receipt: Receipt| {
            Ok((status, etag(receipt.version.0), Json(ReceiptBody::from(receipt))).into_response())
        };
        self.carry_out(server, id, order, receipt).await
    }

    /// Creates a campaign and gives the receipt, or says what its creation would do.
    pub async fn create(
        self,
        server: &Server,
        campaign: phasegate::NewCampaign,
        answer: impl FnOnce(Receipt) -> Response,
    ) -> Result<Response, Problem> {
        let engine = server.engine();
        let mut campaign = campaign.envelope(self.envelope);
        let placed = |error: EngineError| Problem::from(error).of_body();
        let key = idempotency_key(&self.headers, "create")?;
        if self.only_tried {
            let tried = engine.dry_run_creation(campaign).await;
            return tell(server, tried.map_err(placed)).await;
        }
        if let Some(key) = key {
            campaign = campaign.idempotency_key(key.as_str());
        }
        Ok(answer(
            engine.create_with_receipt(campaign).await.map_err(placed)?,
        ))
    }

    async fn precondition(
        &self,
        campaign: &CampaignHandle,
        about: &About,
    ) -> Result<Option<Precondition>, Problem> {
        match about {
            About::ConfigOf(phase) => {
                let expected = match &self.condition {
                    Condition::None => Expected::Any,
                    asked => asked.expected(config_revision(&campaign.snapshot().await?, phase)?)?,
                };
                let phase = phase.clone();
                Ok(Some(Precondition::Config { phase, expected }))
            }
            About::Campaign => Ok(match &self.condition {
                Condition::None | Condition::Exists => None,
                // The campaign exists, since there is a handle to it.
                Condition::Absent => Some(Precondition::Version(Version(0))),
                Condition::OneOf(tags) => {
                    let now = campaign.snapshot().await?.version;
                    let named = tags.iter().map(|tag| Version(tag.0)).find(|tag| *tag == now);
                    let first = tags.first().map(|tag| Version(tag.0));
                    Some(Precondition::Version(named.or(first).unwrap_or_default()))
                }
            }),
        }
    }
}

/// Answers a dry run. What the campaign would refuse is told, too; what is wrong with the request itself is answered as ever.
async fn tell(server: &Server, tried: Result<DryRun, Problem>) -> Result<Response, Problem> {
    let told = match tried {
        Ok(DryRun { events, campaign }) => DryRunBody {
            accepted: true,
            events: Some(events.into_iter().map(Into::into).collect()),
            campaign: match campaign {
                Some(view) => Some(body(server, view).await?),
                None => None,
            },
            problem: None,
        },
        Err(problem) if problem.is_refusal() => DryRunBody {
            accepted: false,
            events: None,
            campaign: None,
            problem: Some(problem.to_json()),
        },
        Err(problem) => return Err(problem),
    };
    Ok(Json(told).into_response())
}

/// The envelope that the headers of a write give.
fn envelope(headers: &HeaderMap) -> Result<Envelope, Problem> {
    let text = |name| decoded(headers, &HeaderName::from_static(name));
    let taken = |envelope: Result<Envelope, _>| envelope.map_err(EngineError::from);
    let mut envelope = Envelope::none();
    if let Some(actor) = text("phasegate-actor")? {
        envelope = taken(envelope.by(actor))?;
    }
    if let Some(reason) = text("phasegate-reason")? {
        envelope = taken(envelope.because(reason))?;
    }
    let mut traces = headers.get_all("traceparent").iter();
    if let (Some(trace), None) = (traces.next(), traces.next()) {
        envelope = envelope.within(trace.to_str().unwrap_or_default());
    }
    Ok(envelope)
}

/// The text of a header in percent-encoded UTF-8. As in a URL, a percent sign that begins no code stands for itself.
fn decoded(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all(name).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let invalid = |why: &str| Problem::new("invalid_envelope", format!("the header {name} {why}"));
    if all.next().is_some() {
        return Err(invalid("is there more than once"));
    }
    let Ok(ascii) = value.to_str() else {
        return Err(invalid(
            "has characters beyond ASCII: write them as percent-encoded UTF-8",
        ));
    };
    match percent_decode(ascii.as_bytes()).decode_utf8() {
        Ok(text) => Ok(Some(text.into_owned())),
        Err(_) => Err(invalid("is not percent-encoded UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn actor(bytes: &[u8]) -> Result<Option<String>, &'static str> {
        let mut headers = HeaderMap::new();
        headers.append(
            "phasegate-actor",
            HeaderValue::from_bytes(bytes).expect("a value"),
        );
        match envelope(&headers) {
            Ok(envelope) => Ok(envelope.actor().map(str::to_owned)),
            Err(problem) => Err(problem.code()),
        }
    }

    #[test]
    fn a_name_beyond_ascii_is_read_from_percent_encoded_utf_8_and_from_nothing_else() {
        let is = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(actor(b"J%C3%B6rg M."), is("Jörg M."));
        assert_eq!(actor(b"20 %, 100%25 %4"), is("20 %, 100% %4"));
        assert_eq!(actor(b"a+b"), is("a+b"));
        assert_eq!(actor(b""), Ok(None));
        assert_eq!(actor("Jörg".as_bytes()), Err("invalid_envelope"));
        assert_eq!(actor(b"J%F6rg"), Err("invalid_envelope"));
        assert_eq!(actor(b"a%0Ab"), Err("invalid_envelope"));
        assert_eq!(actor("%C3%B6".repeat(200).as_bytes()), is(&"ö".repeat(200)));
        assert_eq!(actor("%C3%B6".repeat(201).as_bytes()), Err("invalid_envelope"));
    }

    #[test]
    fn two_traces_are_none() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let mut headers = HeaderMap::new();
        headers.append("traceparent", HeaderValue::from_static(trace));
        let of = |headers: &HeaderMap| {
            envelope(headers)
                .expect("an envelope")
                .traceparent()
                .map(str::to_owned)
        };
        assert_eq!(of(&headers).as_deref(), Some(trace));
        headers.append("traceparent", HeaderValue::from_static(trace));
        assert_eq!(of(&headers), None);
    }
}
