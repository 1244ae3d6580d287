//! The registered pipelines.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use phasegate::core::{PipelineId, Rejection};
use phasegate::{EngineError, Pipeline};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::components;
use crate::extract::{Path, phase_name};
use crate::problem::Problem;
use crate::server::Server;
use crate::shapes::PipelinePage;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct PipelinePath {
    /// The pipeline.
    #[param(pattern = "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$", example = "lead_generation")]
    id: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct SchemaPath {
    /// The pipeline.
    #[param(pattern = "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$", example = "lead_generation")]
    id: String,
    /// The phase.
    #[param(pattern = "^[a-z][a-z0-9_]{0,62}$", example = "analysis")]
    phase: String,
}

/// Lists the registered pipelines
#[utoipa::path(
    get, path = "/pipelines", operation_id = "listPipelines", tag = "Pipelines",
    responses((status = 200, description = "All of them", body = components::PipelinePage))
)]
pub async fn list(State(server): State<Server>) -> Response {
    let items = server.engine().pipelines().map(Pipeline::definition).collect();
    Json(PipelinePage {
        items,
        next_cursor: None,
    })
    .into_response()
}

/// Shows a pipeline: its phases and kinds of resources, with their schemas
#[utoipa::path(
    get, path = "/pipelines/{id}", operation_id = "showPipeline", tag = "Pipelines", params(PipelinePath),
    responses((status = 200, description = "Its manifest", body = components::Pipeline)),
    extensions(("x-codes" = json!(["unknown_pipeline", "invalid_name"])))
)]
pub async fn show(State(server): State<Server>, Path(path): Path<PipelinePath>) -> Result<Response, Problem> {
    Ok(Json(pipeline(&server, &path.id)?.definition()).into_response())
}

/// Shows the JSON Schema of a phase's config
#[utoipa::path(
    get, path = "/pipelines/{id}/phases/{phase}/schema", operation_id = "showSchema", tag = "Pipelines", params(SchemaPath),
    responses((status = 200, description = "A JSON Schema (draft 2020-12)", body = Object, content_type = "application/schema+json")),
    extensions(("x-codes" = json!(["unknown_pipeline", "unknown_phase", "invalid_name"])))
)]
pub async fn schema(State(server): State<Server>, Path(path): Path<SchemaPath>) -> Result<Response, Problem> {
    let pipeline = pipeline(&server, &path.id)?;
    let phase = phase_name(&path.phase)?;
    match pipeline.definition().phases.iter().find(|one| one.name == phase) {
        Some(found) => {
            let form = [(header::CONTENT_TYPE, "application/schema+json")];
            Ok((form, found.config_schema.to_string()).into_response())
        }
        None => {
            let phases = pipeline.phases().to_vec();
            Err(EngineError::from(Rejection::UnknownPhase { phase, phases }).into())
        }
    }
}

fn pipeline<'a>(server: &'a Server, id: &str) -> Result<&'a Pipeline, Problem> {
    let pipeline = PipelineId::new(id).map_err(EngineError::from)?;
    let found = server.engine().pipelines().find(|one| *one.id() == pipeline);
    found.ok_or_else(|| EngineError::from(Rejection::UnknownPipeline { pipeline }).into())
}
