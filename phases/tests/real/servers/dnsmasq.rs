//! dnsmasq.

use std::net::SocketAddr;

use crate::harness::folder::Folder;
use crate::harness::ports;
use crate::harness::process::{Process, is_root, program};
use crate::zones;

/// A server that knows the many names of the tests itself.
pub async fn alone() -> Process {
    start(&["--address=/shops.example/192.0.2.7"]).await
}

/// A server that forwards everything to `upstream`.
pub async fn forwarding(upstream: SocketAddr, options: &[&str]) -> Process {
    let server = format!("--server={}#{}", upstream.ip(), upstream.port());
    let options: Vec<_> = std::iter::once(server.as_str())
        .chain(options.iter().copied())
        .collect();
    start(&options).await
}

async fn start(options: &[&str]) -> Process {
    let (folder, at) = (Folder::new(), ports::free());
    let mut command = program("dnsmasq", "dnsmasq-base");
    command
        .args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--pid-file=",
            "--log-facility=-",
        ])
        .args([
            "--no-resolv",
            "--no-hosts",
            "--bind-interfaces",
            "--listen-address=127.0.0.1",
        ])
        .arg(format!("--port={}", at.port()))
        .args(options);
    if is_root() {
        command.args(["--user=root", "--group=root"]);
    }
    Process::start(&mut command, at, folder)
        .answers(zones::PRESENT)
        .await
}
