//! Resources: personas, proxies, and other kinds of the pipelines. Secrets are never read back.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use phasegate::Engine;
use phasegate::core::{ResourceId, ResourceRef};
use phasegate::storage::Resource as Stored;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use crate::asked::{By, WriteHeaders};
use crate::extract::{Body, Condition, Path, Query, etag, idempotency_key, limit};
use crate::problem::Problem;
use crate::server::Server;
use crate::shapes::{Resource, ResourcePage};

/// How many users of a resource are named.
const MOST_USERS: usize = 100;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct KindPath {
    /// The kind.
    #[param(pattern = "^[a-z][a-z0-9_]{0,62}$", example = "dns_persona")]
    kind: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ResourcePath {
    /// The kind.
    #[param(pattern = "^[a-z][a-z0-9_]{0,62}$", example = "dns_persona")]
    pub kind: String,
    /// The resource's id within its kind.
    #[param(pattern = "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$", example = "careful")]
    pub id: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Where the page before ended.
    #[param(pattern = "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$")]
    cursor: Option<String>,
    /// At most so many; 100 unless given.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

/// Lists the resources of a kind in the order of their ids
#[utoipa::path(
    get, path = "/resources/{kind}", operation_id = "listResources", tag = "Resources", params(KindPath, ListQuery),
    responses((status = 200, description = "A page of resources, without their secrets", body = ResourcePage)),
    extensions(("x-codes" = json!(["unknown_resource_kind", "invalid_name"])))
)]
pub async fn list(
    State(server): State<Server>,
    Path(path): Path<KindPath>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ResourcePage>, Problem> {
    let size = limit(query.limit.as_deref(), 100, 1_000)?;
    let engine = server.engine();
    // This refuses an unknown kind. The list would only be empty.
    engine.secrets(&path.kind, &Value::Null)?;
    let found = engine
        .resources(&path.kind, query.cursor.as_deref(), size)
        .await?;
    let full = found.len() == size;
    let next_cursor = found
        .last()
        .filter(|_| full)
        .map(|last| last.resource.id.to_string());
    let items = found
        .into_iter()
        .map(|one| shown(engine, one))
        .collect::<Result<_, _>>()?;
    Ok(Json(ResourcePage { items, next_cursor }))
}

/// Shows a resource's document, without its secrets
#[utoipa::path(
    get, path = "/resources/{kind}/{id}", operation_id = "showResource", tag = "Resources", params(ResourcePath),
    responses((status = 200, description = "Its document, which may be stored again as it is: a secret that is left out is kept", body = Value,
        headers(("ETag" = String, description = "Its revision")))),
    extensions(("x-codes" = json!(["unknown_resource_kind", "resource_not_found", "invalid_name"])))
)]
pub async fn show(State(server): State<Server>, Path(path): Path<ResourcePath>) -> Result<Response, Problem> {
    let engine = server.engine();
    let stored = engine
        .resource(&path.kind, &path.id)
        .await?
        .ok_or_else(|| missing(&path))?;
    let revision = stored.revision;
    Ok((etag(revision.0), Json(shown(engine, stored)?.document)).into_response())
}

