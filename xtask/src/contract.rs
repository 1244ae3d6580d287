//! Checking a running server against its own OpenAPI document, with schemathesis.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::Context as _;

use crate::built::Built;
use crate::places::root;
use crate::python;

/// The folder below the root that holds everything made here.
const FOLDER: &str = "target/contract";
/// How many requests are made up for each call, beside those that cover its bounds.
const EXAMPLES: &str = "10";

/// `cargo xtask contract`: every check of schemathesis against `phasegate serve --sandbox`, without a finding.
pub fn check() -> anyhow::Result<ExitCode> {
    let venv = root().join(FOLDER).join("venv");
    python::environment(&venv, &root().join("server/contract/requirements.txt"))?;
    let store = root().join(FOLDER).join("store");
    if store.exists() {
        std::fs::remove_dir_all(&store)?;
    }
    std::fs::create_dir_all(&store)?;
    let server = Server::start(&store)?;
    let token =
        std::fs::read_to_string(store.join("contract.redb.token")).context("the token can't be read")?;
    let checked = Command::new(venv.join("bin/schemathesis"))
        .arg("--config-file")
        .arg(root().join("server/contract/schemathesis.toml"))
        .arg("run")
        .arg(format!("http://{}/api/v1/openapi.json", server.address))
        .args([
            "--checks",
            "all",
            "--max-examples",
            EXAMPLES,
            "--seed",
            "1",
            "--no-color",
        ])
        .args(["--header", &format!("Authorization: Bearer {}", token.trim_end())])
        // It keeps what it found there.
        .current_dir(&store)
        .status()
        .context("schemathesis can't be started")?;
    Ok(if checked.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A server process, which is ended when it isn't needed any more.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(store: &std::path::Path) -> anyhow::Result<Self> {
        let mut process = Command::new(Built::now()?.program("phasegate")?)
            .args([
                "serve",
                "--sandbox",
                "--listen",
                "127.0.0.1:0",
                "--db",
                "contract.redb",
            ])
            .current_dir(store)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("the server can't be started")?;
        let mut greeting = String::new();
        let stdout = process.stdout.take().context("the server has no output")?;
        BufReader::new(stdout).read_line(&mut greeting)?;
        let address = greeting
            .split_whitespace()
            .find_map(|word| word.strip_suffix('.').filter(|word| word.contains(':')));
        let address = address
            .context("the server doesn't say where it listens")?
            .to_owned();
        Ok(Self { process, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
