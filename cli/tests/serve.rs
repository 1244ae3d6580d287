//! `phasegate serve`, as a person and a program meet it.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::{Value, json};
use support::{PHASES, Workplace, plan};

/// A server process, which is killed when the test is over.
struct Served {
    child: Child,
    address: String,
    token: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer's status and body.
struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Served {
    fn start(place: &Workplace, arguments: &[&str]) -> Self {
        let all = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = place
            .command(&all)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut line = || lines.next().expect("it greets").expect("text");
        let (greeting, link) = (line(), line());
        let address = greeting
            .split_whitespace()
            .find_map(|word| {
                word.strip_suffix('.')
                    .filter(|word| word.starts_with("127.0.0.1:"))
            })
            .expect("it says where it listens")
            .to_owned();
        let token = link.split_once("token=").expect("a login link").1.to_owned();
        Self {
            child,
            address,
            token,
        }
    }

    /// Ends it as a service manager does, and gives the exit code.
    fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill runs").success());
        self.child.wait().expect("it ends").code()
    }

    fn connect(&self, method: &str, path: &str, headers: &str, body: &str) -> BufReader<TcpStream> {
        let mut socket = TcpStream::connect(&self.address).expect("it listens");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: \
             {length}\r\n{headers}\r\n{body}",
            self.address
        );
        socket.write_all(request.as_bytes()).expect("it reads");
        BufReader::new(socket)
    }

    fn as_stranger(&self, method: &str, path: &str) -> Answer {
        answer(self.connect(method, path, "", ""))
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = format!("Authorization: Bearer {}\r\n", self.token);
        answer(self.connect(method, &format!("/api/v1{path}"), &headers, &body))
    }

    /// The events after a cursor, as they come, until the connection ends.
    fn events(&self, path: &str, after: &str) -> impl Iterator<Item = Value> {
        let headers = format!(
            "Authorization: Bearer {}\r\nLast-Event-ID: {after}\r\nAccept: text/event-stream\r\n",
            self.token
        );
        let stream = self.connect("GET", &format!("/api/v1{path}"), &headers, "");
        let lines = stream.lines().map_while(Result::ok);
        let events = lines.filter_map(|line| line.strip_prefix("data: ").map(str::to_owned));
        let events = events.map(|data| serde_json::from_str::<Value>(&data).expect("JSON"));
        events.filter(|event| event["type"] != "progress")
    }
}

fn answer(mut stream: BufReader<TcpStream>) -> Answer {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Answer {
        status: status.expect("a status"),
        text: body.to_owned(),
    }
}

/// A full sequence over the sandbox's personas.
fn campaign(domains: u64) -> Value {
    let plan = plan("full_sequence", domains);
    let mut configs = plan["configs"].clone();
    configs["dns_validation"] = json!({ "personaIds": ["sandbox-dns"] });
    configs["http_validation"] = json!({ "personaIds": ["sandbox-http"] });
    json!({ "name": "leads", "mode": "full_sequence", "configs": configs })
}

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
