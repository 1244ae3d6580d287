//! Listing, creating, showing, switching and deleting campaigns.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use phasegate::core::{Campaign, Command, PreflightReport, Version};
use phasegate::storage::{ActivityKind, CampaignFilter, CampaignQuery, Order};
use phasegate::{CampaignHandle, CampaignStatus, CampaignView, EngineError, Precondition};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::components;
use crate::extract::{Body, Condition, Path, Query, campaign_id, etag, idempotency_key, limit};
use crate::prefix::PREFIX;
use crate::problem::Problem;
use crate::server::Server;
use crate::shapes::{CampaignBody, CampaignPage, ModeSet, NewCampaign, ReceiptBody, SetMode};

/// At most this many campaigns are looked at for one page with a status or a name.
const MOST_LOOKED_AT: usize = 5_000;
/// How many of them are read at once.
const READ_AT_ONCE: usize = 250;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct CampaignPath {
    /// The campaign.
    #[param(format = Uuid)]
    pub id: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Where the page before ended.
    #[param(format = Uuid)]
    cursor: Option<String>,
    /// At most so many; 100 unless given.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// Only campaigns of this status.
    #[param(value_type = Option<components::CampaignStatus>)]
    status: Option<CampaignStatus>,
    /// Only campaigns with this text in their name; both are compared in lower case, by Unicode. At most 5,000 campaigns are looked at
    /// for one page: with a status or a name a page may be short, or empty, and still have a `nextCursor`.
    name: Option<String>,
}

/// Lists campaigns, the newest first
#[utoipa::path(
    get, path = "/campaigns", operation_id = "listCampaigns", tag = "Campaigns", params(ListQuery),
    responses((status = 200, description = "A page of campaigns", body = components::CampaignPage)),
    extensions(("x-codes" = json!(["invalid_name"])))
)]
pub async fn list(State(server): State<Server>, Query(query): Query<ListQuery>) -> Result<Response, Problem> {
    let size = limit(query.limit.as_deref(), 100, 1_000)?;
    let mut after = query.cursor.as_deref().map(campaign_id).transpose()?;
    let mut page = CampaignPage {
        items: Vec::new(),
        next_cursor: None,
    };
    let name = query.name.as_deref().map(lower_case);
    let narrowed = query.status.is_some() || name.is_some();
    let mut looked_at = 0;
    loop {
        let wanted = match narrowed {
            true => READ_AT_ONCE.min(MOST_LOOKED_AT - looked_at),
            false => size - page.items.len(),
        };
        let found = server
            .engine()
            .storage()
            .campaigns(CampaignQuery {
                filter: CampaignFilter {
                    activity: query.status.and_then(activity),
                    ..CampaignFilter::default()
                },
                order: Order::NewestFirst,
                after,
                limit: wanted,
            })
            .await
            .map_err(EngineError::from)?;
        looked_at += found.items.len();
        let last = found.items.len();
        let mut seen = 0;
        for campaign in &found.items {
            seen += 1;
            after = Some(campaign.id);
            let named = name
                .as_ref()
                .is_none_or(|name| lower_case(&campaign.name).contains(name));
            if named && let Some(body) = shown_if(&server, campaign, query.status).await? {
                page.items.push(body);
                if page.items.len() == size {
                    break;
                }
            }
        }
        let more = found.next.is_some() || seen < last;
        if !more {
            break;
        }
        if page.items.len() == size || looked_at >= MOST_LOOKED_AT {
            page.next_cursor = after.or(found.next);
            break;
        }
        after = found.next;
    }
    Ok(Json(page).into_response())
}

