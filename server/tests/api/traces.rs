//! What is traced: a span for each request and one for each run, with the campaign that it is about.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Subscriber, subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, registry};

use crate::support::{PHASES, Running, config};

/// The spans of all tests as they come, each with its name as the field `span`.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<(Id, Told)>>>);

/// The values of a span, by the names of their fields.
type Told = BTreeMap<String, String>;

struct Fields<'a>(&'a mut Told);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl<S: Subscriber> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let metadata = attributes.metadata();
        if !metadata.target().starts_with("phasegate") {
            return;
        }
        let mut fields = BTreeMap::from([("span".to_owned(), metadata.name().to_owned())]);
        attributes.record(&mut Fields(&mut fields));
        self.0.lock().expect("nobody panicked").push((id.clone(), fields));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        // Of spans with one id, which is given again when a span is over, the latest is open.
        let mut spans = self.0.lock().expect("nobody panicked");
        if let Some((_, fields)) = spans.iter_mut().rev().find(|(one, _)| one == id) {
            values.record(&mut Fields(fields));
        }
    }
}

impl Spans {
    /// The values of these fields of each span of this name that names the campaign.
    fn of<const N: usize>(&self, campaign: &str, span: &str, fields: [&str; N]) -> Vec<[String; N]> {
        let spans = self.0.lock().expect("nobody panicked");
        let about = |of: &Told| of.values().any(|value| value.contains(campaign));
        let named = spans.iter().filter(|(_, of)| of["span"] == span && about(of));
        named
            .map(|(_, of)| fields.map(|name| of.get(name).cloned().unwrap_or_default()))
            .collect()
    }
}

#[tokio::test]
async fn each_request_and_each_run_has_a_span_with_its_campaign() {
    let spans = Spans::default();
    // For every thread, since one that has none may be the first to come to a span, which then is off for all.
    subscriber::set_global_default(registry().with(spans.clone())).expect("no other test sets it");
    let host = Running::start().await;
    let id = host.campaign("full_sequence", &PHASES).await;
    let start = format!("/campaigns/{id}/phases/collect/start");
    assert_eq!(host.client.tell(&start).await.status, 202);
    let campaign = host.engine.campaign(id.parse().expect("an id")).await;
    let campaign = campaign.expect("it is there");
    campaign.at_rest().await.expect("the store works");
    let restart = format!("/campaigns/{id}/phases/send/restart");
    let body = json!({ "config": config(2) });
    assert_eq!(host.client.post(&restart, &body).await.status, 202);
    campaign.at_rest().await.expect("the store works");
    let missing = format!("/campaigns/{id}/nothing");
    assert_eq!(host.client.get(&missing).await.status, 404);
    let token = host.token.reveal().to_owned();
    let login = format!("/login?token={token}");
    assert_eq!(host.client.raw(Method::GET, &login, None).await.status, 303);
    host.stop().await;

    let requests = spans.of(&id, "request", ["method", "path", "campaign", "status"]);
    let request = |method: &str, path: &str, status: &str| {
        [method, &format!("/api/v1{path}"), &id, status].map(str::to_owned)
    };
    let expected = [
        request("POST", "/campaigns", "201"),
        request("POST", &start, "202"),
        request("POST", &restart, "202"),
        request("GET", &missing, "404"),
    ];
    assert_eq!(requests, expected);
    let runs = spans.of(&id, "run", ["campaign", "phase", "run", "attempt"]);
    let run = |phase: &str, run: &str| [id.as_str(), phase, run, "1"].map(str::to_owned);
    let first = PHASES.map(|phase| run(phase, "1"));
    assert_eq!(runs, [&first[..], &[run("send", "2")]].concat());
    let all = spans.0.lock().expect("nobody panicked");
    let told = all.iter().flat_map(|(_, fields)| fields.values());
    assert!(
        all.iter()
            .any(|(_, fields)| fields.get("path").is_some_and(|path| path == "/login"))
    );
    assert!(!told.into_iter().any(|value| value.contains(&token)));
}