/// Stores a resource, if its document is valid
#[utoipa::path(
    put, path = "/resources/{kind}/{id}", operation_id = "storeResource", tag = "Resources",
    params(ResourcePath, WriteHeaders,
        ("If-Match" = Option<String>, Header, description = "Only if it is at this revision: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$"),
        ("If-None-Match" = Option<String>, Header, description = "*: only if there is none", pattern = "^\\*$")),
    request_body(content = Value, description = "The document, under the schema of its kind. A `writeOnly` member that is left out keeps its stored value; null takes it away."),
    responses(
        (status = 200, description = "It is stored", body = Resource, headers(("ETag" = String, description = "Its revision"))),
        (status = 201, description = "It is stored, and there was none before", body = Resource, headers(("ETag" = String, description = "Its revision")))),
    extensions(("x-codes" = json!(["unknown_resource_kind", "invalid_name", "resource_invalid", "precondition_failed"])))
)]
pub async fn store(
    State(server): State<Server>,
    Path(path): Path<ResourcePath>,
    By(envelope): By,
    headers: HeaderMap,
    Body(mut document): Body<Value>,
) -> Result<Response, Problem> {
    let engine = server.engine();
    let condition = Condition::of(&headers)?;
    let before = engine.resource(&path.kind, &path.id).await?;
    let revision = before.as_ref().map(|before| before.revision);
    let mut expected = condition.expected(revision)?;
    if let Some(before) = &before {
        let secrets = engine.secrets(&path.kind, &before.document)?;
        if keep_secrets(&before.document, &mut document, &secrets) && condition == Condition::None {
            // The kept secrets are those of this revision, so no later one may be replaced.
            expected = phasegate::storage::Expected::Revision(before.revision);
        }
    }
    let revision = engine
        .put_resource_with(&path.kind, &path.id, document, expected, envelope)
        .await?;
    let status = if before.is_some() {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let stored = engine
        .resource(&path.kind, &path.id)
        .await?
        .ok_or_else(|| missing(&path))?;
    Ok((status, etag(revision.0), Json(shown(engine, stored)?)).into_response())
}

/// Deletes a resource that no remaining phase of any campaign refers to
#[utoipa::path(
    delete, path = "/resources/{kind}/{id}", operation_id = "deleteResource", tag = "Resources",
    params(ResourcePath, WriteHeaders, ("If-Match" = Option<String>, Header, description = "Only if it is at this revision: entity tags (RFC 9110), or *", pattern = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$")),
    responses((status = 204, description = "There is none now")),
    extensions(("x-codes" = json!(["unknown_resource_kind", "resource_not_found", "invalid_name", "resource_in_use", "precondition_failed"])))
)]
pub async fn remove(
    State(server): State<Server>,
    Path(path): Path<ResourcePath>,
    By(envelope): By,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let engine = server.engine();
    let stored = engine
        .resource(&path.kind, &path.id)
        .await?
        .ok_or_else(|| missing(&path))?;
    let expected = Condition::of(&headers)?.expected(Some(stored.revision))?;
    let users = engine.resource_users(&path.kind, &path.id, MOST_USERS).await?;
    if !users.is_empty() {
        let named: Vec<_> = users
            .iter()
            .take(3)
            .map(|user| format!("{} of {}", user.phase, user.name))
            .collect();
        let more = if users.len() > named.len() {
            ", and others"
        } else {
            ""
        };
        let detail = format!(
            "{} is used by {}{more}: configure those phases anew, or delete their campaigns",
            stored.resource,
            named.join(", ")
        );
        return Err(Problem::new("resource_in_use", detail).with("usedBy", json!(users)));
    }
    engine
        .delete_resource_with(&path.kind, &path.id, expected, envelope)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes one real look-up or request with a resource, and gives what came back
#[utoipa::path(
    post, path = "/resources/{kind}/{id}/probe", operation_id = "probeResource", tag = "Resources",
    params(ResourcePath, ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to be sent again", min_length = 1, max_length = 128, pattern = "^[!-~]+$")),
    request_body(content = Value, description = "What to try, under the `probeSchema` of its kind, such as which domain"),
    responses((status = 200, description = "What came back, whatever it was", body = Value)),
    extensions(("x-codes" = json!([
        "unknown_resource_kind", "resource_not_found", "invalid_name", "probe_unsupported", "probe_input_invalid", "probe_failed",
        "idempotency_key_reused"
    ])))
)]
pub async fn probe(
    State(server): State<Server>,
    Path(path): Path<ResourcePath>,
    headers: HeaderMap,
    Body(input): Body<Value>,
) -> Result<Json<Value>, Problem> {
    let engine = server.engine();
    // A key of the store has no campaign, so the resource is part of its route.
    let resource = Sha256::digest(format!("{}/{}", path.kind, path.id));
    let scope: String = resource[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let Some(key) = idempotency_key(&headers, &format!("probe:{scope}"))? else {
        return Ok(Json(engine.probe(&path.kind, &path.id, input).await?));
    };
    let request = json!({ "kind": path.kind, "id": path.id, "input": input });
    let work = {
        let engine = engine.clone();
        async move { engine.probe(&path.kind, &path.id, input).await }
    };
    Ok(Json(engine.once(key, &request, work).await?))
}

pub(crate) fn missing(path: &ResourcePath) -> Problem {
    Problem::new(
        "resource_not_found",
        format!("there is no {} {}", path.kind, path.id),
    )
    .with("resource", json!({ "kind": path.kind, "id": path.id }))
}

/// A resource without its secrets.
fn shown(engine: &Engine, stored: Stored) -> Result<Resource, Problem> {
    let enabled = stored.is_enabled();
    let Stored {
        resource: ResourceRef { kind, id },
        revision,
        mut document,
    } = stored;
    let secrets = engine.conceal(kind.as_str(), &mut document, |_, _| None)?;
    Ok(Resource {
        kind: kind.to_string(),
        id: ResourceId::to_string(&id),
        revision: revision.0,
        enabled,
        document,
        secrets,
    })
}

fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Adds to `new` the secrets of `stored` that it leaves out, and removes those that it sets to null. Returns whether any was kept.
fn keep_secrets(stored: &Value, new: &mut Value, secrets: &std::collections::BTreeSet<String>) -> bool {
    let mut kept = false;
    for place in secrets {
        let Some((parent, member)) = place.rsplit_once('/') else {
            continue;
        };
        let (Some(secret), Some(Value::Object(members))) = (stored.pointer(place), new.pointer_mut(parent))
        else {
            continue;
        };
        let member = unescaped(member);
        match members.get(&member) {
            Some(Value::Null) => {
                members.remove(&member);
            }
            Some(_) => {}
            None => {
                members.insert(member, secret.clone());
                kept = true;
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_left_out_is_kept_and_null_takes_it_away() {
        let stored = json!({"host": "a", "auth": {"pass/word": "s"}});
        let secrets = ["/auth/pass~1word".to_owned()].into();
        let after = |mut new: Value| {
            keep_secrets(&stored, &mut new, &secrets);
            new
        };
        assert_eq!(
            after(json!({"host": "b", "auth": {}})),
            json!({"host": "b", "auth": {"pass/word": "s"}})
        );
        assert_eq!(after(json!({"auth": {"pass/word": null}})), json!({"auth": {}}));
        assert_eq!(
            after(json!({"auth": {"pass/word": "t"}})),
            json!({"auth": {"pass/word": "t"}})
        );
        assert_eq!(after(json!({"host": "b"})), json!({"host": "b"}));
        assert_eq!(after(json!([1])), json!([1]));
    }
}
