//! Privoxy.

use crate::harness::folder::Folder;
use crate::harness::hosts;
use crate::harness::ports;
use crate::harness::process::{Process, program};

/// Passes everything on as it is.
pub async fn open() -> Process {
    start_in(Folder::new(), "").await
}

/// Blocks the host of that name.
pub async fn blocking(host: &str) -> Process {
    let folder = Folder::new();
    let actions = folder.write("blocking.action", &format!("{{+block{{a test}}}}\n{host}\n"));
    let line = format!("actionsfile {}\n", actions.display());
    start_in(folder, &line).await
}

async fn start_in(folder: Folder, lines: &str) -> Process {
    let at = ports::free();
    let config = folder.write(
        "config",
        &format!(
            "confdir /etc/privoxy\ntempldir /etc/privoxy/templates\nlogdir {}\nlisten-address {at}\ntoggle 1\ndebug 4096\n\
             max-client-connections 512\n{lines}",
            folder.text()
        ),
    );
    let mut command = program("privoxy", "privoxy");
    command.arg("--no-daemon").arg(config);
    Process::start(hosts::known_to(&mut command, &folder), at, folder)
        .listens()
        .await
}
