//! OpenSSH: a server, and a client that offers a SOCKS proxy through it (`ssh -D`).

use std::path::Path;

use crate::harness::folder::Folder;
use crate::harness::hosts;
use crate::harness::ports;
use crate::harness::process::{Process, is_root, program, run};

pub struct Tunnel {
    pub client: Process,
    _server: Process,
}

pub async fn start() -> Tunnel {
    let server = server().await;
    let at = ports::free();
    let mut command = program("ssh", "openssh-client");
    let options = [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "IdentitiesOnly=yes",
        "BatchMode=yes",
        "ExitOnForwardFailure=yes",
    ];
    for option in options {
        command.args(["-o", option]);
    }
    command
        .args([
            "-N",
            "-F",
            "none",
            "-D",
            &at.to_string(),
            "-p",
            &server.at.port().to_string(),
            "-i",
        ])
        .arg(server.folder.path().join("user-key"))
        .arg("127.0.0.1");
    let client = Process::start(&mut command, at, Folder::new()).listens().await;
    Tunnel {
        client,
        _server: server,
    }
}

async fn server() -> Process {
    const SEPARATION: &str = "/run/sshd";
    let (folder, at) = (Folder::new(), ports::free());
    for key in ["host-key", "user-key"] {
        let mut keygen = program("ssh-keygen", "openssh-client");
        run(keygen
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(folder.path().join(key)));
    }
    let path = folder.text();
    let config = folder.write(
        "sshd_config",
        &format!(
            "ListenAddress {at}\nHostKey {path}/host-key\nAuthorizedKeysFile {path}/user-key.pub\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n\
             AllowTcpForwarding yes\nUseDNS no\n",
        ),
    );
    // A server that root starts insists on this folder, which the service makes when the system starts it.
    if is_root() && !Path::new(SEPARATION).exists() {
        std::fs::create_dir_all(SEPARATION).unwrap();
    }
    let mut command = program("sshd", "openssh-server");
    command.args(["-D", "-e", "-f"]).arg(config);
    Process::start(hosts::known_to(&mut command, &folder), at, folder)
        .listens()
        .await
}
