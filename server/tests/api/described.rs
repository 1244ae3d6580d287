//! Who asks and why, attributes, and what else is said of a campaign.

use serde_json::{Value, json};

use crate::support::{PHASES, Running, config};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn every_event_tells_who_asked_for_it_and_why() {
    let host = Running::start().await;
    let client = host
        .client
        .with("phasegate-actor", "J%C3%B6rg")
        .with("phasegate-reason", "100%25 sure")
        .with("traceparent", TRACE);
    let body = json!({"name": "spring", "configs": {"collect": config(1)}});
    let created = client.post("/campaigns", &body).await.json();
    let id = created["campaignId"].as_str().expect("an id").to_owned();
    let at = |what: &str| format!("/campaigns/{id}{what}");
    client.put(&at("/phases/sort/config"), &config(1)).await;
    client
        .patch(&at("/mode"), &json!({"mode": "full_sequence"}))
        .await;
    client.put("/resources/note/first", &json!({"text": "a"})).await;
    client.delete("/resources/note/first").await;
    client.delete(&at("")).await;
    let log = host
        .client
        .with("accept", "application/json")
        .get("/events")
        .await
        .json();
    let events = log["items"].as_array().expect("events");
    let told: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().expect("a type"))
        .collect();
    assert_eq!(told, ["resource_stored", "resource_removed", "campaign_deleted"]);
    for event in events {
        assert_eq!(
            (&event["actor"], &event["reason"], &event["traceparent"]),
            (&json!("Jörg"), &json!("100% sure"), &json!(TRACE)),
            "{event}"
        );
    }
    host.stop().await;
}

#[tokio::test]
async fn an_envelope_that_can_not_be_taken_is_refused_and_a_malformed_trace_is_left_out() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &[]).await;
    let path = format!("/campaigns/{id}/mode");
    let mode = json!({"mode": "full_sequence"});
    for (name, value) in [
        ("phasegate-actor", "x".repeat(201)),
        ("phasegate-reason", "x".repeat(1_001)),
        ("phasegate-reason", "%E2%80%AE".to_owned()),
        ("phasegate-actor", "%FF".to_owned()),
    ] {
        let refused = host.client.with(name, &value).patch(&path, &mode).await;
        assert_eq!(
            refused.refusal(),
            (400, "invalid_envelope".to_owned()),
            "{name}: {value}"
        );
    }
    let note = host.client.with("phasegate-actor", "%FF");
    let refused = note.put("/resources/note/first", &json!({"text": "a"})).await;
    assert_eq!(refused.refusal(), (400, "invalid_envelope".to_owned()));
    let set = host
        .client
        .with("traceparent", "00-1-2-3")
        .patch(&path, &mode)
        .await;
    assert_eq!(set.status, 200);
    let log = host.client.with("accept", "application/json");
    let log = log.get(&format!("/campaigns/{id}/events")).await.json();
    assert_eq!(log["items"][1]["type"], "mode_changed");
    assert_eq!(log["items"][1]["traceparent"], Value::Null);
    host.stop().await;
}

