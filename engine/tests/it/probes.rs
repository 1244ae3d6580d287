//! Probes of resources: what the engine refuses to try, and what becomes of a try.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::storage::Expected;
use phasegate::{Engine, EngineError, Failure, Pipeline, PipelineError, ResourceProbe};
use phasegate_testkit::{MemoryStorage, Stage};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::support::{builder, definition};

const LIMIT: Duration = Duration::from_secs(7);

/// Does what its input says.
#[derive(Clone)]
struct Obeying {
    asked: Arc<Semaphore>,
    dropped: Arc<AtomicBool>,
}

impl Obeying {
    fn new() -> Self {
        Self {
            asked: Arc::new(Semaphore::new(0)),
            dropped: Arc::default(),
        }
    }
}

/// Says when it is dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl ResourceProbe for Obeying {
    fn input_schema(&self) -> Value {
        json!({
            "type": "object",
            "required": ["do"],
            "properties": {"do": {"enum": ["answer", "fail", "panic", "wait"]}},
            "additionalProperties": false
        })
    }

    async fn probe(&self, document: &Value, input: &Value) -> Result<Value, Failure> {
        let _dropped = Dropped(Arc::clone(&self.dropped));
        self.asked.add_permits(1);
        match input["do"].as_str() {
            Some("answer") => Ok(json!({"of": document})),
            Some("fail") => Err(Failure::new("jammed", "the token is jammed")),
            Some("panic") => panic!("out of order"),
            _ => std::future::pending().await,
        }
    }
}

/// An engine with a kind that has a probe and one that hasn't, and a resource of each.
async fn engine(probe: Obeying) -> Engine {
    let pipeline = builder("press")
        .runner(definition("collect"), Stage::default().runner())
        .resource_kind("stamp", "Stamp", json!({"type": "object"}))
        .probe("token", probe);
    let engine = Engine::builder()
        .storage(MemoryStorage::new())
        .pipeline(pipeline.build().expect("a valid pipeline"))
        .check_timeout(LIMIT)
        .build()
        .expect("an engine");
    for kind in ["token", "stamp"] {
        let document = json!({"metal": "brass", "enabled": false});
        engine
            .put_resource(kind, "one", document, Expected::Any)
            .await
            .expect("it is stored");
    }
    engine
}

async fn tried(engine: &Engine, what: &str) -> Result<Value, EngineError> {
    let probe = engine.probe("token", "one", json!({"do": what}));
    tokio::time::timeout(Duration::from_secs(3600), probe)
        .await
        .expect("it doesn't wait for ever")
}

#[tokio::test]
async fn a_resource_beyond_a_limit_is_refused_whether_its_kind_would_take_it_or_not() {
    let engine = engine(Obeying::new()).await;
    let deep = (0..=100).fold(json!(1), |inner, _| json!([inner]));
    for (document, code) in [
        (json!({"metal": "x".repeat(64 * 1024)}), "too_large"),
        (json!("x".repeat(300 * 1024)), "too_large"),
        (json!({"metal": deep}), "too_deep"),
        (json!(1), "resource_invalid"),
    ] {
        let refused = engine.put_resource("stamp", "two", document, Expected::Any).await;
        assert_eq!(refused.expect_err("it is refused").code(), code);
    }
}

#[tokio::test]
async fn a_probe_is_given_the_document_also_of_a_disabled_resource() {
    let engine = engine(Obeying::new()).await;
    let answer = tried(&engine, "answer").await.expect("it answers");
    assert_eq!(answer, json!({"of": {"metal": "brass", "enabled": false}}));
}

