//! The Apache HTTP Server.

use std::net::SocketAddr;

use crate::harness::folder::Folder;
use crate::harness::process::{Process, is_root, program};

/// The modules that configs may use, of those that Debian keeps beside the program.
const MODULES: &[&str] = &[
    "mpm_prefork",
    "authz_core",
    "authz_user",
    "authn_core",
    "authn_file",
    "auth_basic",
    "dir",
    "mime",
    "headers",
    "alias",
    "env",
    "setenvif",
    "filter",
    "deflate",
    "negotiation",
    "speling",
    "autoindex",
    "cgi",
    "proxy",
    "proxy_http",
];

/// With these hosts; it listens at `at`.
pub async fn start(folder: Folder, at: SocketAddr, hosts: &[u8]) -> Process {
    // The user of Debian's package, whom a server that root starts becomes.
    let user = if is_root() {
        "User www-data\nGroup www-data\n"
    } else {
        ""
    };
    let modules: String = MODULES
        .iter()
        .map(|module| format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n"))
        .collect();
    let path = folder.text();
    let head = format!(
        "{modules}{user}ServerRoot {path}\nDefaultRuntimeDir {path}\nPidFile {path}/apache.pid\nServerName apache.test\n\
         Listen {at}\nErrorLog /dev/stderr\nStartServers 4\nServerSignature Off\nMutex posixsem\n\
         TypesConfig /dev/null\nAddType text/html .html\n<Directory {path}>\nRequire all granted\n</Directory>\n"
    );
    let config = folder.write("apache.conf", &[head.as_bytes(), hosts].concat());
    let mut command = program("apache2", "apache2-bin");
    command.arg("-DFOREGROUND").arg("-f").arg(config);
    Process::start(&mut command, at, folder).listens().await
}
