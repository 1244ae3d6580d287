//! Dry runs: what a command would do, and nothing of it done.

use serde_json::{Value, json};

use crate::support::{Answer, PHASES, Running, config};

fn types(answer: &Answer) -> Vec<String> {
    let told = answer.json();
    assert_eq!((answer.status, &told["accepted"]), (200, &json!(true)), "{told}");
    let events = told["events"].as_array().expect("events");
    let word = |event: &Value| event["type"].as_str().expect("a type").to_owned();
    events.iter().map(word).collect()
}

fn refused(answer: &Answer) -> (u64, String) {
    let told = answer.json();
    assert_eq!((answer.status, &told["accepted"]), (200, &json!(false)), "{told}");
    let problem = &told["problem"];
    let code = problem["code"].as_str().expect("a code").to_owned();
    (problem["status"].as_u64().expect("a status"), code)
}

#[tokio::test]
async fn every_command_tells_what_it_would_do_and_changes_nothing() {
    let host = Running::start().await;
    let id = host.campaign("full_sequence", &PHASES).await;
    let shown = host.client.get(&format!("/campaigns/{id}")).await.json();
    let at = |what: &str| format!("/campaigns/{id}{what}?dryRun=true");
    let client = host
        .client
        .with("phasegate-actor", "Ada")
        .with("idempotency-key", "k1");
    let started = client.tell(&at("/phases/collect/start")).await;
    assert_eq!(types(&started), ["phase_started"]);
    let started = started.json();
    assert_eq!(started["events"][0]["actor"], "Ada");
    assert_eq!(started["campaign"]["status"], "running");
    let configs = json!({"sort": config(5), "send": config(6)});
    let configured = client.put(&at("/configs"), &configs).await;
    assert_eq!(types(&configured), ["phase_configured"; 2]);
    let same = client.put(&at("/phases/sort/config"), &config(1)).await;
    assert_eq!(types(&same), [""; 0]);
    let removed = client.delete(&at("/phases/sort/config")).await;
    assert_eq!(types(&removed), ["phase_config_removed"]);
    assert_eq!(
        removed.json()["campaign"]["preflight"]["missingPhases"],
        json!(["sort"])
    );
    let mode = client.patch(&at("/mode"), &json!({"mode": "step_by_step"})).await;
    assert_eq!(types(&mode), ["mode_changed"]);
    let described = client
        .patch(&at(""), &json!({"attributes": {"team": "blue"}}))
        .await;
    assert_eq!(types(&described), ["campaign_described"]);
    let retry = client
        .put(&at("/phases/sort/retry"), &json!({"maxTries": 3}))
        .await;
    assert_eq!(types(&retry), ["phase_retry_set"]);
    assert_eq!(
        types(&client.tell(&at("/phases/sort/skip")).await),
        ["phase_skip_planned"]
    );
    assert_eq!(types(&client.tell(&at("/phases/sort/unskip")).await), [""; 0]);
    assert_eq!(
        types(&client.post(&at("/prune"), &json!({"keepRuns": 1})).await),
        [""; 0]
    );
    let deleted = client.delete(&at("")).await;
    assert_eq!(types(&deleted), ["campaign_deleted"]);
    assert_eq!(deleted.json()["campaign"], Value::Null);
    let after = host.client.get(&format!("/campaigns/{id}")).await.json();
    assert_eq!(after, shown, "nothing has changed");
    // The key was not used: another command may have it.
    let path = format!("/campaigns/{id}/phases/collect/start");
    assert_eq!(
        host.client.with("idempotency-key", "k1").tell(&path).await.status,
        202
    );
    host.until(&id, "completed").await;
    host.stop().await;
}

