//! The server's metrics. `/metrics` shows them with those of the engine and its store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use phasegate::core::Campaign;
use phasegate::storage::{CampaignQuery, Cursor, EventScope};
use phasegate::{CampaignId, CampaignStatus, Engine, EngineError};
use tracing::Instrument;

const REQUESTS: &str = "phasegate_http_requests_total";
const REQUEST_SECONDS: &str = "phasegate_http_request_seconds";
const SSE_CLIENTS: &str = "phasegate_sse_clients";
const CAMPAIGNS: &str = "phasegate_campaigns";

/// Installs a recorder of this process's metrics, for [`ServerBuilder::metrics`](crate::ServerBuilder::metrics) to show.
///
/// Later calls give the same handle. `None` if the host has installed its own recorder, which then gets these metrics too.
pub fn install_metrics() -> Option<PrometheusHandle> {
    static INSTALLED: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    INSTALLED
        .get_or_init(|| {
            let seconds = [
                0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
            ];
            let long = [0.1, 1.0, 10.0, 60.0, 300.0, 1_800.0, 7_200.0, 43_200.0];
            let counts = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
            let recorder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Full("phasegate_phase_seconds".to_owned()), &long)
                .and_then(|builder| {
                    builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
                })
                .and_then(|builder| {
                    builder.set_buckets_for_metric(Matcher::Suffix("_writes".to_owned()), &counts)
                });
            let recorder = recorder.expect("the buckets are not empty").build_recorder();
            let handle = recorder.handle();
            metrics::set_global_recorder(recorder).ok()?;
            describe();
            Some(handle)
        })
        .clone()
}

fn describe() {
    phasegate::describe_metrics();
    describe_counter!(REQUESTS, "Requests answered, by method, route and status");
    describe_histogram!(
        REQUEST_SECONDS,
        "Seconds from a request's headers to its answer's"
    );
    describe_gauge!(SSE_CLIENTS, "Event streams that are open");
    describe_gauge!(CAMPAIGNS, "Campaigns in the store, by status");
}

/// Counts an open event stream while it lives.
pub(crate) struct SseClient(());

impl SseClient {
    pub(crate) fn new() -> Self {
        gauge!(SSE_CLIENTS).increment(1.0);
        Self(())
    }
}

impl Drop for SseClient {
    fn drop(&mut self) {
        gauge!(SSE_CLIENTS).decrement(1.0);
    }
}

/// Measures and traces each request. The query is left out, since the login link has the token there.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let campaign = campaign_in(&path);
    let span = tracing::info_span!(
        "request",
        %method,
        path,
        campaign = campaign.map(tracing::field::display),
        status = tracing::field::Empty
    );
    async {
        let response = next.run(request).await;
        let status = response.status().as_u16();
        let span = tracing::Span::current();
        span.record("status", status);
        let created = response.headers().get(header::LOCATION);
        if let Some(id) = created.and_then(|location| campaign_in(location.to_str().ok()?)) {
            span.record("campaign", tracing::field::display(id));
        }
        let seconds = begun.elapsed().as_secs_f64();
        tracing::debug!(seconds, "answered");
        // The pattern of the path is the label: with ids every path would be its own series.
        let route = response
            .extensions()
            .get::<Route>()
            .map_or("none", |route| &route.0)
            .to_owned();
        let method = method_label(&method);
        counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status.to_string())
            .increment(1);
        histogram!(REQUEST_SECONDS, "method" => method, "route" => route).record(seconds);
        response
    }
    .instrument(span)
    .await
}

/// The campaign that a path is about.
fn campaign_in(path: &str) -> Option<CampaignId> {
    let (_, rest) = path.split_once("/campaigns/")?;
    rest.split('/').next()?.parse().ok()
}

/// The label of a method. Invented methods share one label.
fn method_label(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

#[derive(Clone)]
struct Route(String);

/// Tells [`observe`], outside the router, which route was taken.
pub(crate) async fn name_route(path: MatchedPath, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Route(path.as_str().to_owned()));
    response
}

/// The number of campaigns in each status: counted once, then updated from the log.
#[derive(Default)]
pub(crate) struct CampaignCounts {
    statuses: HashMap<CampaignId, CampaignStatus>,
    /// The chains that rest between two phases. They are read each time: a chain may wait for a resource, whose changes are in no
    /// campaign's log.
    resting: BTreeSet<CampaignId>,
    after: Option<Cursor>,
    began: bool,
}

impl CampaignCounts {
    /// Updates the gauges.
    pub(crate) async fn take(&mut self, engine: &Engine) -> Result<(), EngineError> {
        if !self.began {
            // Read before the count, so that later events are looked at again.
            self.after = engine.storage().latest().await?;
            self.count_all(engine).await?;
            self.began = true;
        }
        let mut events = engine.events(EventScope::Store, self.after.clone());
        let mut changed = self.resting.clone();
        while let Some(event) = events.next_if_any().await? {
            changed.extend(event.campaign_id);
        }
        for id in changed {
            self.look_at(engine, id).await?;
        }
        // Set only now, so that a failed look is repeated the next time.
        self.after = events.cursor().cloned();
        let mut counts: BTreeMap<CampaignStatus, u64> = BTreeMap::new();
        for status in self.statuses.values() {
            *counts.entry(*status).or_default() += 1;
        }
        for status in CampaignStatus::ALL {
            let count = counts.get(status).copied().unwrap_or(0);
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            gauge!(CAMPAIGNS, "status" => status.as_str()).set(count as f64);
        }
        Ok(())
    }

