//! The commands about campaigns, with a server instead of a file.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::support::served::{Served, campaign};
use crate::support::{Workplace, plan};

/// The address of a server, for `--url`.
fn url(served: &Served) -> String {
    format!("http://{}", served.address)
}

/// A campaign that was created and not started, and its id.
fn created(served: &Served, campaign: &Value) -> String {
    let created = served.send("POST", "/campaigns", Some(campaign));
    assert_eq!(created.status, 201, "{}", created.text);
    created.json()["campaignId"].as_str().expect("an id").to_owned()
}

#[test]
fn a_server_is_asked_in_the_same_words_as_a_file_and_answers_in_them() {
    let place = Workplace::new();
    place.plan(&plan("full_sequence", 60));
    place.run_plan().exits_with(0);
    let mut later = plan("step_by_step", 10);
    later["name"] = json!("later");
    place.plan(&later);
    place.run_plan().exits_with(0);
    place.write("wrong.json", r#"{"keyword": ""}"#);
    place.write("right.json", r#"{"keyword": "phasegate"}"#);
    let asked: &[&[&str]] = &[
        &["list"],
        &["list", "--json"],
        &["show", "leads"],
        &["show", "leads", "--json"],
        &["show", "later"],
        &["show", "nobody"],
        &["show", "01a20bef-f3cb-7154-ba14-8a80ed1d58eb"],
        &["events"],
        &["events", "leads"],
        &["events", "leads", "--json"],
        &["events", "--after", "nonsense"],
        &["records", "leads", "domain_generation"],
        &["records", "leads", "dns_validation", "--format", "csv"],
        &[
            "records",
            "leads",
            "http_validation",
            "--from",
            "3",
            "--limit",
            "4",
        ],
        &[
            "records", "leads", "analysis", "--format", "table", "--limit", "3",
        ],
        &["records", "leads", "analysis", "--run", "1", "--limit", "1"],
        &["records", "leads", "analysis", "--run", "7"],
        &["records", "leads", "analysis", "--run", "0"],
        &["records", "leads", "nothing"],
        &["records", "leads", "No Name"],
        &["configure", "leads", "nothing", "right.json"],
        &["configure", "leads", "analysis", "wrong.json"],
        &["configure", "leads", "analysis", "right.json"],
        &["unconfigure", "leads", "analysis"],
        &["mode", "leads", "full_sequence"],
        &["start", "leads"],
        &["start", "leads", "analysis"],
        &["start", "later", "analysis"],
        &["unconfigure", "later", "domain_generation"],
        &["restart", "leads", "analysis", "--config", "wrong.json"],
        &["resume", "leads"],
        &["pause", "leads"],
        &["stop", "leads"],
        &["delete", "leads"],
    ];
    let in_file: Vec<_> = asked.iter().map(|words| place.run(words)).collect();
    for code in [0, 2, 3] {
        assert!(
            in_file.iter().any(|done| done.code == code),
            "none exits with {code}"
        );
    }
    let served = Served::start(&place, &[]);
    for (words, in_file) in asked.iter().zip(in_file) {
        let at_server = place.run(&[*words, &["--url", &url(&served)]].concat());
        assert_eq!(
            (at_server.code, at_server.stdout, at_server.stderr),
            (in_file.code, in_file.stdout, in_file.stderr),
            "{words:?}"
        );
    }
}

#[test]
fn what_is_changed_at_a_server_is_told_as_it_is_of_a_file() {
    let place = Workplace::new();
    let served = Served::start(&place, &["--sandbox"]);
    let id = created(&served, &json!({ "name": "leads" }));
    place.write("right.json", r#"{"keyword": "phasegate"}"#);
    let url = url(&served);
    let run = |words: &[&str]| place.run(&[words, &["--url", &url]].concat());
    let says = |words: &[&str], said: &str| {
        let done = run(words).exits_with(0);
        assert_eq!(done.stdout, format!("{said}\n"), "{words:?}");
    };
    let configure = ["configure", "leads", "analysis", "right.json"];
    says(&configure, "the config of analysis is stored");
    says(&configure, "the config of analysis was stored already");
    let unconfigure = ["unconfigure", "leads", "analysis"];
    says(&unconfigure, "the config of analysis is taken away");
    says(&unconfigure, "the config of analysis was not there");
    let mode = ["mode", "leads", "full_sequence"];
    says(&mode, "leads is now in full_sequence");
    says(&mode, "leads is already in full_sequence");

    let refused = run(&["start", "leads"]).exits_with(3);
    assert!(
        refused.stderr.contains("│ analysis "),
        "a table: {}",
        refused.stderr
    );
    let refused = run(&["start", "leads", "--json"]).exits_with(3).json_lines();
    assert_eq!(refused[0]["code"], "preflight_failed");
    assert_eq!(refused[0]["missingPhases"].as_array().map(Vec::len), Some(4));
    run(&["start", "leads", "--sandbox"]).exits_with(2);

    run(&["delete", "leads"]).exits_with(2);
    says(&["delete", "leads", "--yes"], &format!("leads ({id}) is deleted"));
    run(&["show", "leads"]).exits_with(2);
}

#[test]
fn a_campaign_at_a_server_is_followed_until_it_rests_and_leaving_does_not_pause_it() {
    let place = Workplace::new();
    let served = Served::start(&place, &["--sandbox"]);
    created(&served, &campaign(600));
    let url = url(&served);
    let run = |words: &[&str]| place.run(&[words, &["--url", &url]].concat());
    // At one domain a second it runs for as long as this needs.
    let path = "/resources/dns_persona/sandbox-dns";
    let persona = served.send("GET", path, None).json();
    let mut slow = persona.clone();
    slow["ratePerSecond"] = json!(1);
    assert_eq!(served.send("PUT", path, Some(&slow)).status, 200);

    let mut follower = place.start(&["start", "leads", "--json", "--url", &url]);
    follower.until("phase_auto_started");
    let paused = run(&["pause", "leads"]).exits_with(0);
    assert_eq!(paused.stdout, "leads is paused: 'phasegate resume' carries on.\n");
    follower.until("phase_paused");
    assert_eq!(
        follower.end(),
        Some(1),
        "it was not interrupted here, and is not done"
    );

    let mut follower = place.start(&["resume", "leads", "--json", "--url", &url]);
    follower.until("phase_resumed");
    follower.signal("-INT");
    assert_eq!(follower.end(), Some(130));
    let shown = run(&["show", "leads", "--json"]).exits_with(0).json_lines();
    assert_eq!(shown[0]["status"], "running");
    let stopped = run(&["stop", "leads"]).exits_with(0);
    assert_eq!(stopped.stdout, "leads is stopped: 'phasegate start' goes on.\n");
    assert_eq!(served.send("PUT", path, Some(&persona)).status, 200);
    let done = run(&["start", "leads"]).exits_with(0);
    assert!(done.stdout.contains("leads is completed"), "{}", done.stdout);
    assert!(done.stdout.contains("600"), "{}", done.stdout);

    let again = run(&["restart", "leads", "analysis", "--json"]).exits_with(0);
    let types: Vec<_> = again.json_lines();
    assert_eq!(types[0]["type"], "phase_restarted");
    let old = ["records", "leads", "analysis", "--run", "1", "--limit", "2"];
    assert_eq!(run(&old).exits_with(0).json_lines().len(), 2);
    let more = run(&[&old[..], &["--format", "table"]].concat()).exits_with(0);
    assert!(
        more.stderr.contains("more: --from and --limit"),
        "{}",
        more.stderr
    );
}

#[test]
fn the_token_comes_from_a_file_or_the_environment_and_a_wrong_one_is_told() {
    let (place, elsewhere) = (Workplace::new(), Workplace::new());
    let served = Served::start(&place, &[]);
    let url = url(&served);
    let list = ["list", "--url", &url];
    place.run(&list).exits_with(0);
    let stranger = elsewhere.run(&list).exits_with(2);
    assert!(
        stranger
            .stderr
            .contains("name its file with --token-file, or set PHASEGATE_TOKEN"),
        "{}",
        stranger.stderr
    );
    let with = |token: &str| {
        let mut command = elsewhere.command(&list);
        let output = command.env("PHASEGATE_TOKEN", token).output();
        output.expect("it runs").status.code()
    };
    assert_eq!(with(&served.token), Some(0));
    assert_eq!(with(&"0".repeat(64)), Some(2));
    assert_eq!(with("nonsense"), Some(2));
    elsewhere.write("token", format!("{}\n", served.token));
    let named = [&list[..], &["--token-file", "token"]].concat();
    elsewhere.run(&named).exits_with(0);
    elsewhere.write("token", "nonsense");
    elsewhere.run(&named).exits_with(2);
    elsewhere
        .run(&[&list[..], &["--token-file", "none"]].concat())
        .exits_with(1);
    place
        .run(&[&list[..], &["--db", "other.redb"]].concat())
        .exits_with(2);
    place.run(&["list", "--token-file", "token"]).exits_with(2);
}

#[test]
fn a_name_is_looked_up_by_the_server_and_matched_exactly_here() {
    let place = Workplace::new();
    let served = Served::start(&place, &[]);
    let id = created(&served, &json!({ "name": "leads" }));
    for name in ["Leads", "leads & more", "all leads"] {
        created(&served, &json!({ "name": name }));
    }
    let shown = |url: &str, name: &str| place.run(&["show", name, "--json", "--url", url]);
    let shown_of_served = |name: &str| shown(&url(&served), name).exits_with(0).json_lines();
    assert_eq!(shown_of_served("leads")[0]["id"], json!(id));
    assert_eq!(shown_of_served("leads & more")[0]["name"], "leads & more");
    assert_eq!(
        shown_of_served(&id)[0]["name"],
        "leads",
        "an id that is in no name"
    );
    shown(&url(&served), "lead").exits_with(2);
    shown(&url(&served), &"x".repeat(100_000)).exits_with(2);

    // Pages without a campaign are no end.
    let pages = [
        json!({ "items": [], "nextCursor": "one" }),
        json!({ "items": [], "nextCursor": "two" }),
        json!({ "items": [], "nextCursor": null }),
    ];
    let (other, asking) = answering(pages.map(|page| (200, page.to_string())));
    let done = shown(&other, "leads & more").exits_with(2);
    assert!(
        done.stderr.contains("there is no campaign named"),
        "{}",
        done.stderr
    );
    let heads = asking.join().expect("it answered");
    let asked = heads.iter().map(|head| head.split(' ').nth(1).expect("a target"));
    let asked: Vec<_> = asked.collect();
    let query = "/api/v1/campaigns?limit=1000&name=leads+%26+more";
    assert_eq!(
        asked,
        [
            query.to_owned(),
            format!("{query}&cursor=one"),
            format!("{query}&cursor=two")
        ]
    );
}

#[test]
fn the_token_in_this_folder_is_shown_to_a_server_on_this_machine_only() {
    let place = Workplace::new();
    let token = "0123456789abcdef".repeat(4);
    place.write("phasegate.redb.token", &token);
    let refusal = json!({ "code": "unauthorized", "detail": "no" }).to_string();
    let asked_at = |host: &str| {
        let (url, asking) = answering([(401, refusal.clone())]);
        let mut command = place.command(&["list", "--url", &url.replace("127.0.0.1", host)]);
        for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        let output = command.output().expect("it runs");
        let asked = asking.join().expect("it answered");
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        (asked[0].contains(&token), output.status.code(), error)
    };
    let (shown, code, error) = asked_at("127.0.0.1");
    assert_eq!(
        (shown, code, error.as_str()),
        (true, Some(2), "error: no\n"),
        "a token that is refused"
    );
    // Which leads here too, and says no more of that than a name does.
    let (shown, code, error) = asked_at("0.0.0.0");
    assert_eq!((shown, code), (false, Some(2)), "{error}");
    for named in ["--token-file", "PHASEGATE_TOKEN", "on this machine only"] {
        assert!(error.contains(named), "{error}");
    }
}

/// The address of something that gives these answers, one a connection, and then the heads of what it was asked.
fn answering<const N: usize>(answers: [(u16, String); N]) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = std::thread::spawn(move || {
        let answered = answers.into_iter().map(|(status, body)| {
            let (mut socket, _) = listener.accept().expect("a connection");
            let lines = BufReader::new(socket.try_clone().expect("a handle")).lines();
            // To its end, since an answer to what was not read may be lost.
            let asked: Vec<_> = lines
                .map(|line| line.expect("text"))
                .take_while(|line| !line.is_empty())
                .collect();
            let length = body.len();
            let head = format!("HTTP/1.1 {status} \r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            socket.write_all((head + &body).as_bytes()).expect("it reads");
            asked.join("\n")
        });
        answered.collect()
    });
    (address, asked)
}

#[test]
fn a_server_that_is_not_there_or_is_another_is_told() {
    let place = Workplace::new();
    let served = Served::start(&place, &[]);
    let gone = url(&served);
    assert_eq!(served.terminate(), Some(0));
    let done = place.run(&["list", "--url", &gone]).exits_with(1);
    assert!(done.stderr.contains("can't be reached"), "{}", done.stderr);

    let (other, asking) = answering([(200, "hello".to_owned())]);
    let done = place.run(&["list", "--url", &other]).exits_with(1);
    assert!(
        done.stderr.contains("no server of this version"),
        "{}",
        done.stderr
    );
    asking.join().expect("it answered");
    place.run(&["list", "--url", "nonsense"]).exits_with(2);
}
