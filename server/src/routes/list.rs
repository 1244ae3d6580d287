//! Listing campaigns, and finding them by status, name and attributes.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use phasegate::core::{Attributes, Campaign};
use phasegate::storage::{ActivityKind, CampaignFilter, CampaignQuery, Order};
use phasegate::{CampaignId, CampaignStatus, CampaignView, EngineError};
use utoipa::IntoParams;

use crate::campaign_body::body;
use crate::components;
use crate::extract::{Query, campaign_id, limit};
use crate::problem::Problem;
use crate::server::Server;
use crate::shapes::{CampaignBody, CampaignPage};

/// At most this many campaigns are taken from the store for one page that is narrowed.
const MOST_LOOKED_AT: usize = 5_000;
/// How many of them are read at once.
const READ_AT_ONCE: usize = 250;
/// What is before the key of an attribute in the name of a parameter.
const ATTRIBUTE: &str = "attribute.";

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "the document's shape of parameters that are read one by one"
)]
pub struct ListQuery {
    /// Where the page before ended.
    #[param(format = Uuid)]
    cursor: Option<String>,
    /// At most so many; 100 unless given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
    /// `newest_first` or `oldest_first`; the newest come first unless given.
    #[param(pattern = "^(newest_first|oldest_first)$")]
    order: Option<String>,
    /// Only campaigns of this status.
    #[param(value_type = Option<components::CampaignStatus>)]
    status: Option<CampaignStatus>,
    /// Only campaigns with this text in their name; both are compared in lower case, by Unicode. At most a few thousand campaigns are
    /// looked at for one page: with a status, a name or an attribute a page may be short, or empty, and still have a `nextCursor`.
    name: Option<String>,
}

/// What campaigns are asked for.
#[derive(Debug, Default)]
struct Wanted {
    cursor: Option<CampaignId>,
    limit: Option<String>,
    order: Option<Order>,
    status: Option<CampaignStatus>,
    /// In lower case.
    name: Option<String>,
    attributes: Attributes,
}

impl Wanted {
    fn read(parameters: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut wanted = Self::default();
        for (name, value) in parameters {
            let again = match name.as_str() {
                "cursor" => wanted.cursor.replace(campaign_id(&value)?).is_some(),
                "limit" => wanted.limit.replace(value).is_some(),
                "order" => {
                    let order = match value.as_str() {
                        "newest_first" => Order::NewestFirst,
                        "oldest_first" => Order::OldestFirst,
                        other => return Err(wrong(format!("there is no order {other:?}"))),
                    };
                    wanted.order.replace(order).is_some()
                }
                "status" => {
                    let status = CampaignStatus::from_word(&value);
                    let status = status.ok_or_else(|| wrong(format!("there is no status {value:?}")))?;
                    wanted.status.replace(status).is_some()
                }
                "name" => wanted.name.replace(lower_case(&value)).is_some(),
                other => match other.strip_prefix(ATTRIBUTE) {
                    Some(key) => wanted.attributes.insert(key.to_owned(), value).is_some(),
                    None => return Err(wrong(format!("there is no parameter {other}"))),
                },
            };
            if again {
                return Err(wrong(format!("{name} is there more than once")));
            }
        }
        Ok(wanted)
    }

    /// Whether a page of the store may hold campaigns that are not wanted, or be short.
    fn is_narrowed(&self) -> bool {
        self.status.is_some() || self.name.is_some() || !self.attributes.is_empty()
    }

    fn filter(&self) -> CampaignFilter {
        CampaignFilter {
            activity: self.status.and_then(activity),
            attributes: self.attributes.clone(),
            ..CampaignFilter::default()
        }
    }

    /// The campaign as it is shown, if it is wanted.
    async fn shown(&self, server: &Server, campaign: &Campaign) -> Result<Option<CampaignBody>, Problem> {
        let name = self.name.as_ref();
        if !name.is_none_or(|name| lower_case(&campaign.name).contains(name)) {
            return Ok(None);
        }
        match self.checked(server, campaign).await {
            // It was deleted after the page was read.
            Err(EngineError::NotFound { .. }) | Ok(None) => Ok(None),
            Ok(Some(view)) => Ok(Some(body(server, view).await?)),
            Err(error) => Err(error.into()),
        }
    }

    async fn checked(
        &self,
        server: &Server,
        campaign: &Campaign,
    ) -> Result<Option<CampaignView>, EngineError> {
        let engine = server.engine();
        if let Some(status) = self.status
            && engine.status(campaign).await?.status != status
        {
            return Ok(None);
        }
        let view = engine.campaign(campaign.id).await?.view().await?;
        // It may have changed after the page was read.
        Ok(self
            .status
            .is_none_or(|status| status == view.status)
            .then_some(view))
    }
}

/// Lists campaigns
#[utoipa::path(
    get, path = "/campaigns", operation_id = "listCampaigns", tag = "Campaigns", params(ListQuery),
    responses((status = 200, description = "A page of campaigns. Every query parameter `attribute.KEY=VALUE` keeps the campaigns whose attribute KEY is VALUE.",
        body = components::CampaignPage)),
    extensions(("x-codes" = json!(["invalid_name"])))
)]
pub async fn list(
    State(server): State<Server>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let wanted = Wanted::read(parameters)?;
    let size = limit(wanted.limit.as_deref(), 100, 1_000)?;
    let mut after = wanted.cursor;
    let mut page = CampaignPage {
        items: Vec::new(),
        next_cursor: None,
    };
    let mut looked_at = 0;
    loop {
        let read = match wanted.is_narrowed() {
            true => READ_AT_ONCE.min(MOST_LOOKED_AT - looked_at),
            false => size - page.items.len(),
        };
        let found = server
            .engine()
            .storage()
            .campaigns(CampaignQuery {
                filter: wanted.filter(),
                order: wanted.order.unwrap_or(Order::NewestFirst),
                after,
                limit: read,
            })
            .await
            .map_err(EngineError::from)?;
        looked_at += match found.next {
            // The store has looked at many to find few.
            Some(_) if found.items.len() < read => MOST_LOOKED_AT,
            _ => found.items.len(),
        };
        let last = found.items.len();
        let mut seen = 0;
        for campaign in &found.items {
            seen += 1;
            after = Some(campaign.id);
            if let Some(body) = wanted.shown(&server, campaign).await? {
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
        if page.items.len() == size {
            page.next_cursor = after;
            break;
        }
        after = found.next;
        if looked_at >= MOST_LOOKED_AT {
            page.next_cursor = after;
            break;
        }
    }
    Ok(Json(page).into_response())
}

fn wrong(why: String) -> Problem {
    Problem::new("invalid_parameter", why)
}

/// A text in lower case, each character by itself. So a part of a text stays a part of it, also with a Greek final sigma.
fn lower_case(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
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
