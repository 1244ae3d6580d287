//! HAProxy, as a balancer of TCP connections without a server behind it.

use crate::harness::folder::Folder;
use crate::harness::ports;
use crate::harness::process::{Process, program};

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
