//! `phasegate serve`, as a person and a program meet it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::served::{Served, answer, campaign};
use crate::support::{PHASES, Workplace};

#[test]
fn a_server_greets_asks_for_its_token_and_ends_in_order() {
    let place = Workplace::new();
    let served = Served::start(&place, &[]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = std::fs::metadata(place.path("phasegate.redb.token")).expect("the token is kept");
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }
    let health = served.as_stranger("GET", "/healthz");
    assert_eq!((health.status, health.json()), (200, json!({ "status": "ok" })));
    let stranger = served.as_stranger("GET", "/api/v1/campaigns");
    assert_eq!(
        (stranger.status, &stranger.json()["code"]),
        (401, &json!("unauthorized"))
    );
    let listed = served.send("GET", "/campaigns", None);
    assert_eq!(
        (listed.status, listed.json()),
        (200, json!({ "items": [], "nextCursor": null }))
    );
    let metrics = answer(served.connect(
        "GET",
        "/metrics",
        &format!("Authorization: Bearer {}\r\n", served.token),
        "",
    ));
    assert!(
        metrics.text.contains("phasegate_campaigns{status=\"running\"} 0"),
        "{}",
        metrics.text
    );

    let held = place.run(&["list"]).exits_with(1);
    assert!(
        held.stderr.contains("is held by another process"),
        "{}",
        held.stderr
    );
    let taken = place
        .run(&["serve", "--db", "other.redb", "--listen", &served.address])
        .exits_with(1);
    assert!(taken.stderr.contains("can't be listened on"), "{}", taken.stderr);
    let token = served.token.clone();
    assert_eq!(served.terminate(), Some(0));
    let again = Served::start(&place, &[]);
    assert_eq!(again.token, token, "the token is made once");
}

#[test]
fn without_a_token_it_listens_on_the_loopback_only() {
    let place = Workplace::new();
    let refused = place
        .run(&["serve", "--no-auth", "--listen", "0.0.0.0:0"])
        .exits_with(2);
    assert!(refused.stderr.contains("loopback"), "{}", refused.stderr);
    assert!(!place.path("phasegate.redb").exists(), "nothing was made");
}

#[test]
fn a_host_that_is_none_is_refused_before_anything_is_made() {
    let place = Workplace::new();
    for wrong in [
        "phasegate.example:8080",
        "https://phasegate.example",
        "*.phasegate.example",
        "",
    ] {
        let refused = place.run(&["serve", "--allow-host", wrong]).exits_with(2);
        let named = format!("--allow-host: {wrong:?} is not a host");
        assert!(refused.stderr.contains(&named), "{}", refused.stderr);
    }
    assert!(!place.path("phasegate.redb").exists(), "nothing was made");
}

#[test]
fn a_chain_whose_server_is_killed_or_ended_goes_on_at_the_next_start_and_streams_resume() {
    let place = Workplace::new();
    let mut served = Served::start(&place, &["--sandbox"]);
    let personas = served.send("GET", "/resources/dns_persona", None).json();
    assert_eq!(personas["items"][0]["id"], "sandbox-dns");
    let created = served.send("POST", "/campaigns", Some(&campaign(300)));
    assert_eq!(created.status, 201, "{}", created.text);
    let id = created.json()["campaignId"].as_str().expect("an id").to_owned();
    let events = format!("/campaigns/{id}/events");
    let mut seen: Vec<Value> = Vec::new();
    let mut ends = 0;
    let started = served.send(
        "POST",
        &format!("/campaigns/{id}/phases/domain_generation/start"),
        None,
    );
    assert_eq!(started.status, 202, "{}", started.text);
    while seen
        .last()
        .is_none_or(|last| last["type"] != "campaign_completed")
    {
        let after = seen
            .last()
            .and_then(|last| last["cursor"].as_str())
            .unwrap_or_default()
            .to_owned();
        for event in served.events(&events, &after) {
            // In the middle of each of the three later phases, by kill -9 and by SIGTERM in turn.
            let disturb = event["type"] == "phase_auto_started";
            let over = event["type"] == "campaign_completed";
            seen.push(event);
            if disturb || over {
                break;
            }
        }
        if seen
            .last()
            .is_some_and(|last| last["type"] == "phase_auto_started")
        {
            ends += 1;
            match ends % 2 {
                0 => assert_eq!(served.terminate(), Some(0)),
                _ => drop(served),
            }
            served = Served::start(&place, &["--sandbox"]);
        }
    }
    assert_eq!(ends, 3);
    let numbers: Vec<_> = seen.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(
        numbers,
        (1..=numbers.len() as u64).collect::<Vec<_>>(),
        "each event once, over all the streams"
    );
    let count = |name: &str| seen.iter().filter(|event| event["type"] == name).count();
    assert_eq!(
        (
            count("phase_started"),
            count("phase_auto_started"),
            count("phase_completed")
        ),
        (1, 3, 4)
    );
    let shown = served.send("GET", &format!("/campaigns/{id}"), None).json();
    assert_eq!(shown["status"], "completed");
    for phase in PHASES {
        let lines = served.send(
            "GET",
            &format!("/campaigns/{id}/phases/{phase}/records?format=ndjson"),
            None,
        );
        let domains: Vec<String> = lines.text.lines().filter_map(domain).collect();
        let distinct: BTreeSet<&String> = domains.iter().collect();
        assert_eq!(domains.len(), distinct.len(), "{phase}: each record once");
        assert_eq!(shown["records"][phase], domains.len(), "{phase}");
    }
    let count = |phase: &str| shown["records"][phase].as_u64();
    assert_eq!((count(PHASES[0]), count(PHASES[1])), (Some(300), Some(300)));
    assert_eq!(
        count(PHASES[2]),
        count(PHASES[3]),
        "one for each domain that resolved"
    );
}

/// The domain of a record; nothing of a line that only measures a chunk.
fn domain(line: &str) -> Option<String> {
    let record: Value = serde_json::from_str(line).ok()?;
    Some(record.get("domain")?.as_str()?.to_owned())
}
