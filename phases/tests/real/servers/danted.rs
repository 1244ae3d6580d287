//! Dante's SOCKS server.

use crate::harness::folder::Folder;
use crate::harness::hosts;
use crate::harness::ports;
use crate::harness::process::{Process, is_root, program};

/// Lets everything pass.
pub async fn open() -> Process {
    start("").await
}

/// Blocks every destination.
pub async fn blocking_everything() -> Process {
    start("socks block { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n").await
}

/// Blocks a network. A name in its place would block every name of the same address.
pub async fn blocking(network: &str) -> Process {
    start(&format!("socks block {{ from: 0.0.0.0/0 to: {network} }}\n")).await
}

async fn start(rules: &str) -> Process {
    let (folder, at) = (Folder::new(), ports::free());
    let users = match is_root() {
        true => "user.privileged: root\nuser.unprivileged: root\n",
        false => "",
    };
    let config = folder.write(
        "danted.conf",
        &format!(
            "logoutput: stderr\n{users}internal: 127.0.0.1 port = {}\nexternal: 127.0.0.1\n\
             clientmethod: none\nsocksmethod: none\n\
             client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n{rules}\
             socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n",
            at.port()
        ),
    );
    let mut command = program("danted", "dante-server");
    command
        .arg("-f")
        .arg(config)
        .arg("-p")
        .arg(folder.path().join("pid"));
    Process::start(hosts::known_to(&mut command, &folder), at, folder)
        .listens()
        .await
}
