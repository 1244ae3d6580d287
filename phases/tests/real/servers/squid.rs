//! Squid.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::harness::folder::Folder;
use crate::harness::hosts;
use crate::harness::ports;
use crate::harness::process::{Process, program, run};

/// The user name and password of [`with_password`].
pub const USER: (&str, &str) = ("user", "right");

/// With the rules that Debian ships: CONNECT only to port 443.
pub async fn as_shipped() -> Process {
    start("acl SSL_ports port 443\n", "cache deny all\n").await
}

/// With CONNECT to any port.
pub async fn open() -> Process {
    start("acl SSL_ports port 1-65535\n", "cache deny all\n").await
}

/// With CONNECT to any port, and a cache in memory.
pub async fn caching() -> Process {
    start("acl SSL_ports port 1-65535\n", "").await
}

/// With CONNECT to any port, but not to the host of that name.
pub async fn blocking(host: &str) -> Process {
    let rules =
        format!("acl blocked dstdomain {host}\nhttp_access deny blocked\nacl SSL_ports port 1-65535\n");
    start(&rules, "cache deny all\n").await
}

/// Open to whoever gives [`USER`].
pub async fn with_password() -> Process {
    let folder = Folder::new();
    let mut openssl = program("openssl", "openssl");
    let hash = run(openssl.args(["passwd", "-apr1", USER.1]));
    folder.write("passwords", &format!("{}:{}\n", USER.0, hash.trim()));
    let lines = format!(
        "auth_param basic program /usr/lib/squid/basic_ncsa_auth {}/passwords\n\
         auth_param basic children 1\nacl known proxy_auth REQUIRED\nhttp_access deny !known\n\
         acl SSL_ports port 1-65535\n",
        folder.text()
    );
    start_in(folder, &lines, "cache deny all\n").await
}

async fn start(ports: &str, cache: &str) -> Process {
    start_in(Folder::new(), ports, cache).await
}

async fn start_in(folder: Folder, rules: &str, cache: &str) -> Process {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let at: SocketAddr = ports::free();
    let (path, hosts) = (folder.text(), hosts::file(&folder));
    // A squid that root starts becomes the user `proxy`, who reads these.
    std::fs::set_permissions(&hosts, std::fs::Permissions::from_mode(0o644)).unwrap();
    let config = folder.write(
        "squid.conf",
        &format!(
            "{rules}\
             acl Safe_ports port 80 21 443 70 210 1025-65535 280 488 591 777\nacl CONNECT method CONNECT\n\
             http_access deny !Safe_ports\nhttp_access deny CONNECT !SSL_ports\n\
             http_access allow localhost\nhttp_access deny all\n\
             http_port 127.0.0.1:{port}\nhosts_file {hosts}\n\
             dns_nameservers 127.0.0.1\ndns_timeout 1 second\ndns_retransmit_interval 1 second\n\
             visible_hostname squid.test\nvia on\ncache_mem 8 MB\n{cache}\
             pid_filename none\ncache_log {path}/cache.log\naccess_log stdio:{path}/access.log\nnetdb_filename none\n\
             coredump_dir {path}\npinger_enable off\nshutdown_lifetime 0 seconds\n",
            port = at.port()
        ),
    );
    let service = format!(
        "t{}x{}",
        std::process::id(),
        STARTED.fetch_add(1, Ordering::Relaxed)
    );
    let mut command = program("squid", "squid");
    command.args(["-N", "-d", "1", "-n", &service, "-f"]).arg(config);
    Process::start(&mut command, at, folder).listens().await
}
