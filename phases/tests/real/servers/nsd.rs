//! NSD.

use crate::harness::folder::Folder;
use crate::harness::ports;
use crate::harness::process::{Process, program};
use crate::zones;

/// Serves the zone of the tests.
pub async fn start() -> Process {
    serving(zones::ORIGIN, &zones::shops())
        .answers(zones::PRESENT)
        .await
}

/// Serves a zone. It isn't waited for.
pub fn serving(origin: &str, zone: &str) -> Process {
    let (folder, at) = (Folder::new(), ports::free());
    folder.write("zone", zone);
    let (path, port) = (folder.text(), at.port());
    let config = folder.write(
        "nsd.conf",
        &format!(
            "server:\n  ip-address: 127.0.0.1@{port}\n  username: \"\"\n  chroot: \"\"\n  database: \"\"\n  \
               zonesdir: \"{path}\"\n  pidfile: \"{path}/pid\"\n  xfrdfile: \"{path}/xfrd\"\n  xfrdir: \"{path}\"\n  \
               zonelistfile: \"{path}/zonelist\"\n  server-count: 1\n\
             remote-control:\n  control-enable: no\n\
             zone:\n  name: {origin}\n  zonefile: zone\n"
        ),
    );
    let mut command = program("nsd", "nsd");
    command.arg("-d").arg("-c").arg(config);
    Process::start(&mut command, at, folder)
}
