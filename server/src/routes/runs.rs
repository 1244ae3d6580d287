//! The runs of a phase.

use axum::Json;
use axum::extract::State;
use phasegate::EngineError;
use phasegate::core::Run;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::extract::{Path, Query, limit, phase_name};
use crate::problem::Problem;
use crate::routes::commands::PhasePath;
use crate::server::Server;
use crate::shapes::{RunBody, RunPage};
use crate::slots::slot_of;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Where the page before ended.
    #[param(pattern = "^[1-9][0-9]{0,8}$")]
    cursor: Option<String>,
    /// At most so many; 100 unless given.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

/// Lists the runs of a phase, the oldest first, without the pruned ones
#[utoipa::path(
    get, path = "/campaigns/{id}/phases/{phase}/runs", operation_id = "listRuns", tag = "Records", params(PhasePath, ListQuery),
    responses((status = 200, description = "A page of runs", body = RunPage)),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "unknown_phase"])))
)]
pub async fn list(
    State(server): State<Server>,
    Path(path): Path<PhasePath>,
    Query(query): Query<ListQuery>,
) -> Result<Json<RunPage>, Problem> {
    let campaign = server.campaign(&path.id).await?.snapshot().await?;
    let phase = phase_name(&path.phase)?;
    slot_of(&campaign, &phase)?;
    let size = limit(query.limit.as_deref(), 100, 1_000)?;
    let after = match query.cursor {
        None => Run(0),
        Some(text) => cursor(&text)?,
    };
    let current = campaign.current_run(&phase).map(|current| current.run);
    let found = server
        .engine()
        .storage()
        .runs(campaign.id, &phase, after, size)
        .await
        .map_err(EngineError::from)?;
    let items = found.items.into_iter().map(|one| RunBody {
        run: one.run.0,
        launched_seq: one.launched.0,
        records: one.output.records,
        is_current: current == Some(one.run),
    });
    Ok(Json(RunPage {
        items: items.collect(),
        next_cursor: found.next.map(|next| next.to_string()),
    }))
}

fn cursor(text: &str) -> Result<Run, Problem> {
    let is_one = text.len() <= 9 && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    let run = text.parse().ok().filter(|_| is_one).map(Run);
    run.ok_or_else(|| {
        let why = format!("{text:?} is not a cursor of runs: begin without one");
        Problem::new("invalid_parameter", why)
    })
}
