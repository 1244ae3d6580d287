//! A server process, and what is asked of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use super::{Workplace, plan};

/// A server process, which is killed when the test is over.
pub struct Served {
    child: Child,
    pub address: String,
    pub token: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer's status and body.
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Served {
    pub fn start(place: &Workplace, arguments: &[&str]) -> Self {
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
    pub fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill runs").success());
        self.child.wait().expect("it ends").code()
    }

    pub fn connect(&self, method: &str, path: &str, headers: &str, body: &str) -> BufReader<TcpStream> {
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

    pub fn as_stranger(&self, method: &str, path: &str) -> Answer {
        answer(self.connect(method, path, "", ""))
    }

    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = format!("Authorization: Bearer {}\r\n", self.token);
        answer(self.connect(method, &format!("/api/v1{path}"), &headers, &body))
    }

    /// The events after a cursor, as they come, until the connection ends.
    pub fn events(&self, path: &str, after: &str) -> impl Iterator<Item = Value> {
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

pub fn answer(mut stream: BufReader<TcpStream>) -> Answer {
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
pub fn campaign(domains: u64) -> Value {
    let plan = plan("full_sequence", domains);
    let mut configs = plan["configs"].clone();
    configs["dns_validation"] = json!({ "personaIds": ["sandbox-dns"] });
    configs["http_validation"] = json!({ "personaIds": ["sandbox-http"] });
    json!({ "name": "leads", "mode": "full_sequence", "configs": configs })
}
