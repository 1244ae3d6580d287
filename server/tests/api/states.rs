//! Refusals by states that a campaign or the server is in for a while, or by mistake.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use phasegate::Engine;
use phasegate::core::Timestamp;
use phasegate::redb::RedbStorage;
use phasegate_server::Limits;
use phasegate_storage_redb::testing::RawStore;
use phasegate_testkit::storage::MemoryStorage;
use serde_json::json;

use crate::support::{Gate, PHASES, Running, pipeline, pipeline_of};

#[tokio::test(flavor = "multi_thread")]
async fn while_a_phase_comes_to_rest_other_commands_say_so() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &[]).await;
    let at = |what: &str| format!("/campaigns/{id}/{what}");
    let config = json!({"records": 0, "hold": true, "stubborn": true});
    host.client.put(&at("phases/collect/config"), &config).await;
    assert_eq!(host.client.tell(&at("phases/collect/start")).await.status, 202);
    let command = |what: &str| {
        let (client, path) = (host.client.clone(), at(what));
        tokio::spawn(async move { client.tell(&path).await.status })
    };
    let pause = command("pause");
    host.until(&id, "pausing").await;
    let refusal = async |what: &str| host.client.tell(&at(what)).await.refusal();
    assert_eq!(refusal("resume").await, (409, "pausing".to_owned()));
    assert_eq!(refusal("phases/collect/start").await, (409, "pausing".to_owned()));
    assert_eq!(
        refusal("phases/collect/restart").await,
        (409, "already_running".to_owned())
    );
    let stop = command("stop");
    host.until(&id, "stopping").await;
    assert_eq!(refusal("pause").await, (409, "not_running".to_owned()));
    assert_eq!(refusal("resume").await, (409, "stopping".to_owned()));
    // Its end, whichever comes first, lets both answer.
    host.gate.open();
    assert_eq!(pause.await.expect("it doesn't panic"), 200);
    assert_eq!(stop.await.expect("it doesn't panic"), 200);
    let shown = host.client.get(&format!("/campaigns/{id}")).await.json();
    assert_eq!(shown["progress"], json!(null));
    host.stop().await;
}

#[tokio::test]
async fn a_paused_phase_whose_resource_changed_says_that_it_must_begin_afresh() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &[]).await;
    let at = |what: &str| format!("/campaigns/{id}/{what}");
    let note = "/resources/note/first";
    host.client.put(note, &json!({"text": "a"})).await;
    let config = json!({"records": 0, "hold": true, "noteId": "first"});
    host.client.put(&at("phases/collect/config"), &config).await;
    assert_eq!(host.client.tell(&at("phases/collect/start")).await.status, 202);
    assert_eq!(host.client.tell(&at("pause")).await.status, 200);
    host.client.put(note, &json!({"text": "b"})).await;
    let refused = host.client.tell(&at("resume")).await;
    assert_eq!(refused.refusal(), (409, "input_changed".to_owned()));
    assert_eq!(host.client.tell(&at("phases/collect/restart")).await.status, 202);
    host.gate.open();
    host.stop().await;
}

#[tokio::test]
async fn a_campaign_of_a_pipeline_that_changed_or_is_gone_refuses_to_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("campaigns.redb");
    let host = Running::open(&path).await;
    let id = host.campaign("step_by_step", &["collect"]).await;
    host.stop().await;
    for (pipeline, phases, refusal) in [
        ("letters", &PHASES[..3], (409, "pipeline_changed")),
        ("words", &PHASES[..], (409, "unknown_pipeline")),
    ] {
        let refusal = (refusal.0, refusal.1.to_owned());
        let gate = Arc::new(Gate::default());
        let engine = Engine::builder()
            .storage(RedbStorage::open(&path).await.expect("the file can be opened"))
            .pipeline(pipeline_of(pipeline, phases, &gate))
            .build()
            .expect("an engine");
        let host = Running::serving(engine, gate, Limits::default()).await;
        let refused = host
            .client
            .tell(&format!("/campaigns/{id}/phases/collect/start"))
            .await;
        assert_eq!(refused.refusal(), refusal);
        let refused = host
            .client
            .put(
                &format!("/campaigns/{id}/configs"),
                &json!({"collect": {"records": 1}}),
            )
            .await;
        assert_eq!(refused.refusal(), refusal);
        assert_eq!(
            host.client.get(&format!("/campaigns/{id}")).await.status,
            200,
            "it stays readable"
        );
        host.stop().await;
    }
}

