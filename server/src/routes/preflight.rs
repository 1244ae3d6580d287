//! The check of a campaign's remaining phases, or of a plan.

use axum::Json;
use axum::extract::State;
use phasegate::PreflightReport;

use crate::as_object::AsObject;
use crate::components;
use crate::extract::{Body, Path};
use crate::problem::Problem;
use crate::routes::campaigns::CampaignPath;
use crate::server::Server;
use crate::shapes::PlanToCheck;

/// Checks every remaining phase
#[utoipa::path(
    get, path = "/campaigns/{id}/preflight", operation_id = "preflight", tag = "Campaigns", params(CampaignPath),
    responses((status = 200, description = "What is missing, if anything is", body = components::Preflight)),
    extensions(("x-codes" = json!(["not_found", "invalid_name"])))
)]
pub async fn of_campaign(
    State(server): State<Server>,
    Path(path): Path<CampaignPath>,
) -> Result<Json<PreflightReport>, Problem> {
    Ok(Json(server.campaign(&path.id).await?.preflight().await?))
}

/// Checks a plan: its configs for every phase, against the resources that are stored. Nothing is stored
#[utoipa::path(
    post, path = "/preflight", operation_id = "preflightPlan", tag = "Campaigns", request_body = PlanToCheck,
    responses((status = 200, description = "What is missing, if anything is", body = components::Preflight)),
    extensions(("x-codes" = json!(["invalid_name", "unknown_pipeline@400", "pipeline_not_named", "unknown_phase@400"])))
)]
pub async fn of_plan(
    State(server): State<Server>,
    Body(AsObject(plan)): Body<AsObject<PlanToCheck>>,
) -> Result<Json<PreflightReport>, Problem> {
    let engine = server.engine();
    let configs = plan.configs.unwrap_or_default();
    let report = engine
        .preflight_plan(plan.pipeline.as_deref(), configs, Vec::new())
        .await;
    report.map(Json).map_err(|error| Problem::from(error).of_body())
}