#[tokio::test]
async fn a_campaign_is_described_and_found_by_its_attributes() {
    let host = Running::start().await;
    let create = async |name: &str, attributes: Value| {
        let body = json!({"name": name, "attributes": attributes});
        let created = host.client.post("/campaigns", &body).await.json();
        created["campaignId"].as_str().expect("an id").to_owned()
    };
    let spring = create("spring", json!({"team": "blue", "year": "2026"})).await;
    create("summer", json!({"team": "blue"})).await;
    create("autumn", json!({"team": "red & white"})).await;
    let found = async |query: &str| {
        let page = host.client.get(&format!("/campaigns?{query}")).await.json();
        let items = page["items"].as_array().expect("items").clone();
        let name = |one: &Value| one["name"].as_str().expect("a name").to_owned();
        items.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(found("attribute.team=blue").await, ["summer", "spring"]);
    assert_eq!(found("attribute.team=blue&attribute.year=2026").await, ["spring"]);
    assert_eq!(found("attribute.team=red+%26+white").await, ["autumn"]);
    assert_eq!(found("attribute.team=blue&name=SUM").await, ["summer"]);
    assert_eq!(
        found("attribute.team=blue&status=idle").await,
        ["summer", "spring"]
    );
    assert_eq!(found("attribute.team=blue&status=running").await, [""; 0]);
    assert_eq!(found("attribute.team=").await, [""; 0]);
    let twice = host
        .client
        .get("/campaigns?attribute.team=blue&attribute.team=red")
        .await;
    assert_eq!(twice.refusal(), (400, "invalid_parameter".to_owned()));
    let path = format!("/campaigns/{spring}");
    let changes = json!({"name": "vår", "attributes": {"team": null, "year": "2027"}});
    let described = host.client.patch(&path, &changes).await;
    assert_eq!((described.status, described.header("etag")), (200, "\"2\""));
    let shown = host.client.get(&path).await.json();
    assert_eq!(
        (&shown["name"], &shown["attributes"]),
        (&json!("vår"), &json!({"year": "2027"}))
    );
    assert_eq!(host.client.patch(&path, &changes).await.json()["changed"], false);
    let log = host.client.with("accept", "application/json");
    let log = log.get(&format!("{path}/events")).await.json();
    assert_eq!(log["items"][1]["attributes"], changes["attributes"]);
    assert_eq!(found("attribute.team=blue").await, ["summer"]);
    let wrong = host
        .client
        .patch(&path, &json!({"attributes": {"Team": "x"}}))
        .await;
    assert_eq!(wrong.refusal(), (400, "invalid_attribute".to_owned()));
    assert_eq!(wrong.json()["key"], "Team");
    let wrong = host.client.patch(&path, &json!({"name": ""})).await;
    assert_eq!(wrong.refusal(), (400, "invalid_name".to_owned()));
    let stale = host
        .client
        .with("if-match", "\"1\"")
        .patch(&path, &json!({"name": "x"}))
        .await;
    assert_eq!(stale.refusal(), (412, "precondition_failed".to_owned()));
    host.stop().await;
}

#[tokio::test]
async fn a_page_by_attribute_goes_on_where_it_ended() {
    let host = Running::start().await;
    for index in 0..5 {
        let body = json!({"name": format!("n{index}"), "attributes": {"team": "blue"}});
        assert_eq!(host.client.post("/campaigns", &body).await.status, 201);
        host.campaign("step_by_step", &[]).await;
    }
    let mut names = Vec::new();
    let mut path = "/campaigns?attribute.team=blue&limit=2".to_owned();
    loop {
        let page = host.client.get(&path).await.json();
        let items = page["items"].as_array().expect("items");
        names.extend(
            items
                .iter()
                .map(|one| one["name"].as_str().expect("a name").to_owned()),
        );
        match page["nextCursor"].as_str() {
            Some(next) => path = format!("/campaigns?attribute.team=blue&limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["n4", "n3", "n2", "n1", "n0"]);
    host.stop().await;
}

#[tokio::test]
async fn a_campaign_has_retry_policies_of_its_own() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &[]).await;
    let path = format!("/campaigns/{id}/phases/sort/retry");
    let set = host.client.put(&path, &json!({"maxTries": 3})).await;
    assert_eq!((set.status, &set.json()["changed"]), (200, &json!(true)));
    let shown = host.client.get(&format!("/campaigns/{id}")).await.json();
    assert_eq!(shown["phases"][1]["retry"]["maxTries"], 3);
    let wrong = host.client.put(&path, &json!({"maxTries": 0})).await;
    assert_eq!(wrong.refusal(), (400, "invalid_retry".to_owned()));
    let wrong = host.client.put(&path, &json!({"tries": 2})).await;
    assert_eq!(wrong.refusal(), (400, "invalid_body".to_owned()));
    assert_eq!(host.client.delete(&path).await.json()["changed"], true);
    assert_eq!(host.client.delete(&path).await.json()["changed"], false);
    let shown = host.client.get(&format!("/campaigns/{id}")).await.json();
    assert_eq!(shown["phases"][1]["retry"], Value::Null);
    host.stop().await;
}

#[tokio::test]
async fn a_marked_phase_is_passed_when_the_chain_gets_to_it() {
    let host = Running::start().await;
    let body = json!({
        "name": "spring", "mode": "full_sequence", "skips": ["sort"],
        "configs": {"collect": config(1), "count": config(1), "send": config(1)}
    });
    let created = host.client.post("/campaigns", &body).await.json();
    let id = created["campaignId"].as_str().expect("an id").to_owned();
    let at = |what: &str| format!("/campaigns/{id}{what}");
    let because = host.client.with("phasegate-reason", "nothing to count");
    assert_eq!(because.tell(&at("/phases/count/skip")).await.status, 202);
    assert_eq!(
        host.client.tell(&at("/phases/sort/unskip")).await.json()["changed"],
        true
    );
    assert_eq!(
        host.client.tell(&at("/phases/sort/skip")).await.json()["changed"],
        true
    );
    let forbidden = host.client.tell(&at("/phases/send/skip")).await;
    assert_eq!(forbidden.refusal(), (409, "skip_forbidden".to_owned()));
    assert_eq!(host.client.tell(&at("/phases/collect/start")).await.status, 202);
    let shown = host.until(&id, "completed").await;
    let statuses: Vec<_> = (0..4)
        .map(|index| shown["phases"][index]["status"].clone())
        .collect();
    assert_eq!(
        json!(statuses),
        json!(["completed", "skipped", "skipped", "completed"])
    );
    let locked = host.client.tell(&at("/phases/sort/unskip")).await;
    assert_eq!(locked.refusal(), (409, "phase_locked".to_owned()));
    let wrong = json!({"name": "a", "skips": ["send"]});
    let wrong = host.client.post("/campaigns", &wrong).await;
    assert_eq!(wrong.refusal(), (409, "skip_forbidden".to_owned()));
    host.stop().await;
}

#[tokio::test]
async fn the_only_phase_can_not_be_skipped() {
    let gate = std::sync::Arc::default();
    let engine = phasegate::Engine::builder()
        .storage(phasegate_testkit::storage::MemoryStorage::new())
        .pipeline(crate::support::pipeline_of("short", &["sort"], &gate))
        .build()
        .expect("an engine");
    let host = Running::serving(engine, gate, Default::default()).await;
    let id = host.campaign("step_by_step", &[]).await;
    let refused = host
        .client
        .tell(&format!("/campaigns/{id}/phases/sort/skip"))
        .await;
    assert_eq!(refused.refusal(), (409, "nothing_left".to_owned()));
    host.stop().await;
}

#[tokio::test]
async fn older_runs_are_listed_until_they_are_pruned() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &["collect"]).await;
    let at = |what: &str| format!("/campaigns/{id}{what}");
    host.client.tell(&at("/phases/collect/start")).await;
    for run in 2..=3 {
        host.until(&id, "idle").await;
        let config = json!({"config": config(run)});
        assert_eq!(
            host.client
                .post(&at("/phases/collect/restart"), &config)
                .await
                .status,
            202
        );
    }
    host.until(&id, "idle").await;
    let runs = async |query: &str| {
        let page = host
            .client
            .get(&at(&format!("/phases/collect/runs{query}")))
            .await
            .json();
        let items = page["items"].as_array().expect("items");
        let of = |run: &Value| {
            (
                run["run"].as_u64(),
                run["records"].as_u64(),
                run["isCurrent"] == true,
            )
        };
        (
            items.iter().map(of).collect::<Vec<_>>(),
            page["nextCursor"].clone(),
        )
    };
    let all = [
        (Some(1), Some(1), false),
        (Some(2), Some(2), false),
        (Some(3), Some(3), true),
    ];
    assert_eq!(runs("").await, (all.to_vec(), Value::Null));
    let (first, next) = runs("?limit=2").await;
    assert_eq!((&first[..], &next), (&all[..2], &json!("2")));
    assert_eq!(runs("?limit=2&cursor=2").await, (all[2..].to_vec(), Value::Null));
    assert_eq!(runs("?limit=1").await.1, "1");
    let unknown = host
        .client
        .post(&at("/prune"), &json!({"keepRuns": 1, "phase": "mail"}))
        .await;
    assert_eq!(unknown.refusal(), (400, "unknown_phase".to_owned()));
    let pruned = host.client.post(&at("/prune"), &json!({"keepRuns": 1})).await;
    assert_eq!((pruned.status, &pruned.json()["changed"]), (200, &json!(true)));
    assert_eq!(runs("").await.0, all[2..]);
    let unknown = host.client.get(&at("/phases/mail/runs")).await;
    assert_eq!(unknown.refusal(), (404, "unknown_phase".to_owned()));
    let wrong = host.client.get(&at("/phases/collect/runs?cursor=x")).await;
    assert_eq!(wrong.refusal(), (400, "invalid_parameter".to_owned()));
    host.stop().await;
}

