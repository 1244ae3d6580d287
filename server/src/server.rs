//! The server: an engine with its access rules and limits.

use std::sync::Arc;

use axum::http::{HeaderValue, header};
use metrics_exporter_prometheus::PrometheusHandle;
use phasegate::{CampaignHandle, Engine, EngineError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::extract::campaign_id;
use crate::guard::{Hosts, Session, Token};
use crate::metrics::CampaignCounts;
use crate::problem::Problem;

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

    /// The session that callers must have; `None` if everybody may use it.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.shared.session.as_ref()
    }

    /// The hosts that it answers for.
    pub(crate) fn hosts(&self) -> &Hosts {
        &self.shared.hosts
    }

    /// The metrics to show, if any.
    pub(crate) fn metrics(&self) -> Option<&PrometheusHandle> {
        self.shared.metrics.as_ref()
    }

    /// Updates the gauges of campaigns by status.
    pub(crate) async fn count_campaigns(&self) -> Result<(), EngineError> {
        self.shared.counts.lock().await.take(self.engine()).await
    }

    /// Ends every stream, and makes [`serve`](crate::serve) end. The engine goes on: shut it down after that.
    pub fn close(&self) {
        self.shared.closing.cancel();
    }

    /// Cancelled by [`close`](Self::close).
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.shared.closing
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
