//! Records: pages, filters, and all of them as a stream.

use serde_json::{Value, json};

use crate::support::{Running, config};

async fn with_records(host: &Running, count: u64) -> String {
    let id = host.campaign("step_by_step", &[]).await;
    host.client
        .put(&format!("/campaigns/{id}/phases/collect/config"), &config(count))
        .await;
    host.client
        .tell(&format!("/campaigns/{id}/phases/collect/start"))
        .await;
    host.until(&id, "idle").await;
    id
}

async fn all_pages(host: &Running, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut next = path.to_owned();
    loop {
        let page = host.client.get(&next).await.json();
        all.extend(page["items"].as_array().expect("items").clone());
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("{path}&cursor={cursor}"),
            None => return all,
        }
    }
}

fn indices(records: &[Value]) -> Vec<u64> {
    records
        .iter()
        .filter_map(|record| record["index"].as_u64())
        .collect()
}

#[tokio::test]
async fn pages_hold_every_record_once_in_order() {
    let host = Running::start().await;
    let id = with_records(&host, 250).await;
    let path = format!("/campaigns/{id}/phases/collect/records");
    assert_eq!(
        indices(&all_pages(&host, &format!("{path}?limit=50")).await),
        (0..250).collect::<Vec<_>>()
    );
    assert_eq!(
        host.client.get(&format!("{path}?limit=250")).await.json()["nextCursor"],
        Value::Null
    );
    let none = host
        .client
        .get(&format!("/campaigns/{id}/phases/sort/records"))
        .await
        .json();
    assert_eq!(none, json!({"items": [], "nextCursor": null}));
    host.stop().await;
}

#[tokio::test]
async fn a_filter_keeps_the_records_that_have_these_values() {
    let host = Running::start().await;
    let id = with_records(&host, 2_500).await;
    let path = format!("/campaigns/{id}/phases/collect/records");
    let even = all_pages(&host, &format!("{path}?even=true&limit=999")).await;
    assert_eq!(indices(&even), (0..2_500).step_by(2).collect::<Vec<_>>());
    let one = host
        .client
        .get(&format!("{path}?even=true&index=2400"))
        .await
        .json();
    assert_eq!(indices(one["items"].as_array().expect("items")), [2_400]);
    let none = host.client.get(&format!("{path}?colour=red")).await.json();
    assert_eq!(none, json!({"items": [], "nextCursor": null}));
    host.stop().await;
}

#[tokio::test]
async fn all_records_stream_as_lines_and_as_rows() {
    let host = Running::start().await;
    let id = with_records(&host, 3_000).await;
    let path = format!("/campaigns/{id}/phases/collect/records");
    let lines = host
        .client
        .with("accept", "application/x-ndjson")
        .get(&path)
        .await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let records: Vec<Value> = lines
        .text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(indices(&records), (0..3_000).collect::<Vec<_>>());
    let rows = host.client.get(&format!("{path}?format=csv&even=false")).await;
    assert_eq!(rows.header("content-type"), "text/csv; charset=utf-8");
    let mut rows = rows.text.split("\r\n");
    let head: std::collections::BTreeSet<_> = rows.next().expect("a line of names").split(',').collect();
    assert_eq!(head, ["even", "index", "name", "pad"].into());
    let rows: Vec<_> = rows.filter(|row| !row.is_empty()).collect();
    assert_eq!(rows.len(), 1_500);
    assert!(rows[0].contains("\"n1, \"\"1\"\"\""), "{}", rows[0]);
    host.stop().await;
}

#[tokio::test]
async fn a_cursor_stays_with_its_run_and_older_runs_can_be_read() {
    let host = Running::start().await;
    let id = with_records(&host, 5).await;
    let path = format!("/campaigns/{id}/phases/collect/records");
    let first = host.client.get(&format!("{path}?limit=2")).await.json();
    let cursor = first["nextCursor"].as_str().expect("more follow").to_owned();
    let restart = json!({"config": config(3)});
    assert_eq!(
        host.client
            .post(&format!("/campaigns/{id}/phases/collect/restart"), &restart)
            .await
            .status,
        202
    );
    host.until(&id, "idle").await;
    assert_eq!(all_pages(&host, &format!("{path}?limit=9")).await.len(), 3);
    let rest = host.client.get(&format!("{path}?cursor={cursor}")).await.json();
    assert_eq!(indices(rest["items"].as_array().expect("items")), [2, 3, 4]);
    assert_eq!(all_pages(&host, &format!("{path}?run=1")).await.len(), 5);
    assert_eq!(
        host.client.get(&format!("{path}?run=3")).await.refusal(),
        (404, "run_not_found".to_owned())
    );
    for wrong in [
        "run=0",
        "run=x",
        "cursor=x",
        "cursor=0.1",
        "limit=0",
        "format=xml",
        "limit=1&limit=2",
    ] {
        let refused = host.client.get(&format!("{path}?{wrong}")).await;
        assert_eq!(
            refused.refusal(),
            (400, "invalid_parameter".to_owned()),
            "{wrong}"
        );
    }
    host.stop().await;
}
