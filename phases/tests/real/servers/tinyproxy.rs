//! Tinyproxy.

use crate::harness::folder::Folder;
use crate::harness::hosts;
use crate::harness::ports;
use crate::harness::process::{Process, program};

/// With CONNECT to any port.
pub async fn open() -> Process {
    start("").await
}

/// Open to the user `user` with the password `right`.
pub async fn with_password() -> Process {
    start("BasicAuth user right\n").await
}

async fn start(lines: &str) -> Process {
    let (folder, at) = (Folder::new(), ports::free());
    let config = folder.write(
        "tinyproxy.conf",
        &format!(
            "Port {}\nListen 127.0.0.1\nTimeout 60\nMaxClients 1000\nAllow 127.0.0.1\nLogLevel Connect\n{lines}",
            at.port()
        ),
    );
    let mut command = program("tinyproxy", "tinyproxy-bin");
    command.args(["-d", "-c"]).arg(config);
    Process::start(hosts::known_to(&mut command, &folder), at, folder)
        .listens()
        .await
}
