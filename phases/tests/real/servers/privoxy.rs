//! Privoxy.

use crate::harness::folder::Folder;
use crate::harness::hosts;
use crate::harness::ports;
use crate::harness::process::{Process, program};

pub async fn start() -> Process {
    let (folder, at) = (Folder::new(), ports::free());
    let config = folder.write(
        "config",
        &format!(
            "confdir /etc/privoxy\ntempldir /etc/privoxy/templates\nlogdir {}\nlisten-address {at}\ntoggle 1\ndebug 4096\n\
             max-client-connections 512\n",
            folder.text()
        ),
    );
    let mut command = program("privoxy", "privoxy");
    command.arg("--no-daemon").arg(config);
    Process::start(hosts::known_to(&mut command, &folder), at, folder)
        .listens()
        .await
}