/// A text in lower case, each character by itself. So a part of a text stays a part of it, also with a Greek final sigma.
fn lower_case(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The campaign, if it has that status.
async fn shown_if(
    server: &Server,
    campaign: &Campaign,
    status: Option<CampaignStatus>,
) -> Result<Option<CampaignBody>, Problem> {
    use CampaignStatus::{Idle, WaitingForConfiguration};
    // Without the facts only one status is uncertain: that of a chain that may wait.
    let likely = CampaignStatus::unchecked(campaign);
    let possible = |status| status == likely || (likely == WaitingForConfiguration && status == Idle);
    if !status.is_none_or(possible) {
        return Ok(None);
    }
    let view = match server.engine().campaign(campaign.id).await {
        Ok(campaign) => campaign.view().await,
        Err(error) => Err(error),
    };
    match view {
        Ok(view) if status.is_none_or(|status| status == view.status) => Ok(Some(body(server, view).await?)),
        // It changed or was deleted after the page was read.
        Ok(_) | Err(EngineError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The activity of all campaigns of a status, if they share one.
fn activity(status: CampaignStatus) -> Option<ActivityKind> {
    match status {
        CampaignStatus::Running
        | CampaignStatus::WaitingForReport
        | CampaignStatus::Pausing
        | CampaignStatus::Stopping => Some(ActivityKind::Running),
        CampaignStatus::Stopped => Some(ActivityKind::Stopped),
        CampaignStatus::Retrying | CampaignStatus::Failed => Some(ActivityKind::Failed),
        CampaignStatus::Idle | CampaignStatus::WaitingForConfiguration | CampaignStatus::Completed => {
            Some(ActivityKind::Idle)
        }
        // A paused phase, or a held chain.
        CampaignStatus::Paused => None,
    }
}

/// A view, with the counts of records and the progress.
pub async fn body(server: &Server, view: CampaignView) -> Result<CampaignBody, Problem> {
    let mut records = BTreeMap::new();
    for phase in &view.phases {
        let count = match phase.run {
            Some(run) => {
                let output = server
                    .engine()
                    .storage()
                    .run_output(view.id, &phase.phase, run)
                    .await;
                output
                    .map_err(EngineError::from)?
                    .map_or(0, |output| output.records)
            }
            None => 0,
        };
        records.insert(phase.phase.clone(), count);
    }
    let progress = server.engine().progress(view.id).map(Into::into);
    Ok(CampaignBody {
        view,
        records,
        progress,
    })
}

/// Creates a campaign, with its configs, in one commit
#[utoipa::path(
    post, path = "/campaigns", operation_id = "createCampaign", tag = "Campaigns", request_body = NewCampaign,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to be sent again", min_length = 1, max_length = 128, pattern = "^[!-~]+$")),
    responses((status = 201, description = "It is created", body = ReceiptBody,
        headers(("Location" = String, description = "Where it is"), ("ETag" = String, description = "Its version")))),
    extensions(("x-codes" = json!([
        "invalid_name", "unknown_pipeline@400", "pipeline_not_named", "unknown_phase@400", "config_invalid",
        "idempotency_key_reused"
    ])))
)]
pub async fn create(
    State(server): State<Server>,
    headers: HeaderMap,
    Body(new): Body<NewCampaign>,
) -> Result<Response, Problem> {
    let mut campaign = phasegate::NewCampaign::new(new.name);
    if let Some(pipeline) = new.pipeline {
        campaign = campaign.pipeline(pipeline);
    }
    if let Some(mode) = new.mode {
        campaign = campaign.mode(mode);
    }
    for (phase, config) in new.configs.unwrap_or_default() {
        campaign = campaign.config(phase, config);
    }
    if let Some(key) = idempotency_key(&headers, "create")? {
        campaign = campaign.idempotency_key(key.as_str());
    }
    let receipt = server
        .engine()
        .create_with_receipt(campaign)
        .await
        .map_err(|error| Problem::from(error).of_body())?;
    let location = [(
        header::LOCATION,
        format!("{PREFIX}/campaigns/{}", receipt.campaign_id),
    )];
    let tag = etag(receipt.version.0);
    Ok((
        StatusCode::CREATED,
        location,
        tag,
        Json(ReceiptBody::from(receipt)),
    )
        .into_response())
}

/// Shows a campaign
#[utoipa::path(
    get, path = "/campaigns/{id}", operation_id = "showCampaign", tag = "Campaigns", params(CampaignPath),
    responses((status = 200, description = "The campaign", body = components::Campaign,
        headers(("ETag" = String, description = "Its version: it stands for the campaign itself, not for the resources that its configs name")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name"])))
)]
pub async fn show(State(server): State<Server>, Path(path): Path<CampaignPath>) -> Result<Response, Problem> {
    let view = server.campaign(&path.id).await?.view().await?;
    let tag = etag(view.version.0);
    Ok((tag, Json(body(&server, view).await?)).into_response())
}

/// Deletes a campaign with all its records; what runs of it is fenced
#[utoipa::path(
    delete, path = "/campaigns/{id}", operation_id = "deleteCampaign", tag = "Campaigns",
    params(CampaignPath, ("If-Match" = Option<String>, Header, description = "Only if the campaign is at this version: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$")),
    responses((status = 204, description = "It is deleted")),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "precondition_failed"])))
)]
pub async fn delete(
    State(server): State<Server>,
    Path(path): Path<CampaignPath>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let campaign = server.campaign(&path.id).await?;
    send(&server, &campaign, &headers, Command::Delete {}, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets how a campaign advances; it starts nothing
#[utoipa::path(
    patch, path = "/campaigns/{id}/mode", operation_id = "setMode", tag = "Campaigns", request_body = SetMode,
    params(CampaignPath, ("If-Match" = Option<String>, Header, description = "Only if the campaign is at this version: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$")),
    responses((status = 200, description = "The mode is set", body = ModeSet, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "precondition_failed"])))
)]
pub async fn set_mode(
    State(server): State<Server>,
    Path(path): Path<CampaignPath>,
    headers: HeaderMap,
    Body(SetMode { mode }): Body<SetMode>,
) -> Result<Response, Problem> {
    let campaign = server.campaign(&path.id).await?;
    let receipt = send(&server, &campaign, &headers, Command::SetMode { mode }, None).await?;
    let campaign_id = receipt.campaign_id.to_string();
    Ok((etag(receipt.version.0), Json(ModeSet { campaign_id, mode })).into_response())
}

