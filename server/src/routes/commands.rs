//! Commands to campaigns.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use phasegate::core::Command;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::extract::{Nothing, OptionalBody, Path, etag, phase_name};
use crate::problem::Problem;
use crate::routes::campaigns::{CampaignPath, send};
use crate::server::Server;
use crate::shapes::{ReceiptBody, Restart};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct PhasePath {
    /// The campaign.
    #[param(format = Uuid)]
    pub id: String,
    /// The phase.
    #[param(pattern = "^[a-z][a-z0-9_]{0,62}$", example = "domain_generation")]
    pub phase: String,
}

/// The headers of a command.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document's shape of headers")]
pub struct CommandHeaders {
    /// Makes the request safe to be sent again: the same key and request get the same answer, for 24 hours. A refused
    /// request is not kept.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 128,
        pattern = "^[!-~]+$"
    )]
    idempotency_key: Option<String>,
    /// Only if the campaign is at this version: entity tags (RFC 9110), or *.
    #[param(
        rename = "If-Match",
        pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$"
    )]
    if_match: Option<String>,
}

/// Starts a phase; in `full_sequence` the rest follows by itself
#[utoipa::path(
    post, path = "/campaigns/{id}/phases/{phase}/start", operation_id = "startPhase", tag = "Commands", params(PhasePath, CommandHeaders),
    responses((status = 202, description = "It is started", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!([
        "not_found", "invalid_name", "unknown_phase", "preflight_failed", "out_of_order", "already_running", "paused",
        "pausing", "stopping", "pipeline_changed", "unknown_pipeline@409", "precondition_failed", "idempotency_key_reused"
    ])))
)]
pub async fn start(
    State(server): State<Server>,
    Path(path): Path<PhasePath>,
    headers: HeaderMap,
    OptionalBody(_): OptionalBody<Nothing>,
) -> Result<Response, Problem> {
    let phase = phase_name(&path.phase)?;
    let route = format!("start:{phase}");
    let command = Command::Start { phase };
    carry_out(&server, &path.id, &headers, command, &route, StatusCode::ACCEPTED).await
}

/// Begins a phase afresh; later phases become not started
#[utoipa::path(
    post, path = "/campaigns/{id}/phases/{phase}/restart", operation_id = "restartPhase", tag = "Commands", params(PhasePath, CommandHeaders),
    request_body(content = Option<Restart>),
    responses((status = 202, description = "It is started afresh", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!([
        "not_found", "invalid_name", "unknown_phase", "config_invalid", "preflight_failed", "already_running",
        "not_started", "pipeline_changed", "unknown_pipeline@409", "precondition_failed", "idempotency_key_reused"
    ])))
)]
pub async fn restart(
    State(server): State<Server>,
    Path(path): Path<PhasePath>,
    headers: HeaderMap,
    OptionalBody(restart): OptionalBody<Restart>,
) -> Result<Response, Problem> {
    let phase = phase_name(&path.phase)?;
    let route = format!("restart:{phase}");
    let config = restart.and_then(|restart| restart.config);
    let brings_config = config.is_some();
    let command = Command::Restart { phase, config };
    let campaign = server.campaign(&path.id).await?;
    let sent = send(&server, &campaign, &headers, command, Some(&route)).await;
    let receipt = sent.map_err(|problem| match (brings_config, problem.code()) {
        (true, "config_invalid") => problem,
        _ => problem.of_state(),
    })?;
    Ok((
        StatusCode::ACCEPTED,
        etag(receipt.version.0),
        Json(ReceiptBody::from(receipt)),
    )
        .into_response())
}

/// The request of a command to a campaign as a whole.
type OfCampaign = (
    State<Server>,
    Path<CampaignPath>,
    HeaderMap,
    OptionalBody<Nothing>,
);

/// Pauses the running phase, and answers when it is at rest
#[utoipa::path(
    post, path = "/campaigns/{id}/pause", operation_id = "pause", tag = "Commands", params(CampaignPath, CommandHeaders),
    responses((status = 200, description = "It is paused", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version at the request")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "not_running", "precondition_failed", "idempotency_key_reused"])))
)]
pub async fn pause(asked: OfCampaign) -> Result<Response, Problem> {
    tell(asked, Command::Pause {}, "pause").await
}

/// Goes on after a pause
#[utoipa::path(
    post, path = "/campaigns/{id}/resume", operation_id = "resume", tag = "Commands", params(CampaignPath, CommandHeaders),
    responses((status = 200, description = "It goes on", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!([
        "not_found", "invalid_name", "not_paused", "pausing", "stopping", "config_invalid@409", "input_changed", "preflight_failed", "pipeline_changed",
        "unknown_pipeline@409", "precondition_failed", "idempotency_key_reused"
    ])))
)]
pub async fn resume(asked: OfCampaign) -> Result<Response, Problem> {
    tell(asked, Command::Resume {}, "resume").await
}

/// Stops the running or paused phase, and answers when it is at rest
#[utoipa::path(
    post, path = "/campaigns/{id}/stop", operation_id = "stop", tag = "Commands", params(CampaignPath, CommandHeaders),
    responses((status = 200, description = "It is stopped", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version at the request")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "not_running", "precondition_failed", "idempotency_key_reused"])))
)]
pub async fn stop(asked: OfCampaign) -> Result<Response, Problem> {
    tell(asked, Command::Stop {}, "stop").await
}

/// Carries out such a command.
async fn tell(
    (State(server), Path(path), headers, _): OfCampaign,
    command: Command,
    route: &str,
) -> Result<Response, Problem> {
    carry_out(&server, &path.id, &headers, command, route, StatusCode::OK).await
}

async fn carry_out(
    server: &Server,
    id: &str,
    headers: &HeaderMap,
    command: Command,
    route: &str,
    status: StatusCode,
) -> Result<Response, Problem> {
    let campaign = server.campaign(id).await?;
    let receipt = send(server, &campaign, headers, command, Some(route))
        .await
        .map_err(Problem::of_state)?;
    Ok((status, etag(receipt.version.0), Json(ReceiptBody::from(receipt))).into_response())
}
