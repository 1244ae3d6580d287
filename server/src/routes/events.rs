//! Events: a page of the log, or a stream of it.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use phasegate::EngineError;
use phasegate::storage::{Cursor, EventScope};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::components;
use crate::extract::{Path, Query, accepted, header_text, limit};
use crate::problem::Problem;
use crate::routes::campaigns::CampaignPath;
use crate::server::Server;
use crate::shapes::ServerSentEvent;
use crate::stream;

/// The cursor that stands for the present end of the log.
const LATEST: &str = "latest";
const SSE: &str = "text/event-stream";
const JSON: &str = "application/json";

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Only events after the one with this cursor; `latest` stands for the last one that there is.
    cursor: Option<String>,
    /// The same, for clients that can't send the header `Last-Event-ID`, which comes first.
    #[serde(rename = "lastEventId")]
    last_event_id: Option<String>,
    /// At most so many in a page; 100 unless given.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

/// Follows a campaign's events, or pages through them
#[utoipa::path(
    get, path = "/campaigns/{id}/events", operation_id = "campaignEvents", tag = "Events",
    params(CampaignPath, EventsQuery, ("Last-Event-ID" = Option<String>, Header, description = "The cursor of the last event that was seen")),
    responses((status = 200, description = "Server-sent events, each after its commit: `id` is the cursor, `event` the type, `data` the event. `progress` has \
        no id and comes at most five times a second. With `Accept: application/json` a page of the log.",
        content((components::EventPage = "application/json"), (ServerSentEvent = "text/event-stream")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "invalid_cursor", "not_acceptable", "too_many_streams"])))
)]
pub async fn of_campaign(
    State(server): State<Server>,
    Path(path): Path<CampaignPath>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let campaign = server.campaign(&path.id).await?;
    events(&server, EventScope::Campaign(campaign.id()), &query, &headers).await
}

/// Follows the events of the whole store, or pages through them
#[utoipa::path(
    get, path = "/events", operation_id = "storeEvents", tag = "Events",
    params(EventsQuery, ("Last-Event-ID" = Option<String>, Header, description = "The cursor of the last event that was seen")),
    responses((status = 200, description = "As the events of a campaign, but of all of them",
        content((components::EventPage = "application/json"), (ServerSentEvent = "text/event-stream")))),
    extensions(("x-codes" = json!(["invalid_cursor", "not_acceptable", "too_many_streams"])))
)]
pub async fn of_store(
    State(server): State<Server>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    events(&server, EventScope::Store, &query, &headers).await
}

async fn events(
    server: &Server,
    scope: EventScope,
    query: &EventsQuery,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let form = accepted(headers, &[SSE, JSON])?;
    let last = header_text(headers, &HeaderName::from_static("last-event-id"))?;
    let last = last
        .or(query.last_event_id.as_deref())
        .or(query.cursor.as_deref());
    let after = match last.filter(|text| !text.is_empty()) {
        Some(LATEST) => server
            .engine()
            .storage()
            .latest()
            .await
            .map_err(EngineError::from)?,
        other => other.map(Cursor::from_text),
    };
    let size = limit(query.limit.as_deref(), 100, 1_000)?;
    if form == JSON {
        let page = server.engine().storage().events(scope, after, size).await;
        return Ok(Json(page.map_err(EngineError::from)?).into_response());
    }
    stream::events(server, scope, after).await
}
