//! Campaigns, and what they are told to do.

use serde_json::{Value, json};

use crate::support::{PHASES, Running, config};

#[tokio::test]
async fn a_campaign_is_created_shown_switched_and_deleted() {
    let host = Running::start().await;
    let body = json!({"name": "spring", "pipeline": "letters", "mode": "full_sequence", "configs": {"collect": config(1)}});
    let created = host.client.post("/campaigns", &body).await;
    assert_eq!(created.status, 201);
    let id = created.json()["campaignId"].as_str().expect("an id").to_owned();
    assert_eq!(created.header("location"), format!("/api/v1/campaigns/{id}"));
    assert_eq!(created.header("etag"), "\"2\"");
    let shown = host.client.get(&format!("/campaigns/{id}")).await;
    assert_eq!((shown.status, shown.header("etag")), (200, "\"2\""));
    let shown = shown.json();
    assert_eq!(
        (&shown["name"], &shown["mode"], &shown["status"]),
        (&json!("spring"), &json!("full_sequence"), &json!("idle"))
    );
    let set = host
        .client
        .patch(&format!("/campaigns/{id}/mode"), &json!({"mode": "step_by_step"}))
        .await;
    assert_eq!(set.json(), json!({"campaignId": id, "mode": "step_by_step"}));
    let wrong = host
        .client
        .patch(&format!("/campaigns/{id}/mode"), &json!({"mode": "automatic"}))
        .await;
    assert_eq!(wrong.refusal(), (400, "invalid_body".to_owned()));
    assert_eq!(wrong.json()["errors"][0]["pointer"], "/mode");
    assert_eq!(host.client.delete(&format!("/campaigns/{id}")).await.status, 204);
    let gone = host.client.get(&format!("/campaigns/{id}")).await;
    assert_eq!(gone.refusal(), (404, "not_found".to_owned()));
    host.stop().await;
}

