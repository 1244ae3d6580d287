//! The server: an engine with its access rules and limits.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use phasegate::{CampaignHandle, Engine};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::console;
use crate::extract::{Query, campaign_id};
use crate::guard::{Hosts, Session, Token, check_host, check_origin};
use crate::metrics::{self, CampaignCounts};
use crate::openapi;
use crate::problem::Problem;
use crate::routes;

/// Who may use the API.
#[derive(Clone, Debug)]
pub enum Access {
    /// Callers with the token.
    Token(Token),
    /// Everybody who reaches it. For a loopback address, or behind a host's own check.
    Open,
}

/// Limits on how much is served at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The most connections. Further ones wait until one is closed. The default is 1,024.
    pub connections: usize,
    /// The most streams of events and records. Further ones are refused with `too_many_streams`. The default is 256.
    pub streams: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            streams: 256,
        }
    }
}

/// Builds a server.
pub struct ServerBuilder {
    engine: Engine,
    access: Access,
    hosts: Hosts,
    limits: Limits,
    metrics: Option<PrometheusHandle>,
}

impl ServerBuilder {
    /// Sets who may use it. The default is everybody.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Sets the hosts that it answers for. The default is the loopback's hosts.
    #[must_use]
    pub fn hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = hosts;
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the metrics that `/metrics` shows. Without them the path doesn't exist.
    #[must_use]
    pub fn metrics(mut self, handle: PrometheusHandle) -> Self {
        self.metrics = Some(handle);
        self
    }

    /// Builds it. It launches nothing and opens no socket.
    pub fn build(self) -> Server {
        let session = match self.access {
            Access::Token(token) => Some(Session::new(token)),
            Access::Open => None,
        };
        Server {
            shared: Arc::new(ServerState {
                engine: self.engine,
                session,
                hosts: self.hosts,
                limits: self.limits,
                streams: Arc::new(Semaphore::new(self.limits.streams.min(Semaphore::MAX_PERMITS))),
                closing: CancellationToken::new(),
                metrics: self.metrics,
                counts: tokio::sync::Mutex::new(CampaignCounts::default()),
            }),
        }
    }
}

/// An engine's HTTP API. Cloning it is cheap; all clones are the same server.
#[derive(Clone)]
pub struct Server {
    shared: Arc<ServerState>,
}

struct ServerState {
    engine: Engine,
    session: Option<Session>,
    hosts: Hosts,
    limits: Limits,
    streams: Arc<Semaphore>,
    closing: CancellationToken,
    metrics: Option<PrometheusHandle>,
    counts: tokio::sync::Mutex<CampaignCounts>,
}

impl Server {
    /// Begins a server of this engine.
    pub fn builder(engine: Engine) -> ServerBuilder {
        ServerBuilder {
            engine,
            access: Access::Open,
            hosts: Hosts::loopback(),
            limits: Limits::default(),
            metrics: None,
        }
    }

    /// The engine that it serves.
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    pub(crate) fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// Ends every stream, and makes [`serve`](crate::serve) end. The engine goes on: shut it down after that.
    pub fn close(&self) {
        self.shared.closing.cancel();
    }

    /// Cancelled by [`close`](Self::close).
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.shared.closing
    }

    /// The API and the paths beside it, to mount in an app or to serve by [`serve`](crate::serve).
    ///
    /// The rules of [access](Access), [hosts](Hosts) and bodies apply wherever it is mounted. Limits on connections (their number,
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
        if self.shared.metrics.is_some() {
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

    /// A handle to the campaign that a path names.
    pub(crate) async fn campaign(&self, id: &str) -> Result<CampaignHandle, Problem> {
        Ok(self.engine().campaign(campaign_id(id)?).await?)
    }

    /// The right to hold a stream open.
    pub(crate) fn stream_permit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.shared.streams).try_acquire_owned().map_err(|_| {
            let limit = self.shared.limits.streams;
            let detail =
                format!("{limit} streams are open, which is the limit: close some, or try again later");
            Problem::new("too_many_streams", detail)
                .header(header::RETRY_AFTER, HeaderValue::from_static("5"))
        })
    }
}

/// The checks and headers of every request and answer.
async fn guard(State(server): State<Server>, request: Request, next: Next) -> Response {
    let checked = check_host(&server.shared.hosts, &request).and_then(|()| check_origin(&request));
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
    match &server.shared.session {
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
    let Some(session) = &server.shared.session else {
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
    let Some(handle) = &server.shared.metrics else {
        return Err(Problem::new("route_not_found", "there are no metrics here"));
    };
    server.shared.counts.lock().await.take(server.engine()).await?;
    handle.run_upkeep();
    let text = handle.render();
    Ok((
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response())
}