#[tokio::test]
async fn what_can_t_be_tried_is_refused_before_the_probe_is_asked() {
    let probe = Obeying::new();
    let engine = engine(probe.clone()).await;
    let deep = (0..=100).fold(json!(1), |inner, _| json!([inner]));
    for (kind, id, input, code) in [
        ("pencil", "one", json!({"do": "answer"}), "unknown_resource_kind"),
        ("token", "no id", json!({"do": "answer"}), "invalid_name"),
        ("token", "two", json!({"do": "answer"}), "resource_not_found"),
        ("stamp", "one", json!({"do": "answer"}), "probe_unsupported"),
        ("token", "one", json!({"do": "dance"}), "probe_input_invalid"),
        ("token", "one", json!(null), "probe_input_invalid"),
        ("token", "one", json!("x".repeat(256 * 1024)), "too_large"),
        ("token", "one", deep.clone(), "too_deep"),
    ] {
        let refused = engine.probe(kind, id, input).await.expect_err("it is refused");
        assert_eq!(refused.code(), code);
    }
    match engine.probe("token", "one", json!({"more": 1})).await {
        Err(EngineError::ProbeInputInvalid { problems }) => {
            let places: Vec<_> = problems.iter().map(|one| one.pointer.as_str()).collect();
            assert_eq!(places, ["/do", "/more"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(probe.asked.available_permits(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_panics_or_takes_too_long_says_so_and_the_engine_goes_on() {
    let probe = Obeying::new();
    let engine = engine(probe.clone()).await;
    let begun = Instant::now();
    for (what, code, took) in [
        ("fail", "jammed", Duration::ZERO),
        ("panic", "panicked", Duration::ZERO),
        ("wait", "timed_out", LIMIT),
    ] {
        match tried(&engine, what).await {
            Err(EngineError::ProbeFailed { resource, failure }) => {
                assert_eq!((resource.id.as_str(), failure.code.as_str()), ("one", code));
            }
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(begun.elapsed(), took, "{what}");
    }
    assert!(probe.dropped.load(Ordering::SeqCst));
    tried(&engine, "answer").await.expect("it goes on");
}

#[tokio::test]
async fn a_shutdown_drops_a_probe_and_lets_no_other_begin() {
    let probe = Obeying::new();
    let engine = engine(probe.clone()).await;
    let probing = tokio::spawn({
        let engine = engine.clone();
        async move { engine.probe("token", "one", json!({"do": "wait"})).await }
    });
    probe.asked.acquire().await.expect("it is never closed").forget();
    engine.shutdown().await.expect("it shuts down in order");
    assert!(probe.dropped.load(Ordering::SeqCst));
    let ended = probing.await.expect("no panic").expect_err("it is down");
    assert_eq!(ended, EngineError::ShutDown);
    assert_eq!(tried(&engine, "answer").await, Err(EngineError::ShutDown));
    assert_eq!(probe.asked.available_permits(), 0);
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_its_probe_along() {
    let probe = Obeying::new();
    let engine = engine(probe.clone()).await;
    tokio::select! {
        ended = engine.probe("token", "one", json!({"do": "wait"})) => panic!("{ended:?}"),
        asked = probe.asked.acquire() => asked.expect("it is never closed").forget(),
    }
    // It waits for every task of the engine.
    engine.shutdown().await.expect("it shuts down in order");
    assert!(probe.dropped.load(Ordering::SeqCst));
}

#[test]
fn a_manifest_shows_what_a_probe_is_told_and_reads_back() {
    let built = builder("press")
        .runner(definition("collect"), Stage::default().runner())
        .resource_kind("stamp", "Stamp", json!(true))
        .probe("token", Obeying::new())
        .build()
        .expect("a valid pipeline");
    let manifest = serde_json::to_value(built.definition()).expect("it is JSON");
    let kinds = &manifest["resourceKinds"];
    assert_eq!(kinds[0]["probeSchema"], Obeying::new().input_schema());
    assert_eq!(kinds[1].get("probeSchema"), None);
    let read: phasegate::core::PipelineDefinition =
        serde_json::from_value(manifest.clone()).expect("it reads back");
    assert_eq!(&read, built.definition());
    let mut nulled = manifest;
    nulled["resourceKinds"][1]["probeSchema"] = Value::Null;
    let compiled = serde_json::from_value(nulled).map(phasegate::schema::Pipeline::compile);
    assert!(!matches!(compiled, Ok(Ok(_))), "null is no schema");
}

/// Has no usable schema.
struct Unreadable;

#[async_trait]
impl ResourceProbe for Unreadable {
    fn input_schema(&self) -> Value {
        json!({"type": "no type"})
    }

    async fn probe(&self, _: &Value, _: &Value) -> Result<Value, Failure> {
        Ok(Value::Null)
    }
}

#[test]
fn a_probe_that_can_t_belong_to_the_pipeline_is_refused_when_it_is_built() {
    let with = |change: fn(phasegate::PipelineBuilder) -> phasegate::PipelineBuilder| -> Result<Pipeline, _> {
        change(builder("press").runner(definition("collect"), Stage::default().runner())).build()
    };
    let refused = with(|builder| builder.probe("pencil", Obeying::new()));
    assert!(matches!(refused, Err(PipelineError::ProbeWithoutKind { kind }) if kind.as_str() == "pencil"));
    let refused = with(|builder| {
        builder
            .probe("token", Obeying::new())
            .probe("token", Obeying::new())
    });
    assert!(matches!(refused, Err(PipelineError::DuplicateProbe { .. })));
    let refused = with(|builder| builder.probe("No Kind", Obeying::new()));
    assert!(matches!(refused, Err(PipelineError::Name(_))));
    let refused = with(|builder| builder.probe("token", Unreadable));
    assert!(matches!(refused, Err(PipelineError::Definition(_))));
}
