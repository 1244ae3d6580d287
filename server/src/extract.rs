//! Reading the parts of a request, each with its own problems.

use std::str::FromStr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use phasegate::CampaignId;
use phasegate::core::limits::MAX_TEXT_DEPTH;
use phasegate::core::{Excess, JsonTextError, PhaseName, Revision, json_text};
use phasegate::storage::{Expected, IdempotencyKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::as_object::AsObject;
use crate::problem::Problem;

/// The largest body of a request.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// How long a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest idempotency key. The store keeps it with the route before it.
pub const MAX_KEY_CHARS: usize = 128;

/// The segments of the path.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(error) => Err(Problem::new(
                "invalid_parameter",
                format!("the path can't be read: {}", error.body_text()),
            )),
        }
    }
}

/// The query's parameters.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(error) => Err(Problem::new(
                "invalid_parameter",
                format!("the query can't be read: {}", error.body_text()),
            )),
        }
    }
}

/// A JSON body of at most [`MAX_BODY_BYTES`].
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = read(request).await?;
        if !is_json {
            return Err(not_json());
        }
        parse(&bytes).map(Self)
    }
}

/// A JSON body that may be left out.
pub struct OptionalBody<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let names_another = request.headers().contains_key(header::CONTENT_TYPE) && !is_json;
        let bytes = read(request).await?;
        if names_another || (!bytes.is_empty() && !is_json) {
            return Err(not_json());
        }
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        // `null` counts as no body.
        let body: Option<AsObject<T>> = parse(&bytes)?;
        Ok(Self(body.map(|AsObject(body)| body)))
    }
}

/// The body of a call without arguments: `{}` or nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

fn not_json() -> Problem {
    Problem::new("unsupported_media_type", "send the body as application/json")
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(text) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(too_large(length));
    }
    let read = axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES);
    match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_length_limit(&error) => Err(too_large(None)),
        Ok(Err(error)) => Err(Problem::new(
            "malformed_json",
            format!("the body broke off: {error}"),
        )),
        Err(_) => Err(Problem::new(
            "request_timeout",
            format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs()),
        )),
    }
}

/// The problem of a body beyond [`MAX_BODY_BYTES`], with its size if the request says it.
fn too_large(size: Option<u64>) -> Problem {
    let detail = format!("the body has more than {MAX_BODY_BYTES} bytes: make it smaller");
    let problem = Problem::new("too_large", detail)
        .with("what", json!("body"))
        .with("limit", json!(MAX_BODY_BYTES));
    match size {
        Some(size) => problem.with("size", json!(size)),
        None => problem,
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if one.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = one.source();
    }
    false
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = json_text(bytes).map_err(unreadable)?;
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer(error.path());
        let error = error.into_inner();
        let detail = format!("the body is not what this call takes: {error}");
        wrong(detail, pointer, "body", error.to_string())
    })
}

/// The problem of a body that is JSON, and wrong at one place.
fn wrong(detail: String, pointer: String, keyword: &str, message: String) -> Problem {
    let errors = json!([{ "pointer": pointer, "keyword": keyword, "message": message }]);
    Problem::new("invalid_body", detail).with("errors", errors)
}

/// The problem of a body that can't be used whatever the call takes.
fn unreadable(error: JsonTextError) -> Problem {
    let message = error.to_string();
    match error {
        JsonTextError::TooDeep { depth } => {
            let (what, limit) = ("body".to_owned(), MAX_TEXT_DEPTH);
            phasegate::EngineError::from(Excess::TooDeep { what, depth, limit }).into()
        }
        JsonTextError::Duplicate { pointer, .. } => {
            let detail = format!("the body can't be used: {message}");
            wrong(detail, pointer, "duplicate_member", message)
        }
        JsonTextError::Malformed { reason } => {
            Problem::new("malformed_json", format!("the body is not JSON: {reason}"))
        }
        _ => Problem::new("malformed_json", format!("the body can't be read: {message}")),
    }
}

/// The JSON Pointer (RFC 6901) of a path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer += &format!("/{index}"),
            Segment::Map { key } => pointer += &format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => pointer += &format!("/{variant}"),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// Reads a path segment as the id of a campaign.
pub fn campaign_id(text: &str) -> Result<CampaignId, Problem> {
    CampaignId::from_str(text).map_err(|error| phasegate::EngineError::from(error).into())
}

/// Reads a path segment as the name of a phase.
pub fn phase_name(text: &str) -> Result<PhaseName, Problem> {
    PhaseName::new(text).map_err(|error| phasegate::EngineError::from(error).into())
}

