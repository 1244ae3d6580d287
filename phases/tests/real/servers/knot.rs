//! Knot DNS.

use crate::harness::folder::Folder;
use crate::harness::ports;
use crate::harness::process::{Process, program};
use crate::zones;

pub async fn start() -> Process {
    let (folder, at) = (Folder::new(), ports::free());
    folder.write("zone", &zones::shops());
    let (path, port) = (folder.text(), at.port());
    let config = folder.write(
        "knot.conf",
        &format!(
            "server:\n  rundir: \"{path}\"\n  listen: 127.0.0.1@{port}\n\
             log:\n  - target: stderr\n    any: info\n\
             database:\n  storage: \"{path}\"\n\
             zone:\n  - domain: {}\n    file: \"{path}/zone\"\n    zonefile-sync: -1\n    journal-content: none\n",
            zones::ORIGIN
        ),
    );
    let mut command = program("knotd", "knot");
    command.arg("-c").arg(config);
    Process::start(&mut command, at, folder)
        .answers(zones::PRESENT)
        .await
}
