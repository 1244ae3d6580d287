//! Problem documents (RFC 9457), the answers of refused and failed calls.

use std::borrow::Cow;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use phasegate::EngineError;
use phasegate::core::storage::StorageError;
use serde_json::{Map, Value, json};

use crate::catalogue;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a call was refused or failed, as its answer.
#[derive(Clone, Debug)]
pub struct Problem {
    code: &'static str,
    status: StatusCode,
    detail: Cow<'static, str>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of the [catalogue](catalogue::ALL), with its usual status.
    ///
    /// A code that isn't in the catalogue is an internal error.
    pub fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let status = catalogue::find(code).map_or(500, |entry| entry.statuses[0]);
        Self {
            code,
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            detail: detail.into(),
            members: Map::new(),
            headers: Vec::new(),
        }
    }

    /// The same problem with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    /// The same problem with a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same problem, about something that the request's body names.
    #[must_use]
    pub fn of_body(mut self) -> Self {
        if matches!(self.code, "unknown_phase" | "unknown_pipeline") {
            self.status = StatusCode::BAD_REQUEST;
        }
        self
    }

    /// The same problem, about the state of the campaign and not about the request.
    #[must_use]
    pub fn of_state(mut self) -> Self {
        if matches!(self.code, "config_invalid" | "unknown_pipeline") {
            self.status = StatusCode::CONFLICT;
        }
        self
    }

    /// The stable word for a program.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Whether it is the campaign that refuses. Otherwise the request itself breaks a rule, its condition doesn't hold, or the server
    /// failed.
    pub(crate) fn is_refusal(&self) -> bool {
        let is_of_request = self.code.starts_with("invalid_") || self.code == "precondition_failed";
        self.status.is_client_error() && !is_of_request
    }

    /// The document.
    pub fn to_json(&self) -> Value {
        let mut document = self.members.clone();
        document.insert("type".to_owned(), json!("about:blank"));
        document.insert("title".to_owned(), json!(self.status.canonical_reason()));
        document.insert("status".to_owned(), json!(self.status.as_u16()));
        document.insert("code".to_owned(), json!(self.code));
        document.insert("detail".to_owned(), json!(self.detail));
        Value::Object(document)
    }

    fn with_all(mut self, members: Map<String, Value>) -> Self {
        self.members.extend(members);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = self.to_json().to_string();
        let mut response = (self.status, [(header::CONTENT_TYPE, PROBLEM_JSON)], document).into_response();
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let told = |code| Self::new(code, error.to_string()).with_all(in_http(&error));
        match &error {
            EngineError::Storage(StorageError::ResourceConflict { resource, .. }) => Self::new(
                "precondition_failed",
                format!(
                    "{resource} is not as If-Match or If-None-Match says, so nothing was done: read it again, then decide"
                ),
            ),
            EngineError::Storage(StorageError::Excess(_) | StorageError::InvalidCursor { .. }) => {
                told(error.code())
            }
            // The log has the reason for the operator. Callers don't get it.
            EngineError::Storage(StorageError::Damaged { .. }) => {
                tracing::error!(%error, "the store is damaged");
                Self::new(
                    "damaged",
                    "the store is damaged: see the server's log, and run 'phasegate verify'",
                )
            }
            EngineError::Storage(_) => {
                tracing::error!(%error, "the store failed");
                Self::new(
                    "storage_failed",
                    "the store can't be used now, and the outcome may be unknown: see the server's log, then look before you try again",
                )
            }
            _ => told(error.code()),
        }
    }
}

/// The data of an error as the members of a problem document.
fn in_http(error: &EngineError) -> Map<String, Value> {
    let mut members = error.data();
    // A member `status` would be taken for the status of the answer.
    if let Some(status) = members.remove("status") {
        members.insert("state".to_owned(), status);
    }
    // Every answer has the problems of configs as `errors`.
    if let Some(Value::Object(report)) = members.remove("report") {
        members.extend(report);
    }
    if let Some(mut problems) = members.remove("problems") {
        members.insert("errors".to_owned(), problems["items"].take());
        members.insert("totalErrors".to_owned(), problems["total"].take());
    }
    members
}
