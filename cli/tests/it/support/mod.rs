//! The command as a person runs it: in a folder of its own, with plans that the sandbox serves quickly.

pub mod served;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The phases in their order.
pub const PHASES: [&str; 4] = [
    "domain_generation",
    "dns_validation",
    "http_validation",
    "analysis",
];

/// A folder with a store and plans.
pub struct Workplace {
    folder: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Checks the exit code, and shows everything if it is another.
    #[track_caller]
    pub fn exits_with(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// The standard output as JSON, line by line.
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).expect("a line of JSON");
        self.stdout.lines().map(parse).collect()
    }
}

impl Workplace {
    pub fn new() -> Self {
        Self {
            folder: TempDir::new().expect("a folder"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file");
        path
    }

    pub fn plan(&self, plan: &Value) {
        self.write("plan.json", plan.to_string());
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phasegate"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("PHASEGATE_LOG")
            .env_remove("PHASEGATE_ACTOR")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments).output().expect("it runs"))
    }

    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Done {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        Done::of(child.wait_with_output().expect("it ends"))
    }

    /// Runs the plan against a sandbox.
    pub fn run_plan(&self) -> Done {
        self.run(&["run", "plan.json", "--sandbox"])
    }

    /// The statuses of the phases of the campaign `name`, and the campaign's.
    pub fn statuses(&self, name: &str) -> (String, Vec<String>) {
        let view = self.view(name);
        let status = |value: &Value| value["status"].as_str().expect("a status").to_owned();
        let phases = view["phases"]
            .as_array()
            .expect("phases")
            .iter()
            .map(status)
            .collect();
        (status(&view), phases)
    }

    pub fn view(&self, name: &str) -> Value {
        let shown = self.run(&["show", name, "--json"]).exits_with(0);
        serde_json::from_str(&shown.stdout).expect("JSON")
    }

    /// The types of all events of a campaign.
    pub fn events(&self, name: &str) -> Vec<String> {
        let events = self.run(&["events", name, "--json"]).exits_with(0).json_lines();
        let name = |event: &Value| event["type"].as_str().expect("a type").to_owned();
        events.iter().map(name).collect()
    }

    /// The records of a phase without what was measured.
    pub fn records(&self, name: &str, phase: &str) -> Vec<Value> {
        let mut records = self.run(&["records", name, phase]).exits_with(0).json_lines();
        for record in &mut records {
            if let Some(record) = record.as_object_mut() {
                record.remove("measured");
            }
        }
        records
    }

    /// Starts a command whose output is read while it runs.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it runs");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Running { child, stdout }
    }
}

/// A command that runs with `--json`.
pub struct Running {
    pub child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    /// Reads events until one of this type.
    #[track_caller]
    pub fn until(&mut self, kind: &str) {
        let mut line = String::new();
        while self.stdout.read_line(&mut line).expect("it can be read") > 0 {
            let event: Value = serde_json::from_str(&line).expect("a line of JSON");
            if event["type"] == kind {
                return;
            }
            line.clear();
        }
        panic!("it ended without {kind}");
    }

    /// Sends a signal.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([signal, &pid])
            .status()
            .expect("kill runs");
        assert!(sent.success());
    }

    /// Waits until it ends, and gives its exit code; nothing when a signal ended it.
    pub fn end(mut self) -> Option<i32> {
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.stdout, &mut rest).expect("it can be read");
        self.child.wait().expect("it ends").code()
    }
}

/// A plan of this many domains, with many tries each, since a machine under load may lose one under the sandbox's top-level domain.
pub fn plan(mode: &str, domains: u64) -> Value {
    json!({
        "name": "leads",
        "mode": mode,
        "configs": {
            "domain_generation": {
                "pattern_type": "prefix",
                "variable_length": 4,
                "character_set": "abcdefghijklmnopqrstuvwxyz",
                "constant_string": "shop",
                "tld": "test",
                "num_domains": domains
            },
            "dns_validation": {"personaIds": ["careful", "quick"]},
            "http_validation": {"personaIds": ["browser"]},
            "analysis": {"keyword": "phasegate"}
        },
        "resources": {
            "dns_persona": {
                "careful": {"resolvers": ["192.0.2.1:53"], "timeoutMs": 300, "retries": 5, "concurrency": 100},
                "quick": {"resolvers": ["192.0.2.2:53"], "timeoutMs": 400, "retries": 4, "concurrency": 100}
            },
            "http_persona": {
                "browser": {"userAgent": "Test", "timeoutMs": 5000, "connectTimeoutMs": 2000, "concurrency": 100}
            }
        }
    })
}

/// The plan in the repository's `examples/`.
pub fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/lead-generation.json")
}
