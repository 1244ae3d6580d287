//! lighttpd.

use std::net::SocketAddr;

use crate::harness::folder::Folder;
use crate::harness::process::{Process, program};

/// With these conditions for its hosts; it listens at `at`, and serves its folder.
pub async fn start(folder: Folder, at: SocketAddr, hosts: &[u8]) -> Process {
    let path = folder.text();
    let head = format!(
        "server.modules = (\"mod_access\", \"mod_redirect\", \"mod_rewrite\", \"mod_setenv\", \
         \"mod_dirlisting\", \"mod_cgi\", \"mod_proxy\")\n\
         server.bind = \"{}\"\nserver.port = {}\nserver.document-root = \"{path}\"\n\
         mimetype.assign = (\".html\" => \"text/html\")\nindex-file.names = (\"page.html\")\n",
        at.ip(),
        at.port()
    );
    let config = folder.write("lighttpd.conf", &[head.as_bytes(), hosts].concat());
    let mut command = program("lighttpd", "lighttpd");
    command.arg("-D").arg("-f").arg(config);
    Process::start(&mut command, at, folder).listens().await
}
