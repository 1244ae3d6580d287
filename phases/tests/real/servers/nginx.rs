//! nginx.

use std::net::SocketAddr;
use std::path::Path;

use crate::harness::folder::Folder;
use crate::harness::process::{Process, is_root, program};

/// With what stands in the block `http` of this config; one of its servers listens at `at`.
pub async fn start(folder: Folder, at: SocketAddr, http: &[u8]) -> Process {
    // A server that root starts stays root, so that it may read the folder.
    let user = if is_root() { "user root;\n" } else { "" };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path temporary/{kind};\n"))
        .collect();
    std::fs::create_dir(folder.path().join("temporary")).unwrap();
    let head = format!(
        "{user}daemon off;\nworker_processes 1;\npid nginx.pid;\nevents {{ worker_connections 200; }}\n\
         http {{\naccess_log off;\ndefault_type text/html;\n{temporary}"
    );
    let config = folder.write("nginx.conf", &[head.as_bytes(), http, b"}\n"].concat());
    let mut command = program("nginx", "nginx");
    command.args([
        Path::new("-e"),
        Path::new("stderr"),
        Path::new("-p"),
        folder.path(),
    ]);
    command.arg("-c").arg(config);
    Process::start(&mut command, at, folder).listens().await
}
