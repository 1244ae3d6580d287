//! Events: streams that resume exactly, and pages.

use serde_json::{Value, json};

use crate::support::{PHASES, Running, SseEvent, config};

/// The types of a chain of four phases, from its creation with all configs.
const CHAIN: [&str; 14] = [
    "campaign_created",
    "phase_configured",
    "phase_configured",
    "phase_configured",
    "phase_configured",
    "phase_started",
    "phase_completed",
    "phase_auto_started",
    "phase_completed",
    "phase_auto_started",
    "phase_completed",
    "phase_auto_started",
    "phase_completed",
    "campaign_completed",
];

async fn completed(host: &Running) -> String {
    let id = host.campaign("full_sequence", &PHASES).await;
    assert_eq!(
        host.client
            .tell(&format!("/campaigns/{id}/phases/collect/start"))
            .await
            .status,
        202
    );
    host.until(&id, "completed").await;
    id
}

fn types(events: &[SseEvent]) -> Vec<&str> {
    events.iter().map(|event| event.event.as_str()).collect()
}

#[tokio::test]
async fn a_stream_tells_a_chain_in_order_while_it_runs_each_event_after_its_commit() {
    let host = Running::start().await;
    let id = host.campaign("full_sequence", &PHASES).await;
    let path = format!("/campaigns/{id}/events");
    let mut stream = host.client.events(&path, None).await;
    assert_eq!(stream.headers["x-accel-buffering"], "no");
    assert_eq!(stream.headers["cache-control"], "no-store, no-transform");
    assert_eq!(
        host.client
            .tell(&format!("/campaigns/{id}/phases/collect/start"))
            .await
            .status,
        202
    );
    let mut seen = Vec::new();
    while seen.len() < CHAIN.len() {
        let event = stream.next_fact().await.expect("the stream goes on");
        let data: Value = serde_json::from_str(&event.data).expect("JSON");
        assert_eq!(data["cursor"].as_str(), event.id.as_deref());
        assert_eq!(
            (&data["type"], &data["campaignId"]),
            (&json!(event.event), &json!(id))
        );
        let seq = data["seq"].as_u64().expect("a number");
        assert_eq!(seq, seen.len() as u64 + 1);
        let committed = host.client.get(&format!("/campaigns/{id}")).await.json();
        assert!(
            committed["version"].as_u64() >= Some(seq),
            "it was sent before its commit"
        );
        seen.push(event);
    }
    assert_eq!(types(&seen), CHAIN);
    host.stop().await;
}

#[tokio::test]
async fn a_stream_after_the_latest_event_tells_only_what_is_still_to_come() {
    let host = Running::start().await;
    // Of an empty log that is everything.
    let mut stream = host.client.events("/events?lastEventId=latest", None).await;
    host.campaign("full_sequence", &[]).await;
    let first = stream.next_fact().await.expect("the stream goes on");
    assert_eq!(first.event, "campaign_created");
    let id = host.campaign("full_sequence", &PHASES).await;
    for path in ["/events".to_owned(), format!("/campaigns/{id}/events")] {
        let mut stream = host.client.events(&path, Some("latest")).await;
        let mode = format!("/campaigns/{id}/mode");
        for mode_name in ["step_by_step", "full_sequence"] {
            let set = host.client.patch(&mode, &json!({"mode": mode_name})).await;
            assert_eq!(set.status, 200);
        }
        let told = stream.next_fact().await.expect("the stream goes on");
        let data: Value = serde_json::from_str(&told.data).expect("JSON");
        assert_eq!(
            (&data["type"], &data["mode"]),
            (&json!("mode_changed"), &json!("step_by_step"))
        );
    }
    host.stop().await;
}

