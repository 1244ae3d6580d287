//! HAProxy.

use std::net::SocketAddr;

use crate::harness::folder::Folder;
use crate::harness::ports;
use crate::harness::process::{Process, program};

/// As a balancer of TCP connections without a server behind it.
pub async fn without_servers() -> Process {
    let (folder, at) = (Folder::new(), ports::free());
    let config = folder.write(
        "haproxy.cfg",
        &format!(
            "global\n  maxconn 500\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout client 10s\n  timeout server 10s\n\
             frontend in\n  bind {at}\n  default_backend nobody\nbackend nobody\n"
        ),
    );
    let mut command = program("haproxy", "haproxy");
    command.args(["-db", "-f"]).arg(config);
    Process::start(&mut command, at, folder).listens().await
}

/// As a balancer of HTTP with these sections.
pub async fn start(folder: Folder, at: SocketAddr, sections: &[u8]) -> Process {
    let head = "global\n  maxconn 500\ndefaults\n  mode http\n  timeout connect 2s\n  timeout client 30s\n  timeout server 30s\n  \
                timeout tarpit 30s\n";
    let config = folder.write("haproxy.cfg", &[head.as_bytes(), sections].concat());
    let mut command = program("haproxy", "haproxy");
    command.args(["-db", "-f"]).arg(config);
    Process::start(&mut command, at, folder).listens().await
}
