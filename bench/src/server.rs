//! A campaign's run on a server that hostile clients lean on, beside one that nobody disturbs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::table::{middle_and_longest, ms, rate, row};

/// How often each of the two is measured, in turn.
const ROUNDS: usize = 7;
/// How many sockets send their headers a byte a second.
const SLOW: usize = 500;
/// How many clients open an event stream and never read it.
const STALLED: usize = 200;
/// How many campaigns' events a stalled client would have to read first: more than the system's buffers hold.
const CAMPAIGNS: usize = 6_000;
/// How many domains a run generates.
const DOMAINS: u64 = 2_000_000;

/// Measures both, in turn.
pub fn bench() -> anyhow::Result<()> {
    crate::runtime::runtime()?.block_on(async {
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path()).await?;
        fill(&server).await?;
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        server.run().await?; // what is done once only is done
        let before = server.resident_mib()?;
        let mut most: f64 = before;
        for _ in 0..ROUNDS {
            alone.push(server.run().await?);
            let crowd = Crowd::gather(&server).await?;
            beside.push(server.run().await?);
            most = most.max(server.resident_mib()?);
            drop(crowd);
        }
        let show = |what: &str, times: Vec<Duration>, mib: f64| {
            let (middle, longest) = middle_and_longest(times);
            let numbers = [
                (ms(middle), "ms"),
                (ms(longest), "ms at most"),
                (rate(DOMAINS, middle), "/s"),
                (mib, "MiB"),
            ];
            row(what, &numbers);
            middle
        };
        let alone = show("a run, undisturbed", alone, before);
        let beside = show("a run beside them, and the most memory", beside, most);
        row(
            "slower by",
            &[((beside.as_secs_f64() / alone.as_secs_f64() - 1.0) * 100.0, "%")],
        );
        Ok(())
    })
}

/// The command as it is shipped, so that the clients have a process of their own.
fn binary() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("phasegate");
    ensure!(
        path.exists(),
        "there is no {}: run 'cargo build --release --bin phasegate' first",
        path.display()
    );
    Ok(path)
}

struct Server {
    process: Child,
    address: SocketAddr,
    token: String,
}

impl Server {
    async fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut process = Command::new(binary()?)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().context("the server has no output")?;
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stdout));
        let mut line = || {
            lines
                .next()
                .context("the server ended")?
                .map_err(anyhow::Error::from)
        };
        let (greeting, link) = (line()?, line()?);
        let address = greeting
            .split_whitespace()
            .find_map(|word| word.strip_suffix('.')?.parse().ok())
            .context("no address")?;
        let token = link.split_once("token=").context("no token")?.1.to_owned();
        Ok(Self {
            process,
            address,
            token,
        })
    }

    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Accept: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        );
        let mut socket = TcpStream::connect(self.address).await?;
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
        ensure!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
        Ok(serde_json::from_str(body)?)
    }

    async fn create(&self) -> anyhow::Result<String> {
        let configs = json!({
            "domain_generation": {
                "pattern_type": "prefix", "variable_length": 6, "character_set": "abcdefghijklmnopqrstuvwxyz",
                "constant_string": "a", "tld": "test", "num_domains": DOMAINS,
            },
            "analysis": { "keyword": "phasegate" },
        });
        let created = self
            .call(
                "POST",
                "/campaigns",
                Some(&json!({ "name": "bench", "configs": configs })),
            )
            .await?;
        Ok(created["campaignId"].as_str().context("no id")?.to_owned())
    }

    /// One run of the first phase, timed by the caller from the start's answer until the campaign is at rest.
    async fn run(&self) -> anyhow::Result<Duration> {
        let id = self.create().await?;
        let begun = Instant::now();
        self.call(
            "POST",
            &format!("/campaigns/{id}/phases/domain_generation/start"),
            None,
        )
        .await?;
        loop {
            let shown = self.call("GET", &format!("/campaigns/{id}"), None).await?;
            if shown["position"] == 1 {
                return Ok(begun.elapsed());
            }
            ensure!(shown["status"] == "running", "{shown}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until it has nothing to do but to be there: what the streams hold is full then.
    async fn wait_until_idle(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let before = self.processor_ticks()?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            // Of 50 ticks of 10 ms each, for each processor.
            if self.processor_ticks()? - before <= 2 {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the server doesn't come to rest");
        }
    }

    /// The processor time that it has used, in the system's ticks.
    fn processor_ticks(&self) -> anyhow::Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let (_, members) = stat.rsplit_once(')').context("no process")?;
        let mut members = members.split_whitespace().skip(11);
        let mut ticks = || -> anyhow::Result<u64> { Ok(members.next().context("no time")?.parse()?) };
        Ok(ticks()? + ticks()?)
    }

    fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: f64 = line.context("no VmRSS")?.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Creates the campaigns whose events nobody reads.
async fn fill(server: &Server) -> anyhow::Result<()> {
    let mut made = 0;
    while made < CAMPAIGNS {
        let group = (0..100).map(|_| server.create());
        futures::future::try_join_all(group).await?;
        made += 100;
    }
    Ok(())
}

/// The clients that mean harm. They leave when it is dropped.
struct Crowd {
    _slow: JoinSet<()>,
    _stalled: Vec<TcpStream>,
}

impl Crowd {
    async fn gather(server: &Server) -> anyhow::Result<Self> {
        let mut slow = JoinSet::new();
        for _ in 0..SLOW {
            slow.spawn(trickle(server.address));
        }
        let mut stalled = Vec::new();
        for _ in 0..STALLED {
            let socket = TcpSocket::new_v4()?;
            // So that the system doesn't take the whole log for a client that doesn't.
            socket.set_recv_buffer_size(4_096)?;
            let mut socket = socket.connect(server.address).await?;
            let request = format!(
                "GET /api/v1/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nAccept: text/event-stream\r\n\r\n",
                server.address, server.token
            );
            socket.write_all(request.as_bytes()).await?;
            // It is accepted, and from here on nothing is read.
            let mut status = String::new();
            let mut reader = BufReader::with_capacity(64, &mut socket);
            reader.read_line(&mut status).await?;
            ensure!(status.starts_with("HTTP/1.1 200"), "{status}");
            stalled.push(socket);
        }
        server.wait_until_idle().await?;
        Ok(Self {
            _slow: slow,
            _stalled: stalled,
        })
    }
}

/// Sends a request's headers a byte a second, and begins again when the server has had enough.
async fn trickle(address: SocketAddr) {
    loop {
        let Ok(mut socket) = TcpStream::connect(address).await else {
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        let request = format!(
            "GET /healthz HTTP/1.1\r\nHost: {address}\r\nX-Slow: {}",
            "x".repeat(1_000)
        );
        for byte in request.bytes() {
            if socket.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
