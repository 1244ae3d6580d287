//! Configs, pipelines, and what is refused whatever it is about.

use reqwest::Method;
use serde_json::json;

use crate::support::{PHASES, Running, config};

#[tokio::test]
async fn a_config_is_stored_shown_guarded_by_its_revision_and_removed() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &[]).await;
    let path = format!("/campaigns/{id}/phases/sort/config");
    assert_eq!(
        host.client.get(&path).await.refusal(),
        (404, "config_not_found".to_owned())
    );
    let absent = host.client.with("if-none-match", "*");
    let stored = absent.put(&path, &config(1)).await;
    assert_eq!((stored.status, stored.header("etag")), (200, "\"2\""));
    assert_eq!(
        absent.put(&path, &config(2)).await.refusal(),
        (412, "precondition_failed".to_owned())
    );
    let shown = host.client.get(&path).await;
    assert_eq!((shown.json(), shown.header("etag")), (config(1), "\"2\""));
    let stale = host.client.with("if-match", "\"1\"");
    assert_eq!(
        stale.put(&path, &config(2)).await.refusal(),
        (412, "precondition_failed".to_owned())
    );
    assert_eq!(
        stale.delete(&path).await.refusal(),
        (412, "precondition_failed".to_owned())
    );
    let fresh = host.client.with("if-match", "\"2\"");
    assert_eq!(fresh.put(&path, &config(2)).await.header("etag"), "\"3\"");
    assert_eq!(host.client.with("if-match", "*").delete(&path).await.status, 204);
    assert_eq!(host.client.get(&path).await.code(), "config_not_found");
    assert_eq!(
        host.client
            .get(&format!("/campaigns/{id}/phases/mail/config"))
            .await
            .refusal(),
        (404, "unknown_phase".to_owned())
    );
    host.stop().await;
}

#[tokio::test]
async fn several_configs_are_stored_all_or_none() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &[]).await;
    let path = format!("/campaigns/{id}/configs");
    let wrong = host
        .client
        .put(&path, &json!({"collect": config(1), "sort": {}}))
        .await;
    assert_eq!(wrong.refusal(), (400, "config_invalid".to_owned()));
    assert_eq!(wrong.json()["errors"][0]["pointer"], "/records");
    let shown = host.client.get(&format!("/campaigns/{id}")).await.json();
    assert!(
        shown["phases"]
            .as_array()
            .expect("phases")
            .iter()
            .all(|phase| phase["configured"] == false)
    );
    let all = PHASES.map(|phase| (phase.to_owned(), config(1)));
    let all = serde_json::Value::Object(all.into_iter().collect());
    assert_eq!(host.client.put(&path, &all).await.status, 200);
    assert_eq!(
        host.client
            .get(&format!("/campaigns/{id}/preflight"))
            .await
            .json()["ready"],
        true
    );
    assert_eq!(
        host.client.put(&path, &json!({"mail": {}})).await.refusal(),
        (400, "unknown_phase".to_owned())
    );
    host.stop().await;
}

#[tokio::test]
async fn a_write_for_another_version_of_the_campaign_changes_nothing() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &["collect"]).await;
    let stale = host.client.with("if-match", "\"1\"");
    for answer in [
        stale
            .patch(
                &format!("/campaigns/{id}/mode"),
                &json!({"mode": "full_sequence"}),
            )
            .await,
        stale.tell(&format!("/campaigns/{id}/phases/collect/start")).await,
        stale.delete(&format!("/campaigns/{id}")).await,
        host.client
            .with("if-match", "\"junk\"")
            .delete(&format!("/campaigns/{id}"))
            .await,
        host.client
            .with("if-match", "W/\"2\"")
            .delete(&format!("/campaigns/{id}"))
            .await,
    ] {
        assert_eq!(answer.refusal(), (412, "precondition_failed".to_owned()));
    }
    assert_eq!(
        host.client.get(&format!("/campaigns/{id}")).await.json()["version"],
        2
    );
    let fresh = host.client.with("if-match", "\"1\", \"2\"");
    let set = fresh
        .patch(
            &format!("/campaigns/{id}/mode"),
            &json!({"mode": "full_sequence"}),
        )
        .await;
    assert_eq!((set.status, set.header("etag")), (200, "\"3\""));
    host.stop().await;
}

