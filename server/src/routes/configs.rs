//! The configs of phases.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use phasegate::core::{Command, PhaseName};
use phasegate::{CampaignHandle, EngineError};
use serde_json::Value;

use crate::asked::{About, Asked, Order, TrialQuery, WriteHeaders};
use crate::components;
use crate::extract::{Body, Path, etag, phase_name};
use crate::problem::Problem;
use crate::routes::campaigns::CampaignPath;
use crate::routes::commands::PhasePath;
use crate::server::Server;
use crate::shapes::{ConfigPage, ReceiptBody, StoredConfig};
use crate::slots::config_revision;

/// Shows the config that is stored for a phase
#[utoipa::path(
    get, path = "/campaigns/{id}/phases/{phase}/config", operation_id = "showConfig", tag = "Configs", params(PhasePath),
    responses((status = 200, description = "The config, as it was stored", body = Value, headers(("ETag" = String, description = "The config's revision")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "unknown_phase", "config_not_found"])))
)]
pub async fn show(State(server): State<Server>, Path(path): Path<PhasePath>) -> Result<Response, Problem> {
    let campaign = server.campaign(&path.id).await?;
    let phase = phase_name(&path.phase)?;
    let revision = config_revision(&campaign.snapshot().await?, &phase)?;
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
    params(PhasePath, WriteHeaders, TrialQuery,
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
    asked: Asked,
    Body(config): Body<Value>,
) -> Result<Response, Problem> {
    let phase = phase_name(&path.phase)?;
    let configs = [(phase.clone(), config)].into();
    let stored = async |campaign: &CampaignHandle, receipt| {
        let revision = config_revision(&campaign.snapshot().await?, &phase)?;
        let tag = etag(revision.map_or(0, |revision| revision.0));
        Ok((tag, Json(ReceiptBody::from(receipt))).into_response())
    };
    let order = of_config(Command::Configure { configs }, &phase);
    asked.carry_out(&server, &path.id, order, stored).await
}

/// Takes the config of a phase away that has not started
#[utoipa::path(
    delete, path = "/campaigns/{id}/phases/{phase}/config", operation_id = "removeConfig", tag = "Configs",
    params(PhasePath, WriteHeaders, TrialQuery, ("If-Match" = Option<String>, Header, description = "Only if the stored config is at this revision: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$")),
    responses((status = 204, description = "There is none now")),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "unknown_phase", "phase_started", "phase_locked", "pipeline_changed", "unknown_pipeline@409", "precondition_failed"])))
)]
pub async fn remove(
    State(server): State<Server>,
    Path(path): Path<PhasePath>,
    asked: Asked,
) -> Result<Response, Problem> {
    let phase = phase_name(&path.phase)?;
    let order = of_config(Command::Unconfigure { phase: phase.clone() }, &phase);
    let removed = async |_: &CampaignHandle, _| Ok(StatusCode::NO_CONTENT.into_response());
    asked.carry_out(&server, &path.id, order, removed).await
}

/// Stores the configs of several phases: all of them or none
#[utoipa::path(
    put, path = "/campaigns/{id}/configs", operation_id = "storeConfigs", tag = "Configs",
    params(CampaignPath, WriteHeaders, TrialQuery, ("If-Match" = Option<String>, Header, description = "Only if the campaign is at this version: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$")),
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
    asked: Asked,
    Body(configs): Body<BTreeMap<String, Value>>,
) -> Result<Response, Problem> {
    let named = configs
        .into_iter()
        .map(|(name, config)| Ok((phase_name(&name)?, config)));
    let configs = named.collect::<Result<_, Problem>>()?;
    let order = Order::new(Command::Configure { configs }).placed(|problem| match problem.code() {
        "unknown_phase" => problem.of_body(),
        _ => in_command(problem),
    });
    asked.answer(&server, &path.id, order, StatusCode::OK).await
}

/// Shows every stored config
#[utoipa::path(
    get, path = "/campaigns/{id}/configs", operation_id = "listConfigs", tag = "Configs", params(CampaignPath),
    responses((status = 200, description = "The configs in the order of the phases", body = components::ConfigPage, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name"])))
)]
pub async fn list(State(server): State<Server>, Path(path): Path<CampaignPath>) -> Result<Response, Problem> {
    let campaign = server.campaign(&path.id).await?.snapshot().await?;
    let storage = server.engine().storage();
    let mut items = Vec::new();
    for slot in &campaign.phases {
        let Some(pin) = &slot.config else { continue };
        let stored = storage.config(campaign.id, &slot.phase, pin.revision).await;
        // A campaign that is deleted meanwhile takes its configs away.
        let gone = || EngineError::NotFound {
            campaign: campaign.id,
        };
        items.push(StoredConfig {
            phase: slot.phase.clone(),
            revision: pin.revision.0,
            config: stored.map_err(EngineError::from)?.ok_or_else(gone)?,
        });
    }
    let next_cursor = None;
    Ok((etag(campaign.version.0), Json(ConfigPage { items, next_cursor })).into_response())
}

/// A command about the config of a phase, whose conditions are about that config.
fn of_config(command: Command, phase: &PhaseName) -> Order<'static> {
    Order {
        about: About::ConfigOf(phase.clone()),
        ..Order::new(command).placed(in_command)
    }
}

/// An unregistered pipeline of a campaign is a state, and not a wrong request.
fn in_command(problem: Problem) -> Problem {
    match problem.code() {
        "unknown_pipeline" => problem.of_state(),
        _ => problem,
    }
}
