//! Varnish Cache.

use std::net::SocketAddr;

use crate::harness::folder::Folder;
use crate::harness::process::{Process, program};

/// With this program in its language; it listens at `at`.
pub async fn start(folder: Folder, at: SocketAddr, vcl: &[u8]) -> Process {
    let vcl = folder.write("default.vcl", vcl);
    let mut command = program("varnishd", "varnish");
    command.args([
        "-F",
        "-j",
        "none",
        "-T",
        "none",
        "-s",
        "malloc,8m",
        "-p",
        "vsl_space=1M",
    ]);
    command.args(["-p", "thread_pools=1", "-p", "thread_pool_min=5"]);
    command
        .args(["-a", &at.to_string(), "-n", folder.text(), "-f"])
        .arg(vcl);
    Process::start(&mut command, at, folder).listens().await
}
