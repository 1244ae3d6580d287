//! Unbound, as a resolver.

use std::net::SocketAddr;

use crate::harness::folder::Folder;
use crate::harness::ports;
use crate::harness::process::{Process, program};
use crate::zones;

/// A resolver that finds the zone of the tests at `zone`, with further lines for its section `server`, and further sections.
pub async fn start(zone: SocketAddr, server: &str, sections: &str) -> Process {
    let (folder, at) = (Folder::new(), ports::free());
    let (path, port) = (folder.text(), at.port());
    let config = folder.write(
        "unbound.conf",
        &format!(
            "server:\n  interface: 127.0.0.1@{port}\n  do-daemonize: no\n  chroot: \"\"\n  username: \"\"\n  \
               directory: \"{path}\"\n  pidfile: \"\"\n  use-syslog: no\n  do-not-query-localhost: no\n  ede: yes\n  \
               do-ip6: no\n{server}\
             remote-control:\n  control-enable: no\n{sections}\
             stub-zone:\n  name: {}\n  stub-addr: {}@{}\n",
            zones::ORIGIN,
            zone.ip(),
            zone.port()
        ),
    );
    let mut command = program("unbound", "unbound");
    command.arg("-d").arg("-c").arg(config);
    Process::start(&mut command, at, folder)
        .answers(zones::PRESENT)
        .await
}
