//! microsocks.

use crate::harness::folder::Folder;
use crate::harness::hosts;
use crate::harness::ports;
use crate::harness::process::{Process, program};

/// Without authentication.
pub async fn open() -> Process {
    start(&[]).await
}

/// Open to the user `user` with the password `right`.
pub async fn with_password() -> Process {
    start(&["-u", "user", "-P", "right"]).await
}

async fn start(arguments: &[&str]) -> Process {
    let (folder, at) = (Folder::new(), ports::free());
    let mut command = program("microsocks", "microsocks");
    command
        .args(["-i", "127.0.0.1", "-p"])
        .arg(at.port().to_string())
        .args(arguments);
    Process::start(hosts::known_to(&mut command, &folder), at, folder)
        .listens()
        .await
}