#[tokio::test]
async fn unknown_members_are_refused_and_wrong_configs_are_all_named() {
    let host = Running::start().await;
    let post = async |body: Value| host.client.post("/campaigns", &body).await;
    let flag = post(json!({"name": "spring", "is_full_sequence_mode": true})).await;
    assert_eq!(flag.refusal(), (400, "invalid_body".to_owned()));
    assert_eq!(flag.json()["errors"][0]["pointer"], "/is_full_sequence_mode");
    assert_eq!(
        post(json!({"name": " "})).await.refusal(),
        (400, "invalid_name".to_owned())
    );
    assert_eq!(
        post(json!({"name": "a", "pipeline": "words"})).await.refusal(),
        (400, "unknown_pipeline".to_owned())
    );
    let unknown = post(json!({"name": "a", "configs": {"mail": {}}})).await;
    assert_eq!(unknown.refusal(), (400, "unknown_phase".to_owned()));
    let wrong =
        post(json!({"name": "a", "configs": {"sort": {"records": 13}, "collect": {"records": -1, "x": 1}}}))
            .await;
    assert_eq!(wrong.refusal(), (400, "config_invalid".to_owned()));
    let wrong = wrong.json();
    let places: Vec<_> = wrong["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| format!("{} {} {}", error["phase"], error["pointer"], error["keyword"]).replace('"', ""))
        .collect();
    assert_eq!(
        places,
        [
            "collect /records minimum",
            "collect /x additionalProperties",
            "sort /records unlucky"
        ]
    );
    assert_eq!(
        host.client.get("/campaigns").await.json()["items"],
        json!([]),
        "nothing was created"
    );
    host.stop().await;
}

#[tokio::test]
async fn a_start_names_exactly_the_phases_that_lack_a_config_for_each_of_the_15_subsets() {
    let host = Running::start().await;
    for subset in 1..16 {
        let out = |index: usize| subset & (1 << index) != 0;
        let (missing, there): (Vec<_>, Vec<_>) = (0..4).partition(|index| out(*index));
        let names = |indices: &[usize]| indices.iter().map(|index| PHASES[*index]).collect::<Vec<_>>();
        let id = host.campaign("full_sequence", &names(&there)).await;
        let refused = host
            .client
            .tell(&format!("/campaigns/{id}/phases/collect/start"))
            .await;
        assert_eq!(refused.refusal(), (409, "preflight_failed".to_owned()));
        let refused = refused.json();
        assert_eq!(refused["missingPhases"], json!(names(&missing)));
        let blamed: Vec<_> = refused["errors"]
            .as_array()
            .expect("errors")
            .iter()
            .map(|error| &error["phase"])
            .collect();
        assert_eq!(json!(blamed), json!(names(&missing)));
        let preflight = host
            .client
            .get(&format!("/campaigns/{id}/preflight"))
            .await
            .json();
        assert_eq!(
            (&preflight["ready"], &preflight["missingPhases"]),
            (&json!(false), &refused["missingPhases"])
        );
        assert_eq!(
            host.client.get(&format!("/campaigns/{id}")).await.json()["status"],
            "idle",
            "nothing was started"
        );
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_concurrent_starts_one_is_accepted_and_the_others_say_that_it_runs() {
    let host = Running::start().await;
    let id = host.campaign("full_sequence", &PHASES[1..]).await;
    let hold = json!({"records": 1, "hold": true});
    assert_eq!(
        host.client
            .put(&format!("/campaigns/{id}/phases/collect/config"), &hold)
            .await
            .status,
        200
    );
    let path = format!("/campaigns/{id}/phases/collect/start");
    let answers = futures::future::join_all((0..200).map(|_| host.client.tell(&path))).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 202);
    assert_eq!(accepted.len(), 1);
    assert!(
        refused
            .iter()
            .all(|answer| answer.refusal() == (409, "already_running".to_owned()))
    );
    host.gate.open();
    host.until(&id, "completed").await;
    host.stop().await;
}

#[tokio::test]
async fn a_phase_is_paused_resumed_stopped_and_restarted() {
    let host = Running::start().await;
    let id = host.campaign("step_by_step", &[]).await;
    let at = |what: &str| format!("/campaigns/{id}/{what}");
    let refusals = [
        ("pause", (409, "not_running")),
        ("stop", (409, "not_running")),
        ("resume", (409, "not_paused")),
    ];
    for (command, (status, code)) in refusals {
        assert_eq!(
            host.client.tell(&at(command)).await.refusal(),
            (status, code.to_owned())
        );
    }
    let hold = json!({"records": 2, "hold": true});
    assert_eq!(
        host.client.put(&at("phases/collect/config"), &hold).await.status,
        200
    );
    let refused = host.client.tell(&at("phases/count/start")).await;
    assert_eq!(refused.refusal(), (409, "out_of_order".to_owned()));
    assert_eq!(refused.json()["expected"], "collect");
    assert_eq!(refused.json()["state"], "not_started");
    let refused = host.client.tell(&at("phases/collect/restart")).await;
    assert_eq!(refused.refusal(), (409, "not_started".to_owned()));
    assert_eq!(host.client.tell(&at("phases/collect/start")).await.status, 202);
    let locked = host.client.put(&at("phases/collect/config"), &config(3)).await;
    assert_eq!(locked.refusal(), (409, "phase_locked".to_owned()));
    assert_eq!(host.client.tell(&at("pause")).await.status, 200);
    assert_eq!(
        host.client.get(&at("")[..at("").len() - 1]).await.json()["status"],
        "paused",
        "the answer came when it was at rest"
    );
    let refused = host.client.tell(&at("phases/collect/start")).await;
    assert_eq!(refused.refusal(), (409, "paused".to_owned()));
    assert_eq!(host.client.tell(&at("resume")).await.status, 200);
    assert_eq!(host.client.tell(&at("stop")).await.status, 200);
    host.until(&id, "stopped").await;
    let started = host.client.delete(&at("phases/collect/config")).await;
    assert_eq!(started.refusal(), (409, "phase_started".to_owned()));
    let wrong = host
        .client
        .post(&at("phases/collect/restart"), &json!({"config": {"records": 13}}))
        .await;
    assert_eq!(wrong.refusal(), (400, "config_invalid".to_owned()));
    let restarted = host
        .client
        .post(&at("phases/collect/restart"), &json!({"config": config(5)}))
        .await;
    assert_eq!(restarted.status, 202);
    let shown = host.until(&id, "idle").await;
    assert_eq!(
        (
            &shown["position"],
            &shown["records"]["collect"],
            &shown["phases"][0]["run"]
        ),
        (&json!(1), &json!(5), &json!(2))
    );
    host.stop().await;
}

#[tokio::test]
async fn a_chain_that_meets_a_missing_config_waits_and_names_it() {
    let host = Running::start().await;
    let id = host.campaign("full_sequence", &PHASES[1..]).await;
    let hold = json!({"records": 0, "hold": true});
    host.client
        .put(&format!("/campaigns/{id}/phases/collect/config"), &hold)
        .await;
    assert_eq!(
        host.client
            .tell(&format!("/campaigns/{id}/phases/collect/start"))
            .await
            .status,
        202
    );
    assert_eq!(
        host.client
            .delete(&format!("/campaigns/{id}/phases/count/config"))
            .await
            .status,
        204
    );
    host.gate.open();
    let shown = host.until(&id, "waiting_for_configuration").await;
    assert_eq!(shown["preflight"]["missingPhases"], json!(["count"]));
    let listed = host
        .client
        .get("/campaigns?status=waiting_for_configuration")
        .await
        .json();
    assert_eq!(listed["items"][0]["id"], json!(id));
    assert_eq!(
        host.client.get("/campaigns?status=idle").await.json()["items"],
        json!([])
    );
    assert_eq!(
        host.client
            .put(&format!("/campaigns/{id}/phases/count/config"), &config(0))
            .await
            .status,
        200
    );
    assert_eq!(
        host.client
            .tell(&format!("/campaigns/{id}/phases/count/start"))
            .await
            .status,
        202
    );
    host.until(&id, "completed").await;
    host.stop().await;
}

#[tokio::test]
async fn campaigns_are_listed_by_page_and_by_status() {
    let host = Running::start().await;
    let mut ids = Vec::new();
    for index in 0..7 {
        let id = host.campaign("step_by_step", &["collect"]).await;
        if index % 2 == 0 {
            host.client
                .tell(&format!("/campaigns/{id}/phases/collect/start"))
                .await;
            host.until(&id, "idle").await;
        }
        ids.push(id);
    }
    ids.reverse();
    let mut listed = Vec::new();
    let mut path = "/campaigns?limit=3".to_owned();
    loop {
        let page = host.client.get(&path).await.json();
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= 3);
        listed.extend(
            items
                .iter()
                .map(|one| one["id"].as_str().expect("an id").to_owned()),
        );
        match page["nextCursor"].as_str() {
            Some(next) => path = format!("/campaigns?limit=3&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(listed, ids, "the newest first, each once");
    let oldest = host
        .client
        .get("/campaigns?limit=1&order=oldest_first")
        .await
        .json();
    assert_eq!(
        (&oldest["items"][0]["id"], &oldest["nextCursor"]),
        (&json!(ids[6]), &json!(ids[6]))
    );
    let next = format!("/campaigns?limit=1&order=oldest_first&cursor={}", ids[6]);
    assert_eq!(
        host.client.get(&next).await.json()["items"][0]["id"],
        json!(ids[5])
    );
    assert_eq!(
        host.client.get("/campaigns?status=completed").await.json(),
        json!({"items": [], "nextCursor": null})
    );
    let page = host.client.get("/campaigns?status=idle&limit=5").await.json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(5));
    for wrong in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "status=asleep",
        "order=random",
        "colour=red",
        "limit=1&limit=2",
    ] {
        let refused = host.client.get(&format!("/campaigns?{wrong}")).await;
        assert_eq!(
            refused.refusal(),
            (400, "invalid_parameter".to_owned()),
            "{wrong}"
        );
    }
    host.stop().await;
}

#[tokio::test]
async fn campaigns_are_found_by_a_part_of_their_name_in_either_case() {
    let host = Running::start().await;
    let create = async |name: &str, config: Value| {
        let body = json!({"name": name, "configs": {"collect": config}});
        let created = host.client.post("/campaigns", &body).await.json();
        created["campaignId"].as_str().expect("an id").to_owned()
    };
    for name in ["Spring sale", "SPRING & more", "Frühling", "ΟΔΟΣ 1", "offspring"] {
        create(name, config(0)).await;
    }
    let runs = create("spring, again", json!({"records": 0, "hold": true})).await;
    let start = format!("/campaigns/{runs}/phases/collect/start");
    assert_eq!(host.client.tell(&start).await.status, 202);
    let found = async |query: &str| {
        let page = host.client.get(&format!("/campaigns?{query}")).await.json();
        let items = page["items"].as_array().expect("items").clone();
        let names: Vec<_> = items
            .iter()
            .map(|one| one["name"].as_str().expect("a name").to_owned())
            .collect();
        (names, page["nextCursor"].as_str().map(str::to_owned))
    };
    let all = ["spring, again", "offspring", "SPRING & more", "Spring sale"].map(str::to_owned);
    assert_eq!(found("name=sPrInG").await, (all.to_vec(), None));
    let (first, next) = found("name=spring&limit=3").await;
    assert_eq!(first, all[..3]);
    let next = next.expect("one is left");
    assert_eq!(
        found(&format!("name=spring&limit=3&cursor={next}")).await,
        (all[3..].to_vec(), None)
    );
    assert_eq!(found("name=SPRING+%26+more").await.0, ["SPRING & more"]);
    assert_eq!(found("name=FR%C3%9CH").await.0, ["Frühling"]);
    // The sigma at the end of a word is another one at the end of a part of it.
    assert_eq!(found("name=%CE%BF%CE%B4%CE%BF%CF%83").await.0, ["ΟΔΟΣ 1"]);
    assert_eq!(found("name=winter").await, (vec![], None));
    assert_eq!(found("name=").await.0.len(), 6);
    assert_eq!(
        found("name=spring&status=running").await,
        (all[..1].to_vec(), None)
    );
    assert_eq!(found("name=spring&status=idle").await, (all[1..].to_vec(), None));
    assert_eq!(found("name=sale&status=running").await, (vec![], None));
    host.stop().await;
}

#[tokio::test]
async fn a_search_looks_at_so_many_campaigns_at_a_time_and_says_where_to_go_on() {
    let host = Running::start().await;
    let create = async |name: &str| {
        let created = host.engine.create(phasegate::NewCampaign::new(name)).await;
        created.expect("a campaign").id().to_string()
    };
    let needle = create("needle").await;
    let mut last = String::new();
    for index in 0..5_000 {
        let hay = create("hay").await;
        if index == 0 {
            last = hay;
        }
    }
    let page = host.client.get("/campaigns?name=needle&limit=1").await.json();
    assert_eq!(page, json!({"items": [], "nextCursor": last}));
    let rest = host
        .client
        .get(&format!("/campaigns?name=needle&limit=1&cursor={last}"))
        .await
        .json();
    assert_eq!(
        (&rest["items"][0]["id"], &rest["nextCursor"]),
        (&json!(needle), &json!(null))
    );
    host.stop().await;
}
