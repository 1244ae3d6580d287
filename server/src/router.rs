//! The router of a server: its paths, and the checks of every request.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tower_http::catch_panic::CatchPanicLayer;

use crate::extract::Query;
use crate::guard::{check_host, check_origin};
use crate::problem::Problem;
use crate::server::Server;
use crate::{console, metrics, openapi, routes};

impl Server {
    /// The API and the paths beside it, to mount in an app or to serve by [`serve`](crate::serve).
    ///
    /// The rules of [access](crate::Access), [hosts](crate::Hosts) and bodies apply wherever it is mounted. Limits on connections (their number,
    /// header sizes, times) belong to the code that accepts them; `serve` sets them.
    pub fn router(&self) -> Router {
        let (api, document) = routes::router();
        let open = Router::new()
            .route("/healthz", axum::routing::get(routes::healthz))
            .route("/login", axum::routing::get(login))
            .merge(console::router());
        let mut guarded = Router::new()
            .merge(api)
            .merge(routes::document(openapi::to_json(document)));
        if self.metrics().is_some() {
            guarded = guarded.route("/metrics", axum::routing::get(show_metrics));
        }
        let guarded = guarded
            .fallback(routes::nowhere)
            .method_not_allowed_fallback(routes::no_such_method)
            .layer(middleware::from_fn_with_state(self.clone(), admit));
        let open = open.method_not_allowed_fallback(routes::no_such_method);
        open.merge(guarded)
            .layer(middleware::from_fn_with_state(self.clone(), guard))
            .layer(CatchPanicLayer::custom(|panic: Box<dyn std::any::Any + Send>| {
                let what = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied());
                tracing::error!(panic = what.unwrap_or("of an unknown kind"), "a request panicked");
                Problem::new(
                    "internal_error",
                    "something went wrong here: the server's log says what",
                )
                .into_response()
            }))
            .layer(middleware::from_fn(metrics::observe))
            .with_state(self.clone())
    }
}

/// The checks and headers of every request and answer.
async fn guard(State(server): State<Server>, request: Request, next: Next) -> Response {
    let checked = check_host(server.hosts(), &request).and_then(|()| check_origin(&request));
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Lets requests with the token pass.
async fn admit(State(server): State<Server>, request: Request, next: Next) -> Response {
    match server.session() {
        Some(session) if !session.admits(request.headers()) => unauthorized().into_response(),
        _ => next.run(request).await,
    }
}

fn unauthorized() -> Problem {
    Problem::new(
        "unauthorized",
        "the token is missing or wrong: send it as 'Authorization: Bearer TOKEN', or open the login link that the server printed",
    )
    .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"phasegate\""))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    token: String,
}

/// The login link: it turns the token into a cookie, which a script can't read, and removes it from the address.
async fn login(State(server): State<Server>, Query(login): Query<Login>) -> Result<Response, Problem> {
    let Some(session) = server.session() else {
        return Ok((StatusCode::SEE_OTHER, [(header::LOCATION, "./")]).into_response());
    };
    let cookie = session.cookie(&login.token).ok_or_else(unauthorized)?;
    let headers = [
        (header::LOCATION, "./".to_owned()),
        (header::SET_COOKIE, cookie.to_string()),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// The metrics, in the text form of Prometheus.
async fn show_metrics(State(server): State<Server>) -> Result<Response, Problem> {
    let Some(handle) = server.metrics() else {
        return Err(Problem::new("route_not_found", "there are no metrics here"));
    };
    server.count_campaigns().await?;
    handle.run_upkeep();
    let text = handle.render();
    Ok((
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response())
}
