//! `Idempotency-Key`: the same request gets the same answer, and is carried out once.

use serde_json::json;

use crate::support::{PHASES, Running, config};

#[tokio::test]
async fn a_repeated_creation_gives_the_same_answer_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("campaigns.redb");
    let host = Running::open(&path).await;
    let body = json!({"name": "spring", "configs": {"collect": config(1)}});
    let first = host
        .client
        .with("idempotency-key", "k1")
        .post("/campaigns", &body)
        .await;
    assert_eq!(first.status, 201);
    host.stop().await;
    let host = Running::open(&path).await;
    let keyed = host.client.with("idempotency-key", "k1");
    let again = keyed.post("/campaigns", &body).await;
    assert_eq!(
        (again.status, &again.text, again.header("location")),
        (201, &first.text, first.header("location"))
    );
    let other = keyed.post("/campaigns", &json!({"name": "summer"})).await;
    assert_eq!(other.refusal(), (422, "idempotency_key_reused".to_owned()));
    assert_eq!(
        host.client.get("/campaigns").await.json()["items"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_duplicates_get_one_answer_and_happen_once() {
    let host = Running::start().await;
    let keyed = host.client.with("idempotency-key", "k1");
    let body = json!({"name": "spring", "mode": "full_sequence", "configs": PHASES.map(|one| (one, config(1))).into_iter().collect::<std::collections::BTreeMap<_, _>>()});
    let created = futures::future::join_all((0..30).map(|_| keyed.post("/campaigns", &body))).await;
    assert!(
        created
            .iter()
            .all(|answer| answer.status == 201 && answer.text == created[0].text)
    );
    let id = created[0].json()["campaignId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/campaigns/{id}/phases/collect/start");
    let started = futures::future::join_all((0..30).map(|_| keyed.tell(&path))).await;
    assert!(
        started
            .iter()
            .all(|answer| answer.status == 202 && answer.text == started[0].text),
        "{started:?}"
    );
    let shown = host.until(&id, "completed").await;
    assert_eq!(shown["phases"][0]["run"], 1);
    let late = keyed.tell(&path).await;
    assert_eq!(
        (late.status, &late.text),
        (202, &started[0].text),
        "also when it is long over"
    );
    host.stop().await;
}

#[tokio::test]
async fn a_key_belongs_to_its_route_and_campaign() {
    let host = Running::start().await;
    let keyed = host.client.with("idempotency-key", "k1");
    let hold = json!({"records": 0, "hold": true});
    let mut ids = Vec::new();
    for _ in 0..2 {
        let id = host.campaign("step_by_step", &[]).await;
        host.client
            .put(&format!("/campaigns/{id}/phases/collect/config"), &hold)
            .await;
        assert_eq!(
            keyed
                .tell(&format!("/campaigns/{id}/phases/collect/start"))
                .await
                .status,
            202
        );
        assert_eq!(
            keyed.tell(&format!("/campaigns/{id}/pause")).await.status,
            200,
            "another route"
        );
        assert_eq!(keyed.tell(&format!("/campaigns/{id}/pause")).await.status, 200);
        ids.push(id);
    }
    let restart = format!("/campaigns/{}/phases/collect/restart", ids[0]);
    assert_eq!(
        keyed.post(&restart, &json!({"config": config(1)})).await.status,
        202
    );
    let other = keyed.post(&restart, &json!({"config": config(2)})).await;
    assert_eq!(other.refusal(), (422, "idempotency_key_reused".to_owned()));
    for wrong in ["", "with space", &"x".repeat(129)] {
        let refused = host
            .client
            .with("idempotency-key", wrong)
            .tell(&format!("/campaigns/{}/pause", ids[1]))
            .await;
        assert_eq!(
            refused.refusal(),
            (400, "invalid_parameter".to_owned()),
            "{wrong:?}"
        );
    }
    host.stop().await;
}

#[tokio::test]
async fn a_refused_request_is_not_kept() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &[]).await;
    let keyed = host.client.with("idempotency-key", "k1");
    let path = format!("/campaigns/{id}/phases/collect/start");
    assert_eq!(
        keyed.tell(&path).await.refusal(),
        (409, "preflight_failed".to_owned())
    );
    host.client
        .put(&format!("/campaigns/{id}/phases/collect/config"), &config(0))
        .await;
    assert_eq!(keyed.tell(&path).await.status, 202);
    host.until(&id, "idle").await;
    host.stop().await;
}
