//! The configs of phases.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use phasegate::core::{Command, PhaseName, Rejection, Revision};
use phasegate::storage::Expected;
use phasegate::{CampaignHandle, CampaignView, EngineError, Precondition, Receipt};
use serde_json::Value;

use crate::extract::{Body, Condition, Path, etag, phase_name};
use crate::problem::Problem;
use crate::routes::campaigns::{CampaignPath, send};
use crate::routes::commands::PhasePath;
use crate::server::Server;
use crate::shapes::ReceiptBody;

/// Shows the config that is stored for a phase
#[utoipa::path(
    get, path = "/campaigns/{id}/phases/{phase}/config", operation_id = "showConfig", tag = "Configs", params(PhasePath),
    responses((status = 200, description = "The config, as it was stored", body = Value, headers(("ETag" = String, description = "The config's revision")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "unknown_phase", "config_not_found"])))
)]
pub async fn show(State(server): State<Server>, Path(path): Path<PhasePath>) -> Result<Response, Problem> {
    let campaign = server.campaign(&path.id).await?;
    let phase = phase_name(&path.phase)?;
    let revision = revision(&campaign.view().await?, &phase)?;
    let missing = || Problem::new("config_not_found", format!("{phase} has no config"));
    let revision = revision.ok_or_else(missing)?;
    let config = server
        .engine()
        .storage()
        .config(campaign.id(), &phase, revision)
        .await;
    let config = config.map_err(EngineError::from)?.ok_or_else(missing)?;
    Ok((etag(revision.0), Json(config)).into_response())
}

/// Stores the config of a phase, if it is valid
#[utoipa::path(
    put, path = "/campaigns/{id}/phases/{phase}/config", operation_id = "storeConfig", tag = "Configs",
    params(PhasePath,
        ("If-Match" = Option<String>, Header, description = "Only if the stored config is at this revision: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$"),
        ("If-None-Match" = Option<String>, Header, description = "*: only if none is stored", pattern = "^\\*$")),
    request_body(content = Value, description = "The config, under the schema of its phase"),
    responses((status = 200, description = "It is stored", body = ReceiptBody, headers(("ETag" = String, description = "The config's revision")))),
    extensions(("x-codes" = json!([
        "not_found", "invalid_name", "unknown_phase", "config_invalid", "phase_locked", "pipeline_changed",
        "unknown_pipeline@409", "precondition_failed"
    ])))
)]
pub async fn store(
    State(server): State<Server>,
    Path(path): Path<PhasePath>,
    headers: HeaderMap,
    Body(config): Body<Value>,
) -> Result<Response, Problem> {
    let campaign = server.campaign(&path.id).await?;
    let phase = phase_name(&path.phase)?;
    let command = Command::Configure {
        configs: [(phase.clone(), config)].into(),
    };
    let receipt = send_for(&server, &campaign, &headers, &phase, command).await?;
    let view = campaign.view().await?;
    let tag = etag(revision(&view, &phase)?.map_or(0, |revision| revision.0));
    Ok((tag, Json(ReceiptBody::from(receipt))).into_response())
}

/// Takes the config of a phase away that has not started
#[utoipa::path(
    delete, path = "/campaigns/{id}/phases/{phase}/config", operation_id = "removeConfig", tag = "Configs",
    params(PhasePath, ("If-Match" = Option<String>, Header, description = "Only if the stored config is at this revision: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$")),
    responses((status = 204, description = "There is none now")),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "unknown_phase", "phase_started", "phase_locked", "pipeline_changed", "unknown_pipeline@409", "precondition_failed"])))
)]
pub async fn remove(
    State(server): State<Server>,
    Path(path): Path<PhasePath>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let campaign = server.campaign(&path.id).await?;
    let phase = phase_name(&path.phase)?;
    let command = Command::Unconfigure { phase: phase.clone() };
    send_for(&server, &campaign, &headers, &phase, command).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stores the configs of several phases: all of them or none
#[utoipa::path(
    put, path = "/campaigns/{id}/configs", operation_id = "storeConfigs", tag = "Configs",
    params(CampaignPath, ("If-Match" = Option<String>, Header, description = "Only if the campaign is at this version: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$")),
    request_body(content = BTreeMap<String, Value>, description = "The configs by phase"),
    responses((status = 200, description = "They are stored", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!([
        "not_found", "invalid_name", "unknown_phase@400", "config_invalid", "phase_locked", "pipeline_changed",
        "unknown_pipeline@409", "precondition_failed"
    ])))
)]
pub async fn store_all(
    State(server): State<Server>,
    Path(path): Path<CampaignPath>,
    headers: HeaderMap,
    Body(configs): Body<BTreeMap<String, Value>>,
) -> Result<Response, Problem> {
    let campaign = server.campaign(&path.id).await?;
    let named = configs
        .into_iter()
        .map(|(name, config)| Ok((phase_name(&name)?, config)));
    let configs = named.collect::<Result<_, Problem>>()?;
    let sent = send(&server, &campaign, &headers, Command::Configure { configs }, None).await;
    let receipt = sent.map_err(|problem| match problem.code() {
        "unknown_phase" => problem.of_body(),
        _ => in_command(problem),
    })?;
    Ok((etag(receipt.version.0), Json(ReceiptBody::from(receipt))).into_response())
}

/// An unregistered pipeline of a campaign is a state, and not a wrong request.
fn in_command(problem: Problem) -> Problem {
    match problem.code() {
        "unknown_pipeline" => problem.of_state(),
        _ => problem,
    }
}

/// Sends a command under the condition that the headers set for a phase's config.
async fn send_for(
    server: &Server,
    campaign: &CampaignHandle,
    headers: &HeaderMap,
    phase: &PhaseName,
    command: Command,
) -> Result<Receipt, Problem> {
    let condition = Condition::of(headers)?;
    let expected = match &condition {
        Condition::None => Expected::Any,
        asked => asked.expected(revision(&campaign.view().await?, phase)?)?,
    };
    let precondition = Precondition::Config {
        phase: phase.clone(),
        expected,
    };
    let engine = server.engine();
    let sent = engine
        .command_if(campaign.id(), command, None, precondition)
        .await;
    sent.map_err(|error| in_command(error.into()))
}

/// The revision of a phase's config.
fn revision(view: &CampaignView, phase: &PhaseName) -> Result<Option<Revision>, Problem> {
    match view.phases.iter().find(|one| one.phase == *phase) {
        Some(shown) => Ok(shown.config_revision),
        None => {
            let phases = view.phases.iter().map(|one| one.phase.clone()).collect();
            let rejection = Rejection::UnknownPhase {
                phase: phase.clone(),
                phases,
            };
            Err(EngineError::from(rejection).into())
        }
    }
}