#[tokio::test]
async fn a_refusal_is_a_part_of_the_answer_as_the_command_itself_would_get_it() {
    let host = Running::start().await;
    let id = host.campaign("full_sequence", &PHASES[1..]).await;
    let at = |what: &str| format!("/campaigns/{id}{what}?dryRun=true");
    let missing = host.client.tell(&at("/phases/collect/start")).await;
    assert_eq!(refused(&missing), (409, "preflight_failed".to_owned()));
    assert_eq!(missing.json()["problem"]["missingPhases"], json!(["collect"]));
    let wrong = host.client.put(&at("/phases/collect/config"), &config(13)).await;
    assert_eq!(refused(&wrong), (400, "config_invalid".to_owned()));
    let pause = host.client.tell(&at("/pause")).await;
    assert_eq!(refused(&pause), (409, "not_running".to_owned()));
    let no_phase = host.client.tell(&at("/phases/mail/skip")).await;
    assert_eq!(refused(&no_phase), (404, "unknown_phase".to_owned()));
    // A request that is wrong in itself, or whose condition doesn't hold, is refused as ever.
    let stale = host.client.with("if-match", "\"1\"");
    let mode = stale.patch(&at("/mode"), &json!({"mode": "step_by_step"})).await;
    assert_eq!(mode.refusal(), (412, "precondition_failed".to_owned()));
    let sort = stale.put(&at("/phases/sort/config"), &config(2)).await;
    assert_eq!(sort.refusal(), (412, "precondition_failed".to_owned()));
    let retry = host
        .client
        .put(&at("/phases/sort/retry"), &json!({"maxTries": 0}))
        .await;
    assert_eq!(retry.refusal(), (400, "invalid_retry".to_owned()));
    let key = host
        .client
        .with("idempotency-key", "two words")
        .tell(&at("/pause"))
        .await;
    assert_eq!(key.refusal(), (400, "invalid_parameter".to_owned()));
    let mode = host
        .client
        .patch(&at("/mode"), &json!({"mode": "automatic"}))
        .await;
    assert_eq!(mode.refusal(), (400, "invalid_body".to_owned()));
    let gone = "/campaigns/0198a3c1-5b52-7c4e-9f5a-1d2e3f405162/pause?dryRun=true";
    assert_eq!(
        host.client.tell(gone).await.refusal(),
        (404, "not_found".to_owned())
    );
    host.stop().await;
}

#[tokio::test]
async fn a_creation_is_tried_with_all_that_comes_with_it() {
    let host = Running::start().await;
    let body = json!({
        "name": "spring", "configs": {"collect": config(1)}, "attributes": {"team": "blue"},
        "retry": {"sort": {"maxTries": 3}}, "skips": ["sort"]
    });
    let path = "/campaigns?dryRun=true";
    let keyed = host.client.with("idempotency-key", "k1");
    let tried = keyed.post(path, &body).await;
    assert_eq!(
        types(&tried),
        [
            "campaign_created",
            "phase_configured",
            "phase_retry_set",
            "phase_skip_planned"
        ]
    );
    assert_eq!(tried.json()["campaign"]["attributes"], json!({"team": "blue"}));
    let unknown = host
        .client
        .post(path, &json!({"name": "a", "skips": ["mail"]}))
        .await;
    assert_eq!(refused(&unknown), (400, "unknown_phase".to_owned()));
    assert_eq!(host.client.get("/campaigns").await.json()["items"], json!([]));
    assert_eq!(
        keyed.post("/campaigns", &json!({"name": "other"})).await.status,
        201
    );
    host.stop().await;
}

#[tokio::test]
async fn a_parameter_that_a_write_does_not_know_is_refused_and_nothing_is_done() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &["collect"]).await;
    let invalid = (400, "invalid_parameter".to_owned());
    for query in [
        "dryrun=true",
        "dryRun=yes",
        "dryRun",
        "dryRun=true&dryRun=true",
        "preview=true",
    ] {
        let start = format!("/campaigns/{id}/phases/collect/start?{query}");
        assert_eq!(host.client.tell(&start).await.refusal(), invalid, "{query}");
    }
    let note = "/resources/note/first?dryRun=true";
    assert_eq!(
        host.client.put(note, &json!({"text": "a"})).await.refusal(),
        invalid
    );
    assert_eq!(host.client.delete(note).await.refusal(), invalid);
    assert_eq!(
        host.client.get("/resources/note").await.json()["items"],
        json!([])
    );
    assert_eq!(
        host.client.get(&format!("/campaigns/{id}")).await.json()["status"],
        "idle"
    );
    let done = format!("/campaigns/{id}/phases/collect/start?dryRun=false");
    assert_eq!(host.client.tell(&done).await.status, 202);
    host.stop().await;
}

#[tokio::test]
async fn a_plan_is_checked_without_a_campaign() {
    let host = Running::start().await;
    let check = async |plan: Value| host.client.post("/preflight", &plan).await;
    let some =
        check(json!({"mode": "full_sequence", "configs": {"collect": config(1), "sort": config(13)}})).await;
    let report = some.json();
    assert_eq!((some.status, &report["ready"]), (200, &json!(false)));
    assert_eq!(report["missingPhases"], json!(["sort", "count", "send"]));
    assert_eq!(report["errors"][0]["keyword"], "unlucky");
    let all: serde_json::Map<_, _> = PHASES
        .iter()
        .map(|phase| ((*phase).to_owned(), config(1)))
        .collect();
    assert_eq!(check(json!({"configs": all})).await.json()["ready"], true);
    let unknown = check(json!({"configs": {"mail": {}}})).await;
    assert_eq!(unknown.refusal(), (400, "unknown_phase".to_owned()));
    let unknown = check(json!({"pipeline": "words", "configs": {}})).await;
    assert_eq!(unknown.refusal(), (400, "unknown_pipeline".to_owned()));
    assert_eq!(host.client.get("/campaigns").await.json()["items"], json!([]));
    host.stop().await;
}