#[tokio::test]
async fn pipelines_and_schemas_are_shown() {
    let host = Running::start().await;
    let listed = host.client.get("/pipelines").await.json();
    assert_eq!(listed["items"][0]["id"], "letters");
    let shown = host.client.get("/pipelines/letters").await.json();
    assert_eq!(shown["phases"].as_array().map(Vec::len), Some(4));
    let schema = host.client.get("/pipelines/letters/phases/sort/schema").await;
    assert_eq!(schema.header("content-type"), "application/schema+json");
    assert_eq!(schema.json(), shown["phases"][1]["configSchema"]);
    assert_eq!(
        host.client.get("/pipelines/words").await.refusal(),
        (404, "unknown_pipeline".to_owned())
    );
    assert_eq!(
        host.client
            .get("/pipelines/letters/phases/mail/schema")
            .await
            .refusal(),
        (404, "unknown_phase".to_owned())
    );
    host.stop().await;
}

#[tokio::test]
async fn what_is_no_call_or_no_json_is_a_problem_document_too() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &[]).await;
    assert_eq!(
        host.client.get("/nowhere").await.refusal(),
        (404, "route_not_found".to_owned())
    );
    let wrong = host.client.raw(Method::PUT, "/api/v1/campaigns", None).await;
    assert_eq!(wrong.refusal(), (405, "method_not_allowed".to_owned()));
    assert_eq!(wrong.header("allow"), "GET,HEAD,POST");
    let post = async |kind: &str, body: &[u8]| {
        let client = host.client.with("content-type", kind);
        client
            .raw(Method::POST, "/api/v1/campaigns", Some(body.to_vec()))
            .await
            .refusal()
    };
    assert_eq!(
        post("text/plain", b"{}").await,
        (415, "unsupported_media_type".to_owned())
    );
    assert_eq!(
        post("application/x-www-form-urlencoded", b"name=a").await,
        (415, "unsupported_media_type".to_owned())
    );
    assert_eq!(
        post("application/json", b"{\"name\": ").await,
        (400, "malformed_json".to_owned())
    );
    assert_eq!(
        post("application/json", &[0xff, 0xfe]).await,
        (400, "malformed_json".to_owned())
    );
    assert_eq!(post("application/json", b"{} {}").await.0, 400);
    assert_eq!(
        post("application/json", b"[]").await,
        (400, "invalid_body".to_owned())
    );
    let large = vec![b' '; phasegate_server::MAX_BODY_BYTES + 1];
    assert_eq!(
        post("application/json", &large).await,
        (413, "too_large".to_owned())
    );
    let large = json!({"records": 1, "pad": "x".repeat(300 * 1024)});
    let refused = host
        .client
        .put(&format!("/campaigns/{id}/phases/collect/config"), &large)
        .await;
    assert_eq!(refused.refusal(), (413, "too_large".to_owned()));
    let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    let deep: serde_json::Value = serde_json::from_str(&deep).expect("within what is read");
    let refused = host
        .client
        .put(
            &format!("/campaigns/{id}/phases/collect/config"),
            &json!({"records": deep}),
        )
        .await;
    assert_eq!(refused.refusal(), (400, "too_deep".to_owned()));
    let form = host.client.with("content-type", "text/plain");
    let refused = form
        .raw(
            Method::POST,
            &format!("/api/v1/campaigns/{id}/pause"),
            Some(b"x".to_vec()),
        )
        .await;
    assert_eq!(refused.refusal(), (415, "unsupported_media_type".to_owned()));
    let refused = host
        .client
        .post(&format!("/campaigns/{id}/pause"), &json!({"now": true}))
        .await;
    assert_eq!(refused.refusal(), (400, "invalid_body".to_owned()));
    let csv = host
        .client
        .with("accept", "text/csv")
        .get(&format!("/campaigns/{id}/events"))
        .await;
    assert_eq!(csv.refusal(), (406, "not_acceptable".to_owned()));
    host.stop().await;
}