#[tokio::test]
async fn a_paused_phase_whose_resource_is_disabled_meanwhile_does_not_go_on() {
    let host = Running::start().await;
    let note = "/resources/note/first";
    host.client.put(note, &json!({"text": "a"})).await;
    let id = host.campaign("step_by_step", &[]).await;
    let at = |what: &str| format!("/campaigns/{id}/{what}");
    let config = json!({"records": 0, "hold": true, "noteId": "first"});
    host.client.put(&at("phases/collect/config"), &config).await;
    assert_eq!(host.client.tell(&at("phases/collect/start")).await.status, 202);
    assert_eq!(host.client.tell(&at("pause")).await.status, 200);
    host.client
        .put(note, &json!({"text": "a", "enabled": false}))
        .await;
    let refused = host.client.tell(&at("resume")).await;
    assert_eq!(refused.refusal(), (409, "config_invalid".to_owned()));
    assert_eq!(refused.json()["errors"][0]["pointer"], "/noteId");
    host.stop().await;
}

#[tokio::test]
async fn of_several_pipelines_one_has_to_be_named() {
    let gate = Arc::new(Gate::default());
    let engine = Engine::builder()
        .storage(MemoryStorage::new())
        .pipeline(pipeline(&gate))
        .pipeline(pipeline_of("words", &["spell"], &gate))
        .build()
        .expect("an engine");
    let host = Running::serving(engine, gate, Limits::default()).await;
    let refused = host.client.post("/campaigns", &json!({"name": "spring"})).await;
    assert_eq!(refused.refusal(), (400, "pipeline_not_named".to_owned()));
    let named = host
        .client
        .post("/campaigns", &json!({"name": "spring", "pipeline": "words"}))
        .await;
    assert_eq!(named.status, 201);
    host.stop().await;
}

#[tokio::test]
async fn a_server_whose_engine_or_store_is_gone_says_so() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &["collect"]).await;
    host.engine.shutdown().await.expect("it shuts down");
    let gone = host.client.post("/campaigns", &json!({"name": "spring"})).await;
    assert_eq!(gone.refusal(), (503, "shut_down".to_owned()));
    let gone = host.client.get(&format!("/campaigns/{id}")).await;
    assert_eq!(gone.refusal(), (503, "storage_failed".to_owned()));
    let health = host.client.raw(reqwest::Method::GET, "/healthz", None).await;
    assert_eq!(health.refusal(), (503, "storage_failed".to_owned()));
    host.server.close();
}

#[tokio::test]
async fn a_defect_is_an_answer_that_tells_nothing_of_it_and_the_server_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let loose = Arc::new(AtomicBool::new(false));
    let clock = {
        let loose = Arc::clone(&loose);
        move || {
            // The store's own thread looks at the clock whenever it is idle. The defect is to meet the request.
            let is_store = std::thread::current().name() == Some("phasegate-writer");
            assert!(
                is_store || !loose.swap(false, Ordering::SeqCst),
                "a spring is loose"
            );
            Timestamp::from_unix_ms(1_000)
        }
    };
    let storage = RedbStorage::options()
        .clock(clock)
        .open(folder.path().join("campaigns.redb"))
        .await
        .expect("a store");
    let gate = Arc::new(Gate::default());
    let engine = Engine::builder()
        .storage(storage)
        .pipeline(pipeline(&gate))
        .build()
        .expect("an engine");
    let host = Running::serving(engine, gate, Limits::default()).await;
    let body = json!({"name": "spring"});
    loose.store(true, Ordering::SeqCst);
    let failed = host.client.post("/campaigns", &body).await;
    assert_eq!(failed.refusal(), (500, "internal_error".to_owned()));
    assert!(!failed.text.contains("spring"), "{}", failed.text);
    assert_eq!(host.client.post("/campaigns", &body).await.status, 201);
    host.stop().await;
}

#[tokio::test]
async fn a_damaged_campaign_says_so_and_the_others_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("campaigns.redb");
    let host = Running::open(&path).await;
    let broken = host.campaign("step_by_step", &["collect"]).await;
    let sound = host.campaign("step_by_step", &["collect"]).await;
    host.stop().await;
    let raw = RawStore::open(&path).expect("nobody has it open");
    let campaigns = raw.entries("campaigns").expect("the table");
    let (key, _) = &campaigns[0];
    raw.put("campaigns", key, b"rubbish").expect("it is damaged");
    raw.close().expect("it is written");

    let host = Running::open(&path).await;
    let damaged = (500, "damaged".to_owned());
    let shown = host.client.get(&format!("/campaigns/{broken}")).await;
    assert_eq!(shown.refusal(), damaged);
    let started = host
        .client
        .tell(&format!("/campaigns/{broken}/phases/collect/start"))
        .await;
    assert_eq!(started.refusal(), damaged);
    for answer in [&shown, &started] {
        assert!(!answer.text.contains("rubbish"), "{}", answer.text);
        assert!(!answer.text.contains("checksum"), "{}", answer.text);
    }
    assert_eq!(host.client.get(&format!("/campaigns/{sound}")).await.status, 200);
    host.stop().await;
}
