//! Creating, showing, describing, switching and deleting campaigns.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use phasegate::core::{Command, Version};
use phasegate::{CampaignHandle, Receipt};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::as_object::AsObject;
use crate::asked::{Asked, Order, TrialQuery, WriteHeaders};
use crate::campaign_body::body;
use crate::components;
use crate::extract::{Body, Path, Query, etag};
use crate::prefix::PREFIX;
use crate::problem::Problem;
use crate::server::Server;
use crate::shapes::{Describe, ModeSet, NewCampaign, ReceiptBody, SetMode};

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
pub struct ShowQuery {
    /// Shows it as it was after the event with this number. Its configs are those of that time, checked as they would be now; the
    /// counts of records are those of now.
    #[param(value_type = Option<u64>, minimum = 1)]
    at: Option<String>,
}

/// Creates a campaign, with its configs, in one commit
#[utoipa::path(
    post, path = "/campaigns", operation_id = "createCampaign", tag = "Campaigns", request_body = NewCampaign,
    params(WriteHeaders, TrialQuery,
        ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to be sent again", min_length = 1, max_length = 128, pattern = "^[!-~]+$")),
    responses((status = 201, description = "It is created", body = ReceiptBody,
        headers(("Location" = String, description = "Where it is"), ("ETag" = String, description = "Its version")))),
    extensions(("x-codes" = json!([
        "invalid_name", "invalid_attribute", "invalid_retry", "unknown_pipeline@400", "pipeline_not_named", "unknown_phase@400", "config_invalid",
        "skip_forbidden", "nothing_left", "idempotency_key_reused"
    ])))
)]
pub async fn create(
    State(server): State<Server>,
    asked: Asked,
    Body(AsObject(new)): Body<AsObject<NewCampaign>>,
) -> Result<Response, Problem> {
    let created = |receipt: Receipt| {
        let location = format!("{PREFIX}/campaigns/{}", receipt.campaign_id);
        let tag = etag(receipt.version.0);
        let headers = [(header::LOCATION, location)];
        (
            StatusCode::CREATED,
            headers,
            tag,
            Json(ReceiptBody::from(receipt)),
        )
            .into_response()
    };
    asked.create(&server, new.into(), created).await
}

/// Shows a campaign
#[utoipa::path(
    get, path = "/campaigns/{id}", operation_id = "showCampaign", tag = "Campaigns", params(CampaignPath, ShowQuery),
    responses((status = 200, description = "The campaign", body = components::Campaign,
        headers(("ETag" = String, description = "Its version: it stands for the campaign itself, not for the resources that its configs name")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "version_not_found"])))
)]
pub async fn show(
    State(server): State<Server>,
    Path(path): Path<CampaignPath>,
    Query(query): Query<ShowQuery>,
) -> Result<Response, Problem> {
    let campaign = server.campaign(&path.id).await?;
    let view = match query.at {
        None => campaign.view().await?,
        Some(text) => {
            let at = text.parse().ok().filter(|at| *at > 0).map(Version);
            let at = at.ok_or_else(|| {
                Problem::new(
                    "invalid_parameter",
                    format!("at is not a whole number from 1: {text:?}"),
                )
            })?;
            let missing = || Problem::new("version_not_found", format!("the campaign has no event {at} yet"));
            campaign.at(at).await?.ok_or_else(missing)?
        }
    };
    let tag = etag(view.version.0);
    Ok((tag, Json(body(&server, view).await?)).into_response())
}

/// Gives a campaign another name, other attributes, or both
#[utoipa::path(
    patch, path = "/campaigns/{id}", operation_id = "describeCampaign", tag = "Campaigns", request_body = Describe,
    params(CampaignPath, WriteHeaders, TrialQuery, ("If-Match" = Option<String>, Header, description = "Only if the campaign is at this version: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$")),
    responses((status = 200, description = "It is described so", body = ReceiptBody, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "invalid_attribute", "precondition_failed"])))
)]
pub async fn describe(
    State(server): State<Server>,
    Path(path): Path<CampaignPath>,
    asked: Asked,
    Body(AsObject(Describe { name, attributes })): Body<AsObject<Describe>>,
) -> Result<Response, Problem> {
    let attributes = attributes.unwrap_or_default();
    let order = Order::new(Command::Describe { name, attributes });
    asked.answer(&server, &path.id, order, StatusCode::OK).await
}

/// Deletes a campaign with all its records; what runs of it is fenced
#[utoipa::path(
    delete, path = "/campaigns/{id}", operation_id = "deleteCampaign", tag = "Campaigns",
    params(CampaignPath, WriteHeaders, TrialQuery, ("If-Match" = Option<String>, Header, description = "Only if the campaign is at this version: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$")),
    responses((status = 204, description = "It is deleted")),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "precondition_failed"])))
)]
pub async fn delete(
    State(server): State<Server>,
    Path(path): Path<CampaignPath>,
    asked: Asked,
) -> Result<Response, Problem> {
    let deleted = async |_: &CampaignHandle, _| Ok(StatusCode::NO_CONTENT.into_response());
    asked
        .carry_out(&server, &path.id, Order::new(Command::Delete {}), deleted)
        .await
}

/// Sets how a campaign advances; it starts nothing
#[utoipa::path(
    patch, path = "/campaigns/{id}/mode", operation_id = "setMode", tag = "Campaigns", request_body = SetMode,
    params(CampaignPath, WriteHeaders, TrialQuery, ("If-Match" = Option<String>, Header, description = "Only if the campaign is at this version: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$")),
    responses((status = 200, description = "The mode is set", body = ModeSet, headers(("ETag" = String, description = "The campaign's version")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "precondition_failed"])))
)]
pub async fn set_mode(
    State(server): State<Server>,
    Path(path): Path<CampaignPath>,
    asked: Asked,
    Body(AsObject(SetMode { mode })): Body<AsObject<SetMode>>,
) -> Result<Response, Problem> {
    let set = async |_: &CampaignHandle, receipt: Receipt| {
        let campaign_id = receipt.campaign_id.to_string();
        Ok((etag(receipt.version.0), Json(ModeSet { campaign_id, mode })).into_response())
    };
    asked
        .carry_out(&server, &path.id, Order::new(Command::SetMode { mode }), set)
        .await
}
