//! Knot Resolver.

use std::net::SocketAddr;

use crate::harness::folder::Folder;
use crate::harness::ports;
use crate::harness::process::{Process, program};
use crate::zones;

/// A resolver that finds the zone of the tests at `zone`, and denies the names below `denied.example`.
pub async fn start(zone: SocketAddr) -> Process {
    let (folder, at) = (Folder::new(), ports::free());
    let (path, port) = (folder.text(), at.port());
    let config = folder.write(
        "kresd.conf",
        &format!(
            "net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})\n\
             cache.open(10 * MB, 'lmdb://{path}/cache')\n\
             trust_anchors.remove('.')\n\
             policy.add(policy.suffix(policy.DENY, {{ todname('denied.example') }}))\n\
             policy.add(policy.suffix(policy.STUB('{}@{}'), {{ todname('{}') }}))\n",
            zone.ip(),
            zone.port(),
            zones::ORIGIN
        ),
    );
    let mut command = program("kresd", "knot-resolver");
    command.arg("-n").arg("-c").arg(config).arg(folder.path());
    Process::start(&mut command, at, folder)
        .answers(zones::PRESENT)
        .await
}