    async fn count_all(&mut self, engine: &Engine) -> Result<(), EngineError> {
        let mut query = CampaignQuery {
            limit: 1_000,
            ..CampaignQuery::default()
        };
        loop {
            let page = engine.storage().campaigns(query.clone()).await?;
            for campaign in &page.items {
                self.count(engine, campaign).await?;
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn look_at(&mut self, engine: &Engine, id: CampaignId) -> Result<(), EngineError> {
        match engine.storage().campaign(id).await?.campaign {
            Some(campaign) => self.count(engine, &campaign).await,
            None => {
                self.leave_out(id);
                Ok(())
            }
        }
    }

    async fn count(&mut self, engine: &Engine, campaign: &Campaign) -> Result<(), EngineError> {
        let id = campaign.id;
        let now = match engine.status(campaign).await {
            Ok(now) => now,
            // It was deleted after it was read.
            Err(EngineError::NotFound { .. }) => {
                self.leave_out(id);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        match now.checked {
            Some(_) => self.resting.insert(id),
            None => self.resting.remove(&id),
        };
        self.statuses.insert(id, now.status);
        Ok(())
    }

    fn leave_out(&mut self, id: CampaignId) {
        self.resting.remove(&id);
        self.statuses.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasegate::storage::Expected;
    use phasegate::{CampaignHandle, Mode, NewCampaign, PhaseDefinition, PhaseName, Pipeline};
    use phasegate_testkit::{MemoryStorage, Stage};
    use serde_json::json;

    /// An engine, and a chain of it that rests after the first of its two phases, of which the second uses the note `first`.
    async fn resting_chain() -> (Engine, CampaignHandle) {
        let stage = Stage::default();
        let definition = |name| {
            PhaseDefinition::new(
                PhaseName::new(name).expect("a valid name"),
                json!({
                    "type": "object",
                    "properties": { "noteId": { "type": "string", "x-phasegate-resource": "note" } }
                }),
            )
        };
        let pipeline = Pipeline::builder("letters")
            .resource_kind("note", "Note", json!({ "type": "object" }))
            .runner(definition("collect"), stage.runner())
            .runner(definition("send"), stage.runner())
            .build()
            .expect("a valid pipeline");
        let engine = Engine::builder()
            .storage(MemoryStorage::new())
            .pipeline(pipeline)
            .build()
            .expect("an engine");
        put_note(&engine, true).await;
        let new = NewCampaign::new("spring")
            .config("collect", json!({}))
            .config("send", json!({ "noteId": "first" }));
        let campaign = engine.create(new).await.expect("it is created");
        campaign.start("collect").await.expect("it starts");
        let running = engine.storage().campaign(campaign.id()).await;
        let running = running.expect("the store works").campaign.expect("it is there");
        let ticket = running.ticket().expect("it runs");
        stage.complete(&ticket, json!(null)).await;
        campaign.at_rest().await.expect("the store works");
        campaign.set_mode(Mode::FullSequence).await.expect("it is set");
        (engine, campaign)
    }

    async fn put_note(engine: &Engine, enabled: bool) {
        let document = json!({ "enabled": enabled });
        let stored = engine
            .put_resource("note", "first", document, Expected::Any)
            .await;
        stored.expect("it is stored");
    }

    #[tokio::test]
    async fn a_chain_that_a_resource_makes_wait_is_counted_so_without_an_event() {
        let (engine, campaign) = resting_chain().await;
        let mut counts = CampaignCounts::default();
        let mut status = async || {
            counts.take(&engine).await.expect("the store works");
            counts.statuses[&campaign.id()]
        };
        assert_eq!(status().await, CampaignStatus::Idle);
        put_note(&engine, false).await;
        assert_eq!(status().await, CampaignStatus::WaitingForConfiguration);
        put_note(&engine, true).await;
        assert_eq!(status().await, CampaignStatus::Idle);
        let deleted = engine.delete_resource("note", "first", Expected::Any).await;
        deleted.expect("it is deleted");
        assert_eq!(status().await, CampaignStatus::WaitingForConfiguration);
    }

    #[tokio::test]
    async fn only_chains_that_rest_between_two_phases_are_looked_at_each_time() {
        let (engine, campaign) = resting_chain().await;
        let other = engine.create(NewCampaign::new("summer").mode(Mode::FullSequence));
        other.await.expect("it is created");
        let mut counts = CampaignCounts::default();
        counts.take(&engine).await.expect("the store works");
        assert_eq!(counts.resting, [campaign.id()].into());
        campaign.start("send").await.expect("it starts");
        counts.take(&engine).await.expect("the store works");
        assert_eq!(counts.resting, BTreeSet::new());
        campaign.delete().await.expect("it is deleted");
        counts.take(&engine).await.expect("the store works");
        assert_eq!(counts.statuses.len(), 1);
    }
}
