//! Commands to campaigns.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use phasegate::core::{Command, PhaseName};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::as_object::AsObject;
use crate::asked::{Asked, Order, TrialQuery, WriteHeaders};
use crate::extract::{Body, Nothing, OptionalBody, Path, phase_name};
use crate::problem::Problem;
use crate::routes::campaigns::CampaignPath;
use crate::server::Server;
use crate::shapes::{Prune, ReceiptBody, Restart};

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
    post, path = "/campaigns/{id}/phases/{phase}/start", operation_id = "startPhase", tag = "Commands", params(PhasePath, CommandHeaders, WriteHeaders, TrialQuery),
    responses((status = 202, description = "It is started", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!([
        "not_found", "invalid_name", "unknown_phase", "preflight_failed", "out_of_order", "already_running", "paused",
        "pausing", "stopping", "pipeline_changed", "unknown_pipeline@409", "precondition_failed", "idempotency_key_reused"
    ])))
)]
pub async fn start(
    State(server): State<Server>,
    Path(path): Path<PhasePath>,
    asked: Asked,
    OptionalBody(_): OptionalBody<Nothing>,
) -> Result<Response, Problem> {
    let phase = phase_name(&path.phase)?;
    let route = format!("start:{phase}");
    let order = Order::new(Command::Start { phase }).keyed(&route);
    asked
        .answer(
            &server,
            &path.id,
            order.placed(Problem::of_state),
            StatusCode::ACCEPTED,
        )
        .await
}

/// Begins a phase afresh; later phases become not started
#[utoipa::path(
    post, path = "/campaigns/{id}/phases/{phase}/restart", operation_id = "restartPhase", tag = "Commands", params(PhasePath, CommandHeaders, WriteHeaders, TrialQuery),
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
    asked: Asked,
    OptionalBody(restart): OptionalBody<Restart>,
) -> Result<Response, Problem> {
    let phase = phase_name(&path.phase)?;
    let route = format!("restart:{phase}");
    let config = restart.and_then(|restart| restart.config);
    let placed: fn(Problem) -> Problem = match config {
        Some(_) => |problem| match problem.code() {
            "config_invalid" => problem,
            _ => problem.of_state(),
        },
        None => Problem::of_state,
    };
    let order = Order::new(Command::Restart { phase, config }).keyed(&route);
    asked
        .answer(&server, &path.id, order.placed(placed), StatusCode::ACCEPTED)
        .await
}

/// Skips a phase: at once where the campaign has come to it, else when it gets there
///
/// After a phase that is skipped at once the chain goes on as after a completion.
#[utoipa::path(
    post, path = "/campaigns/{id}/phases/{phase}/skip", operation_id = "skipPhase", tag = "Commands", params(PhasePath, CommandHeaders, WriteHeaders, TrialQuery),
    responses((status = 202, description = "It is skipped, or marked to be", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!([
        "not_found", "invalid_name", "unknown_phase", "skip_forbidden", "nothing_left", "already_running", "phase_locked",
        "pipeline_changed", "unknown_pipeline@409", "precondition_failed", "idempotency_key_reused"
    ])))
)]
pub async fn skip(asked: OfPhase) -> Result<Response, Problem> {
    tell_phase(
        asked,
        "skip",
        |phase| Command::Skip { phase },
        StatusCode::ACCEPTED,
    )
    .await
}

/// Withdraws the plan to skip a phase
#[utoipa::path(
    post, path = "/campaigns/{id}/phases/{phase}/unskip", operation_id = "unskipPhase", tag = "Commands", params(PhasePath, CommandHeaders, WriteHeaders, TrialQuery),
    responses((status = 200, description = "It is not marked to be skipped", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!([
        "not_found", "invalid_name", "unknown_phase", "phase_locked", "pipeline_changed", "unknown_pipeline@409", "precondition_failed",
        "idempotency_key_reused"
    ])))
)]
pub async fn unskip(asked: OfPhase) -> Result<Response, Problem> {
    tell_phase(asked, "unskip", |phase| Command::Unskip { phase }, StatusCode::OK).await
}

/// Hides older runs, and lets the store reclaim their records
#[utoipa::path(
    post, path = "/campaigns/{id}/prune", operation_id = "prune", tag = "Commands", params(CampaignPath, CommandHeaders, WriteHeaders, TrialQuery),
    request_body(content = Prune),
    responses((status = 200, description = "They are hidden", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "unknown_phase@400", "precondition_failed", "idempotency_key_reused"])))
)]
pub async fn prune(
    State(server): State<Server>,
    Path(path): Path<CampaignPath>,
    asked: Asked,
    Body(AsObject(Prune { keep_runs, phase })): Body<AsObject<Prune>>,
) -> Result<Response, Problem> {
    let phase = phase.as_deref().map(phase_name).transpose()?;
    let order = Order::new(Command::Prune { keep_runs, phase }).keyed("prune");
    asked
        .answer(&server, &path.id, order.placed(Problem::of_body), StatusCode::OK)
        .await
}

/// The request of a command without arguments to a phase.
type OfPhase = (State<Server>, Path<PhasePath>, Asked, OptionalBody<Nothing>);

/// Carries out such a command.
async fn tell_phase(
    (State(server), Path(path), asked, _): OfPhase,
    route: &str,
    command: fn(PhaseName) -> Command,
    status: StatusCode,
) -> Result<Response, Problem> {
    let phase = phase_name(&path.phase)?;
    let route = format!("{route}:{phase}");
    let order = Order::new(command(phase)).keyed(&route);
    asked
        .answer(&server, &path.id, order.placed(Problem::of_state), status)
        .await
}

/// The request of a command without arguments to a campaign.
type OfCampaign = (State<Server>, Path<CampaignPath>, Asked, OptionalBody<Nothing>);

/// Pauses the running phase, and answers when it is at rest
#[utoipa::path(
    post, path = "/campaigns/{id}/pause", operation_id = "pause", tag = "Commands", params(CampaignPath, CommandHeaders, WriteHeaders, TrialQuery),
    responses((status = 200, description = "It is paused", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version at the request")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "not_running", "precondition_failed", "idempotency_key_reused"])))
)]
pub async fn pause(asked: OfCampaign) -> Result<Response, Problem> {
    tell(asked, Command::Pause {}, "pause").await
}

/// Goes on after a pause
#[utoipa::path(
    post, path = "/campaigns/{id}/resume", operation_id = "resume", tag = "Commands", params(CampaignPath, CommandHeaders, WriteHeaders, TrialQuery),
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
    post, path = "/campaigns/{id}/stop", operation_id = "stop", tag = "Commands", params(CampaignPath, CommandHeaders, WriteHeaders, TrialQuery),
    responses((status = 200, description = "It is stopped", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version at the request")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "not_running", "precondition_failed", "idempotency_key_reused"])))
)]
pub async fn stop(asked: OfCampaign) -> Result<Response, Problem> {
    tell(asked, Command::Stop {}, "stop").await
}

/// Carries out such a command.
async fn tell(
    (State(server), Path(path), asked, _): OfCampaign,
    command: Command,
    route: &str,
) -> Result<Response, Problem> {
    let order = Order::new(command).keyed(route);
    asked
        .answer(&server, &path.id, order.placed(Problem::of_state), StatusCode::OK)
        .await
}