#[tokio::test]
async fn health_needs_no_token_and_metrics_do() {
    let host = Running::start().await;
    let stranger = host.client.without("authorization");
    let health = stranger.raw(Method::GET, "/healthz", None).await;
    assert_eq!((health.status, health.json()), (200, json!({"status": "ok"})));
    assert_eq!(
        stranger.raw(Method::GET, "/metrics", None).await.refusal(),
        (401, "unauthorized".to_owned())
    );
    let id = host.campaign("step_by_step", &["collect"]).await;
    host.client
        .tell(&format!("/campaigns/{id}/phases/collect/start"))
        .await;
    host.until(&id, "idle").await;
    let metrics = host.client.raw(Method::GET, "/metrics", None).await;
    assert_eq!(
        metrics.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert!(
        metrics.text.contains("phasegate_campaigns{status=\"idle\"}"),
        "{}",
        metrics.text
    );
    let route = "route=\"/api/v1/campaigns/{id}/phases/{phase}/start\"";
    assert!(metrics.text.contains(route), "{}", metrics.text);
    assert!(!metrics.text.contains(&id), "an id is no label");
    let document = host.client.raw(Method::GET, "/api/v1/openapi.json", None).await;
    assert_eq!(document.json()["openapi"], "3.1.0");
    host.stop().await;
}

#[tokio::test]
async fn a_member_that_is_given_twice_is_refused_by_its_name_and_place_in_every_body() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &["collect"]).await;
    let client = host.client.with("content-type", "application/json");
    let twice = r#"{"records": 1, "records": 2}"#;
    let of_phase = format!("/campaigns/{id}/phases/collect");
    let bodies = [
        (
            Method::PUT,
            format!("{of_phase}/config"),
            twice.to_owned(),
            "/records",
        ),
        (
            Method::PUT,
            format!("/campaigns/{id}/configs"),
            format!(r#"{{"collect": {twice}}}"#),
            "/collect/records",
        ),
        (
            Method::POST,
            "/campaigns".to_owned(),
            format!(r#"{{"name": "spring", "configs": {{"sort": {twice}}}}}"#),
            "/configs/sort/records",
        ),
        (
            Method::POST,
            format!("{of_phase}/restart"),
            format!(r#"{{"config": {twice}}}"#),
            "/config/records",
        ),
        (
            Method::PATCH,
            format!("/campaigns/{id}/mode"),
            r#"{"mode": "full_sequence", "mode": "step_by_step"}"#.to_owned(),
            "/mode",
        ),
        (
            Method::PUT,
            "/resources/note/short".to_owned(),
            r#"{"text": "a", "text": "b"}"#.to_owned(),
            "/text",
        ),
    ];
    for (method, path, body, pointer) in bodies {
        let answer = client
            .raw(method, &format!("/api/v1{path}"), Some(body.into()))
            .await;
        assert_eq!(answer.refusal(), (400, "invalid_body".to_owned()), "{path}");
        let error = &answer.json()["errors"][0];
        assert_eq!(
            (&error["pointer"], &error["keyword"]),
            (&json!(pointer), &json!("duplicate_member"))
        );
        let said = answer.json()["detail"].to_string();
        assert!(said.contains("is given twice"), "{said}");
    }
    host.stop().await;
}

#[tokio::test]
async fn a_body_may_begin_with_a_byte_order_mark_and_is_refused_by_name_in_utf_16() {
    let host = Running::start().await;
    let client = host.client.with("content-type", "application/json");
    let text = "\u{feff}{\"name\": \"spring\"}";
    let post = async |body: Vec<u8>| client.raw(Method::POST, "/api/v1/campaigns", Some(body)).await;
    assert_eq!(post(text.into()).await.status, 201);
    let refused = post(text.encode_utf16().flat_map(u16::to_be_bytes).collect()).await;
    assert_eq!(refused.refusal(), (400, "malformed_json".to_owned()));
    assert_eq!(
        refused.json()["detail"],
        "the body can't be read: this is UTF-16: save it as UTF-8"
    );
    host.stop().await;
}