#[tokio::test]
async fn every_stored_config_is_shown_with_its_revision() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &["sort", "send"]).await;
    let path = format!("/campaigns/{id}/configs");
    host.client.put(&path, &json!({"send": config(7)})).await;
    let shown = host.client.get(&path).await;
    assert_eq!((shown.status, shown.header("etag")), (200, "\"4\""));
    let items = json!([
        {"phase": "sort", "revision": 3, "config": config(1)},
        {"phase": "send", "revision": 4, "config": config(7)},
    ]);
    let shown = shown.json();
    assert_eq!(shown["items"][0]["phase"], items[0]["phase"]);
    assert_eq!(shown["items"][0]["config"], items[0]["config"]);
    assert_eq!(shown["items"][1], items[1]);
    assert_eq!(shown["nextCursor"], Value::Null);
    host.stop().await;
}

#[tokio::test]
async fn a_campaign_is_shown_as_it_was() {
    let host = Running::start().await;
    let id = host.campaign("full_sequence", &PHASES).await;
    let at = |seq: &str| format!("/campaigns/{id}?at={seq}");
    let before = host.client.get(&at("5")).await.json();
    host.client
        .tell(&format!("/campaigns/{id}/phases/collect/start"))
        .await;
    let now = host.until(&id, "completed").await;
    host.client
        .patch(&format!("/campaigns/{id}"), &json!({"name": "autumn"}))
        .await;
    let was = host.client.get(&at("5")).await;
    assert_eq!((was.status, was.header("etag")), (200, "\"5\""));
    let was = was.json();
    assert_eq!(
        (&was["status"], &was["position"], &was["name"]),
        (&json!("idle"), &json!(0), &json!("spring"))
    );
    for member in ["phases", "preflight", "next", "changedAt"] {
        assert_eq!(was[member], before[member], "{member}");
    }
    let created = host.client.get(&at("1")).await.json();
    assert_eq!(created["preflight"]["missingPhases"], json!(PHASES));
    let end = now["version"].to_string();
    assert_eq!(host.client.get(&at(&end)).await.json()["phases"], now["phases"]);
    let later = host.client.get(&at("1000")).await;
    assert_eq!(later.refusal(), (404, "version_not_found".to_owned()));
    for wrong in ["0", "-1", "x", ""] {
        let refused = host.client.get(&at(wrong)).await;
        assert_eq!(
            refused.refusal(),
            (400, "invalid_parameter".to_owned()),
            "{wrong:?}"
        );
    }
    host.stop().await;
}
