//! Resources, and their secrets.

use serde_json::json;

use crate::support::Running;

#[tokio::test]
async fn a_resource_is_stored_listed_shown_and_deleted() {
    let host = Running::start().await;
    let path = "/resources/note/first";
    assert_eq!(
        host.client.get(path).await.refusal(),
        (404, "resource_not_found".to_owned())
    );
    let stored = host.client.put(path, &json!({"text": "a"})).await;
    assert_eq!(stored.status, 201);
    let revision = stored.json()["revision"].as_u64().expect("a revision");
    assert_eq!(stored.header("etag"), format!("\"{revision}\""));
    assert_eq!(host.client.put(path, &json!({"text": "b"})).await.status, 200);
    assert_eq!(host.client.get(path).await.json(), json!({"text": "b"}));
    for id in ["second", "third"] {
        host.client
            .put(
                &format!("/resources/note/{id}"),
                &json!({"text": id, "enabled": false}),
            )
            .await;
    }
    let page = host.client.get("/resources/note?limit=2").await.json();
    let ids: Vec<_> = page["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(
        (ids, &page["nextCursor"]),
        (vec![json!("first"), json!("second")], &json!("second"))
    );
    assert_eq!(page["items"][1]["enabled"], false);
    let rest = host
        .client
        .get("/resources/note?limit=2&cursor=second")
        .await
        .json();
    assert_eq!(
        (&rest["items"][0]["id"], &rest["nextCursor"]),
        (&json!("third"), &json!(null))
    );
    assert_eq!(host.client.delete(path).await.status, 204);
    assert_eq!(
        host.client.delete(path).await.refusal(),
        (404, "resource_not_found".to_owned())
    );
    for path in ["/resources/pencil", "/resources/pencil/a"] {
        assert_eq!(
            host.client.get(path).await.refusal(),
            (404, "unknown_resource_kind".to_owned())
        );
    }
    let wrong = host
        .client
        .put("/resources/note/x", &json!({"text": "", "more": 1}))
        .await;
    assert_eq!(wrong.refusal(), (400, "resource_invalid".to_owned()));
    assert_eq!(wrong.json()["errors"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        host.client
            .put("/resources/note/.x", &json!({"text": "a"}))
            .await
            .refusal(),
        (400, "invalid_name".to_owned())
    );
    host.stop().await;
}

#[tokio::test]
async fn a_secret_is_written_kept_taken_away_and_never_read_back() {
    let host = Running::start().await;
    let path = "/resources/note/first";
    let stored = host
        .client
        .put(path, &json!({"text": "a", "password": "hidden-words"}))
        .await;
    assert_eq!(stored.json()["secrets"], json!(["/password"]));
    let shown = host.client.get(path).await;
    let listed = host.client.get("/resources/note").await;
    let wrong = host
        .client
        .put(path, &json!({"text": "", "password": "hidden-words"}))
        .await;
    for answer in [&stored, &shown, &listed, &wrong] {
        assert!(!answer.text.contains("hidden-words"), "{}", answer.text);
    }
    // What was shown can be stored again, and the secret stays.
    host.client.put(path, &shown.json()).await;
    let kept = host
        .engine
        .resource("note", "first")
        .await
        .expect("the store works")
        .expect("it is there");
    assert_eq!(kept.document["password"], "hidden-words");
    let without = host
        .client
        .put(path, &json!({"text": "a", "password": null}))
        .await;
    assert_eq!(without.json()["secrets"], json!([]));
    host.stop().await;
}

#[tokio::test]
async fn a_write_for_another_revision_of_a_resource_changes_nothing() {
    let host = Running::start().await;
    let path = "/resources/note/first";
    let revision = host.client.put(path, &json!({"text": "a"})).await.json()["revision"].clone();
    let absent = host.client.with("if-none-match", "*");
    assert_eq!(
        absent.put(path, &json!({"text": "b"})).await.refusal(),
        (412, "precondition_failed".to_owned())
    );
    let stale = host.client.with("if-match", "\"999\"");
    assert_eq!(
        stale.put(path, &json!({"text": "b"})).await.refusal(),
        (412, "precondition_failed".to_owned())
    );
    assert_eq!(
        stale.delete(path).await.refusal(),
        (412, "precondition_failed".to_owned())
    );
    let missing = host
        .client
        .with("if-match", "*")
        .put("/resources/note/second", &json!({"text": "b"}))
        .await;
    assert_eq!(missing.refusal(), (412, "precondition_failed".to_owned()));
    assert_eq!(host.client.get(path).await.json(), json!({"text": "a"}));
    let fresh = host.client.with("if-match", &format!("\"{revision}\""));
    assert_eq!(fresh.put(path, &json!({"text": "b"})).await.status, 200);
    host.stop().await;
}

#[tokio::test]
async fn a_resource_in_use_says_by_whom_and_stays() {
    let host = Running::start().await;
    host.client
        .put("/resources/note/first", &json!({"text": "a"}))
        .await;
    let id = host.campaign("step_by_step", &["collect"]).await;
    let uses = json!({"records": 1, "noteId": "first"});
    assert_eq!(
        host.client
            .put(&format!("/campaigns/{id}/phases/sort/config"), &uses)
            .await
            .status,
        200
    );
    let refused = host.client.delete("/resources/note/first").await;
    assert_eq!(refused.refusal(), (409, "resource_in_use".to_owned()));
    assert_eq!(
        refused.json()["usedBy"],
        json!([{"campaignId": id, "name": "spring", "phase": "sort"}])
    );
    for phase in ["collect", "sort"] {
        host.client
            .tell(&format!("/campaigns/{id}/phases/{phase}/start"))
            .await;
        host.until(&id, "idle").await;
    }
    assert_eq!(
        host.client.delete("/resources/note/first").await.status,
        204,
        "a completed phase needs it no more"
    );
    let missing = host
        .client
        .put(&format!("/campaigns/{id}/phases/count/config"), &uses)
        .await;
    assert_eq!(missing.json()["errors"][0]["keyword"], "resource_missing");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_gives_what_came_back_and_with_one_key_is_made_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("campaigns.redb");
    let host = Running::open(&path).await;
    let probe = "/resources/note/first/probe";
    let to = json!({"to": "Ada"});
    assert_eq!(
        host.client.post(probe, &to).await.refusal(),
        (404, "resource_not_found".to_owned())
    );
    host.client
        .put("/resources/note/first", &json!({"text": "a", "enabled": false}))
        .await;
    let first = host.client.post(probe, &to).await;
    assert_eq!(
        (first.status, first.json()),
        (200, json!({"to": "Ada", "text": "a", "count": 1}))
    );
    let keyed = host.client.with("idempotency-key", "k1");
    let answers = futures::future::join_all((0..20).map(|_| keyed.post(probe, &to))).await;
    assert!(
        answers.iter().all(|answer| answer.json()["count"] == 2),
        "{answers:?}"
    );
    assert_eq!(host.gate.probes(), 2);
    let other = keyed.post(probe, &json!({"to": "Grace"})).await;
    assert_eq!(other.refusal(), (422, "idempotency_key_reused".to_owned()));
    let wrong = host.client.post(probe, &json!({"to": ""})).await;
    assert_eq!(wrong.refusal(), (400, "probe_input_invalid".to_owned()));
    assert_eq!(wrong.json()["errors"][0]["pointer"], "/to");
    let failed = host.client.post(probe, &json!({"to": "nobody"})).await;
    assert_eq!(failed.refusal(), (502, "probe_failed".to_owned()));
    assert_eq!(failed.json()["failure"]["code"], "unreachable");
    host.client.put("/resources/stone/grey", &json!({})).await;
    let stone = host.client.post("/resources/stone/grey/probe", &json!({})).await;
    assert_eq!(stone.refusal(), (404, "probe_unsupported".to_owned()));
    host.stop().await;
    let host = Running::open(&path).await;
    let again = host.client.with("idempotency-key", "k1").post(probe, &to).await;
    assert_eq!(
        (again.json()["count"].clone(), host.gate.probes()),
        (json!(2), 0),
        "also after a restart"
    );
    host.stop().await;
}
