//! A campaign's own retry policies.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use phasegate::RetryPolicy;
use phasegate::core::Command;

use crate::as_object::AsObject;
use crate::asked::{Asked, Order, TrialQuery, WriteHeaders};
use crate::described;
use crate::extract::{Body, Path, phase_name};
use crate::problem::Problem;
use crate::routes::commands::PhasePath;
use crate::server::Server;
use crate::shapes::ReceiptBody;

/// Sets a campaign's own retry policy for a phase, in place of the pipeline's
///
/// It counts from the next failure. A retry that is scheduled already stays.
#[utoipa::path(
    put, path = "/campaigns/{id}/phases/{phase}/retry", operation_id = "setRetry", tag = "Configs", request_body = described::RetryPolicy,
    params(PhasePath, WriteHeaders, TrialQuery, ("If-Match" = Option<String>, Header, description = "Only if the campaign is at this version: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$")),
    responses((status = 200, description = "It is set", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "invalid_retry", "unknown_phase", "phase_locked", "precondition_failed"])))
)]
pub async fn set(
    State(server): State<Server>,
    Path(path): Path<PhasePath>,
    asked: Asked,
    Body(AsObject(policy)): Body<AsObject<RetryPolicy>>,
) -> Result<Response, Problem> {
    send(server, path, asked, Some(policy)).await
}

/// Takes a campaign's own retry policy for a phase away; the pipeline's is in force again
#[utoipa::path(
    delete, path = "/campaigns/{id}/phases/{phase}/retry", operation_id = "removeRetry", tag = "Configs",
    params(PhasePath, WriteHeaders, TrialQuery, ("If-Match" = Option<String>, Header, description = "Only if the campaign is at this version: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$")),
    responses((status = 200, description = "It has none of its own", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "unknown_phase", "phase_locked", "precondition_failed"])))
)]
pub async fn remove(
    State(server): State<Server>,
    Path(path): Path<PhasePath>,
    asked: Asked,
) -> Result<Response, Problem> {
    send(server, path, asked, None).await
}

async fn send(
    server: Server,
    path: PhasePath,
    asked: Asked,
    policy: Option<RetryPolicy>,
) -> Result<Response, Problem> {
    let phase = phase_name(&path.phase)?;
    let order = Order::new(Command::SetRetry { phase, policy });
    asked.answer(&server, &path.id, order, StatusCode::OK).await
}
