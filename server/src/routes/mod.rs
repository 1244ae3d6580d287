//! The calls, with a file for each kind of thing. A new call is a function with its `utoipa::path`, and an entry in [`router`],
//! which makes both the router and the document.

mod campaigns;
mod commands;
mod configs;
mod events;
mod list;
mod pipelines;
mod preflight;
mod records;
mod resources;
mod retry;
mod runs;

use axum::extract::{Request, State};
use axum::middleware;
use axum::{Json, Router};
pub use records::{NDJSON, Records};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::metrics::name_route;
use crate::prefix::PREFIX;
use crate::problem::Problem;
use crate::server::Server;
use crate::shapes;

/// Every call under [`PREFIX`], and their document.
pub fn router() -> (Router<Server>, OpenApi) {
    let calls = OpenApiRouter::with_openapi(schemas())
        .routes(routes!(list::list, campaigns::create))
        .routes(routes!(campaigns::show, campaigns::describe, campaigns::delete))
        .routes(routes!(campaigns::set_mode))
        .routes(routes!(preflight::of_campaign))
        .routes(routes!(preflight::of_plan))
        .routes(routes!(configs::show, configs::store, configs::remove))
        .routes(routes!(configs::list, configs::store_all))
        .routes(routes!(retry::set, retry::remove))
        .routes(routes!(commands::start))
        .routes(routes!(commands::restart))
        .routes(routes!(commands::skip))
        .routes(routes!(commands::unskip))
        .routes(routes!(commands::prune))
        .routes(routes!(commands::pause))
        .routes(routes!(commands::resume))
        .routes(routes!(commands::stop))
        .routes(routes!(runs::list))
        .routes(routes!(records::list))
        .routes(routes!(events::of_campaign))
        .routes(routes!(events::of_store))
        .routes(routes!(resources::list))
        .routes(routes!(resources::show, resources::store, resources::remove))
        .routes(routes!(resources::probe))
        .routes(routes!(pipelines::list))
        .routes(routes!(pipelines::show))
        .routes(routes!(pipelines::schema));
    let (router, document) = OpenApiRouter::new().nest(PREFIX, calls).split_for_parts();
    (router.route_layer(middleware::from_fn(name_route)), document)
}

/// The shapes that no body or answer names.
fn schemas() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(components(schemas(shapes::Problem)))]
    struct Shapes;
    <Shapes as utoipa::OpenApi>::openapi()
}

/// The document itself.
pub fn document(document: Value) -> Router<Server> {
    let show = axum::routing::get(move || std::future::ready(Json(document.clone())));
    Router::new().route(&format!("{PREFIX}/openapi.json"), show)
}

/// The answer to an unknown path.
pub async fn nowhere(request: Request) -> Problem {
    let path = request.uri().path();
    Problem::new(
        "route_not_found",
        format!("there is nothing at {path}: {PREFIX}/openapi.json lists every call"),
    )
}

/// The answer to a method that a path doesn't have.
pub async fn no_such_method(request: Request) -> Problem {
    let (method, path) = (request.method(), request.uri().path());
    Problem::new(
        "method_not_allowed",
        format!("{method} is not a method of {path}: see the header Allow"),
    )
}

/// Tells a monitor whether the server and its store work, and nothing else. It needs no token.
pub async fn healthz(State(server): State<Server>) -> Result<Json<Value>, Problem> {
    server
        .engine()
        .storage()
        .latest()
        .await
        .map_err(phasegate::EngineError::from)?;
    Ok(Json(json!({ "status": "ok" })))
}