/// The number of items of a page: the requested one, or the usual one.
pub fn limit(asked: Option<&str>, usual: usize, most: usize) -> Result<usize, Problem> {
    let Some(text) = asked else { return Ok(usual) };
    match text.parse::<usize>() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(Problem::new(
            "invalid_parameter",
            format!("limit is not a whole number from 1 to {most}: {text:?}"),
        )),
    }
}

/// The text of a header that may occur once.
pub fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut all = headers.get_all(name).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let invalid = |why| Problem::new("invalid_parameter", format!("the header {name} {why}"));
    if all.next().is_some() {
        return Err(invalid("is there more than once"));
    }
    value.to_str().map(Some).map_err(|_| invalid("is no ASCII text"))
}

/// The header `Idempotency-Key`, with its route, as the store keeps it.
pub fn idempotency_key(headers: &HeaderMap, route: &str) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(key) = header_text(headers, &HeaderName::from_static("idempotency-key"))? else {
        return Ok(None);
    };
    let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    match IdempotencyKey::new(format!("{route}:{key}")) {
        Ok(stored) if is_visible && (1..=MAX_KEY_CHARS).contains(&key.len()) => Ok(Some(stored)),
        _ => Err(Problem::new(
            "invalid_parameter",
            format!("Idempotency-Key has 1 to {MAX_KEY_CHARS} visible ASCII characters"),
        )),
    }
}

/// The condition of `If-Match` or `If-None-Match` on the thing that a write changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Condition {
    /// No condition.
    None,
    /// It must exist, in any revision.
    Exists,
    /// It must not exist.
    Absent,
    /// It must be at one of these revisions. They are none if no given entity tag is one of this server's.
    OneOf(Vec<Revision>),
}

impl Condition {
    /// Reads the two headers; entity tags are revisions in double quotes (RFC 9110, section 8.8.3).
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let matches = header_text(headers, &header::IF_MATCH)?;
        let none = header_text(headers, &header::IF_NONE_MATCH)?;
        match (matches, none) {
            (None, None) => Ok(Self::None),
            (Some("*"), None) => Ok(Self::Exists),
            (Some(text), None) => match entity_tags(text) {
                Some(tags) => Ok(Self::OneOf(tags.into_iter().filter_map(revision).collect())),
                None => Err(Problem::new(
                    "invalid_parameter",
                    format!(
                        "If-Match is not a list of entity tags: give the ETag as it was, in its quotes: {text:?}"
                    ),
                )),
            },
            (None, Some("*")) => Ok(Self::Absent),
            (None, Some(_)) => Err(Problem::new(
                "invalid_parameter",
                "If-None-Match of a write is *, which means that nothing may be there yet",
            )),
            (Some(_), Some(_)) => Err(Problem::new(
                "invalid_parameter",
                "If-Match and If-None-Match can't both be there",
            )),
        }
    }

    /// The expectation of the write, given the current revision. The write itself checks it again.
    pub fn expected(&self, current: Option<Revision>) -> Result<Expected, Problem> {
        let failed = || {
            Problem::new(
                "precondition_failed",
                "it is not as If-Match or If-None-Match says, so nothing was done: read it again, then decide",
            )
        };
        match (self, current) {
            (Self::None, _) => Ok(Expected::Any),
            (Self::Absent, None) => Ok(Expected::Absent),
            (Self::Exists, Some(now)) => Ok(Expected::Revision(now)),
            (Self::OneOf(tags), Some(now)) if tags.contains(&now) => Ok(Expected::Revision(now)),
            _ => Err(failed()),
        }
    }
}

/// The entity tags of a list, this server's and others (RFC 9110, sections 5.6.1.2 and 8.8.3). A tag may have commas, and an
/// element may be empty.
fn entity_tags(list: &str) -> Option<Vec<&str>> {
    let (mut tags, mut rest) = (Vec::new(), list.trim());
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
            continue;
        }
        let opened = rest.find('"').filter(|at| matches!(&rest[..*at], "" | "W/"))?;
        let end = opened + 1 + rest[opened + 1..].find('"')? + 1;
        let (tag, after) = rest.split_at(end);
        if !tag.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        tags.push(tag);
        rest = after.trim_start();
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
    Some(tags)
}

/// The revision in an entity tag of this server. A weak tag never matches.
fn revision(tag: &str) -> Option<Revision> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    digits.parse().ok().map(Revision)
}

/// The entity tag of a revision or version.
pub fn etag(number: u64) -> [(HeaderName, String); 1] {
    [(header::ETAG, format!("\"{number}\""))]
}