/// Checks every remaining phase
#[utoipa::path(
    get, path = "/campaigns/{id}/preflight", operation_id = "preflight", tag = "Campaigns", params(CampaignPath),
    responses((status = 200, description = "What is missing, if anything is", body = components::Preflight)),
    extensions(("x-codes" = json!(["not_found", "invalid_name"])))
)]
pub async fn preflight(
    State(server): State<Server>,
    Path(path): Path<CampaignPath>,
) -> Result<Json<PreflightReport>, Problem> {
    Ok(Json(server.campaign(&path.id).await?.preflight().await?))
}

/// Sends a command, under `If-Match` of the campaign and, with the name of its route, an idempotency key.
pub async fn send(
    server: &Server,
    campaign: &CampaignHandle,
    headers: &HeaderMap,
    command: Command,
    route: Option<&str>,
) -> Result<phasegate::Receipt, Problem> {
    let key = match route {
        Some(route) => idempotency_key(headers, route)?,
        None => None,
    };
    let id = campaign.id();
    let precondition = match Condition::of(headers)? {
        Condition::None | Condition::Exists => None,
        // The campaign exists, since there is a handle to it.
        Condition::Absent => Some(Precondition::Version(Version(0))),
        Condition::OneOf(tags) => {
            let now = campaign.view().await?.version;
            let named = tags.iter().map(|tag| Version(tag.0)).find(|tag| *tag == now);
            let first = tags.first().map(|tag| Version(tag.0));
            Some(Precondition::Version(named.or(first).unwrap_or_default()))
        }
    };
    let engine = server.engine();
    let receipt = match precondition {
        Some(precondition) => engine.command_if(id, command, key, precondition).await,
        None => engine.command(id, command, key).await,
    };
    Ok(receipt?)
}
