//! Tinyproxy.

use crate::harness::folder::Folder;
use crate::harness::hosts;
use crate::harness::ports;
use crate::harness::process::{Process, program};

/// With CONNECT to any port.
pub async fn open() -> Process {
    start_in(Folder::new(), "").await
}

/// Open to the user `user` with the password `right`.
pub async fn with_password() -> Process {
    start_in(Folder::new(), "BasicAuth user right\n").await
}

/// With CONNECT to any port, but not to the host of that name.
pub async fn blocking(host: &str) -> Process {
    let folder = Folder::new();
    let filter = folder.write("filter", &format!("^{}$\n", host.replace('.', "\\.")));
    let lines = format!("Filter \"{}\"\n", filter.display());
    start_in(folder, &lines).await
}

async fn start_in(folder: Folder, lines: &str) -> Process {
    let at = ports::free();
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