#[tokio::test]
async fn a_client_that_drops_and_resumes_at_every_event_sees_the_same_list() {
    let host = Running::start().await;
    let id = completed(&host).await;
    let path = format!("/campaigns/{id}/events");
    let mut resumed: Vec<SseEvent> = Vec::new();
    while resumed.len() < CHAIN.len() {
        let last = resumed.last().and_then(|event| event.id.clone());
        let mut stream = match resumed.len() % 2 {
            0 => host.client.events(&path, last.as_deref()).await,
            // By the query, as a client does that can't send the header.
            _ => {
                host.client
                    .events(&format!("{path}?lastEventId={}", last.unwrap_or_default()), None)
                    .await
            }
        };
        resumed.push(stream.next_fact().await.expect("there is another one"));
    }
    assert_eq!(types(&resumed), CHAIN);
    let mut whole = host.client.events(&path, None).await;
    for event in &resumed {
        assert_eq!(whole.next_fact().await.as_ref(), Some(event));
    }
    let json = host.client.with("accept", "application/json");
    let mut paged = Vec::new();
    let mut next = format!("{path}?limit=3");
    loop {
        let page = json.get(&next).await.json();
        let items = page["items"].as_array().expect("items");
        paged.extend(
            items
                .iter()
                .map(|event| event["type"].as_str().expect("a type").to_owned()),
        );
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("{path}?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(paged, CHAIN);
    host.stop().await;
}

#[tokio::test]
async fn a_stream_resumes_over_a_restart_of_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("campaigns.redb");
    let host = Running::open(&path).await;
    let id = host.campaign("full_sequence", &PHASES[1..]).await;
    let hold = json!({"records": 3, "hold": true});
    host.client
        .put(&format!("/campaigns/{id}/phases/collect/config"), &hold)
        .await;
    let events = format!("/campaigns/{id}/events");
    let mut stream = host.client.events(&events, None).await;
    host.client
        .tell(&format!("/campaigns/{id}/phases/collect/start"))
        .await;
    let mut last = None;
    loop {
        let event = stream.next_fact().await.expect("it goes on");
        last = event.id.clone().or(last);
        if event.event == "phase_started" {
            break;
        }
    }
    host.stop().await;
    assert_eq!(stream.next_fact().await, None, "the stream ended with the server");
    let host = Running::open(&path).await;
    assert_eq!(
        host.client.get(&format!("/campaigns/{id}")).await.json()["status"],
        "running",
        "a shutdown is no pause"
    );
    let mut stream = host.client.events(&events, last.as_deref()).await;
    host.engine.recover().await.expect("it is recovered");
    host.gate.open();
    let mut seen = Vec::new();
    while seen.last().map(String::as_str) != Some("campaign_completed") {
        seen.push(stream.next_fact().await.expect("it goes on").event);
    }
    assert_eq!(seen[0], "phase_recovered");
    assert_eq!(seen[1..], CHAIN[6..]);
    let shown = host.client.get(&format!("/campaigns/{id}")).await.json();
    assert_eq!(shown["records"]["collect"], 3, "each record once");
    host.stop().await;
}

#[tokio::test]
async fn progress_is_told_without_an_id_and_only_when_it_changed() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &[]).await;
    let hold = json!({"records": 1_500, "hold": true});
    host.client
        .put(&format!("/campaigns/{id}/phases/collect/config"), &hold)
        .await;
    let mut of_campaign = host.client.events(&format!("/campaigns/{id}/events"), None).await;
    let mut of_store = host.client.events("/events", None).await;
    host.client
        .tell(&format!("/campaigns/{id}/phases/collect/start"))
        .await;
    for stream in [&mut of_campaign, &mut of_store] {
        let mut told = Vec::new();
        loop {
            let event = stream.next().await.expect("it goes on");
            if event.event == "progress" {
                assert_eq!(event.id, None);
                let data: Value = serde_json::from_str(&event.data).expect("JSON");
                assert!(!told.contains(&event.data), "it is told once");
                told.push(event.data);
                if data["done"] == 1_500 {
                    let expected = json!({
                        "type": "progress", "campaignId": id, "phase": "collect", "run": 1, "attempt": 1, "done": 1_500, "total": 1_500,
                    });
                    assert_eq!(data, expected);
                    break;
                }
            }
        }
    }
    let shown = host.client.get(&format!("/campaigns/{id}")).await.json();
    assert_eq!(shown["progress"]["done"], 1_500);
    host.gate.open();
    host.until(&id, "idle").await;
    host.stop().await;
}

#[tokio::test]
async fn the_stream_of_a_deleted_campaign_tells_it_and_ends() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &[]).await;
    let path = format!("/campaigns/{id}/events");
    let mut stream = host.client.events(&path, None).await;
    assert_eq!(
        stream.next_fact().await.map(|event| event.event).as_deref(),
        Some("campaign_created")
    );
    host.client.delete(&format!("/campaigns/{id}")).await;
    assert_eq!(
        stream.next_fact().await.map(|event| event.event).as_deref(),
        Some("campaign_deleted")
    );
    assert_eq!(stream.next_fact().await, None);
    host.stop().await;
}

#[tokio::test]
async fn a_cursor_that_is_none_and_a_stream_too_many_are_refused() {
    let limits = phasegate_server::Limits {
        streams: 2,
        ..Default::default()
    };
    let host = Running::over(phasegate_testkit::storage::MemoryStorage::new(), limits).await;
    let id = host.campaign("step_by_step", &["collect"]).await;
    let path = format!("/campaigns/{id}/events");
    let wrong = host.client.with("last-event-id", "yesterday").get(&path).await;
    assert_eq!(wrong.refusal(), (400, "invalid_cursor".to_owned()));
    let first = host.client.events(&path, None).await;
    let _second = host.client.events("/events", None).await;
    for path in [
        path.clone(),
        format!("/campaigns/{id}/phases/collect/records?format=ndjson"),
    ] {
        let refused = host.client.get(&path).await;
        assert_eq!(refused.refusal(), (503, "too_many_streams".to_owned()));
        assert_eq!(refused.header("retry-after"), "5");
    }
    drop(first);
    // The server sees the end of a connection a moment later.
    let again = async {
        loop {
            let answer = host
                .client
                .get(&format!("/campaigns/{id}/phases/collect/records?format=ndjson"))
                .await;
            if answer.status == 200 {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, again)
        .await
        .expect("the place is free again");
    host.stop().await;
}

#[tokio::test]
async fn the_store_wide_stream_follows_every_campaign() {
    let host = Running::start().await;
    let mut stream = host.client.events("/events", None).await;
    let one = host.campaign("step_by_step", &[]).await;
    let other = host.campaign("step_by_step", &[]).await;
    host.client
        .put(&format!("/campaigns/{one}/phases/sort/config"), &config(1))
        .await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let event = stream.next_fact().await.expect("it goes on");
        let data: Value = serde_json::from_str(&event.data).expect("JSON");
        seen.push((
            event.event,
            data["campaignId"].as_str().unwrap_or_default().to_owned(),
        ));
    }
    let expected = [
        ("campaign_created", &one),
        ("campaign_created", &other),
        ("phase_configured", &one),
    ];
    assert_eq!(seen, expected.map(|(event, id)| (event.to_owned(), id.clone())));
    host.stop().await;
}