/// The first of the `offered` media types that `Accept` prefers; without the header the first of all.
pub fn accepted<'a>(headers: &HeaderMap, offered: &[&'a str]) -> Result<&'a str, Problem> {
    let mut accept = headers.get_all(header::ACCEPT).iter().peekable();
    if accept.peek().is_none() {
        return Ok(offered[0]);
    }
    let ranges: Vec<(String, f32)> = accept
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(range)
        .collect();
    // The most specific range that covers a type gives its quality (RFC 9110, section 12.5.1).
    let quality = |offer: &str| {
        let main = offer.split('/').next().unwrap_or_default();
        let of = |wanted: &str| {
            ranges
                .iter()
                .find(|(range, _)| range == wanted)
                .map(|(_, quality)| *quality)
        };
        of(offer)
            .or_else(|| of(&format!("{main}/*")))
            .or_else(|| of("*/*"))
            .unwrap_or(0.0)
    };
    let mut best = (offered[0], 0.0);
    for offer in offered {
        if quality(offer) > best.1 {
            best = (offer, quality(offer));
        }
    }
    if best.1 > 0.0 {
        return Ok(best.0);
    }
    Err(Problem::new(
        "not_acceptable",
        format!(
            "this call answers in {}, and Accept names none of them",
            offered.join(" or ")
        ),
    ))
}

fn range(text: &str) -> Option<(String, f32)> {
    let mut parts = text.split(';');
    let range = parts.next()?.trim().to_ascii_lowercase();
    let quality = parts
        .filter_map(|part| part.trim().strip_prefix("q="))
        .next()
        .map_or(1.0, |text| text.parse().unwrap_or(0.0));
    (!range.is_empty()).then_some((range, quality))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    value.parse().expect("a header value"),
                )
            })
            .collect()
    }

    #[test]
    fn the_preferred_form_is_chosen_by_quality_and_then_by_the_order_of_the_offer() {
        let choose =
            |accept| accepted(&headers(&[("accept", accept)]), &["application/json", "text/csv"]).ok();
        assert_eq!(choose("*/*"), Some("application/json"));
        assert_eq!(choose("text/csv"), Some("text/csv"));
        assert_eq!(choose("text/*;q=0.5, application/json;q=0.4"), Some("text/csv"));
        assert_eq!(choose("application/json;q=0, */*"), Some("text/csv"));
        assert_eq!(choose("image/png"), None);
        assert_eq!(accepted(&HeaderMap::new(), &["text/csv"]).ok(), Some("text/csv"));
    }

    #[test]
    fn a_condition_holds_for_the_revisions_it_names_and_no_other() {
        let of = |name, value| Condition::of(&headers(&[(name, value)])).ok();
        let Some(some) = of("if-match", "\"3\", W/\"4\",, \"5\" ,\"a,b\"") else {
            panic!("it is a condition")
        };
        assert_eq!(some, Condition::OneOf(vec![Revision(3), Revision(5)]));
        assert!(some.expected(Some(Revision(5))).is_ok());
        assert!(some.expected(Some(Revision(4))).is_err());
        assert!(some.expected(None).is_err());
        assert!(of("if-match", "*").is_some_and(|any| any.expected(None).is_err()));
        assert!(of("if-none-match", "*").is_some_and(|none| none.expected(Some(Revision(1))).is_err()));
        assert_eq!(of("if-none-match", "\"3\""), None);
        for wrong in ["3", "\"3", "{}", "\"a b\"", "\"3\"\"4\"", "w/\"3\""] {
            assert_eq!(of("if-match", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_wrong_member_is_reported_at_its_place() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Inner {
            #[expect(dead_code)]
            count: u8,
        }
        let problem =
            parse::<Vec<Inner>>(br#"[{"count": 1}, {"count": "x"}]"#).expect_err("a text is no count");
        assert_eq!(problem.to_json()["errors"][0]["pointer"], "/1/count");
        let code = |text: &str| parse::<Inner>(text.as_bytes()).expect_err("it is wrong").code();
        assert_eq!(code(r#"{"count": 1, "more": 2}"#), "invalid_body");
        assert_eq!(code(r#"{"count": 1} x"#), "malformed_json");
        assert_eq!(code(r#"{"count": 1"#), "malformed_json");
        let of_any = |depth: usize| {
            let text = "[".repeat(depth);
            parse::<serde_json::Value>(text.as_bytes())
                .expect_err("it is no JSON")
                .code()
        };
        assert_eq!(
            (of_any(MAX_TEXT_DEPTH), of_any(MAX_TEXT_DEPTH + 1)),
            ("malformed_json", "too_deep")
        );
    }
}
