//! PowerDNS: the authoritative server with its bind backend, and the recursor.

use std::net::SocketAddr;

use crate::harness::folder::Folder;
use crate::harness::ports;
use crate::harness::process::{Process, program};
use crate::zones;

pub async fn authoritative() -> Process {
    let (folder, at) = (Folder::new(), ports::free());
    folder.write("zone", &zones::shops());
    let (path, port) = (folder.text(), at.port());
    folder.write(
        "named.conf",
        &format!(
            "zone \"{}\" {{ type master; file \"{path}/zone\"; }};\n",
            zones::ORIGIN
        ),
    );
    folder.write(
        "pdns.conf",
        &format!(
            "launch=bind\nbind-config={path}/named.conf\nlocal-address=127.0.0.1\nlocal-port={port}\nsocket-dir={path}\n\
             daemon=no\nguardian=no\ndisable-syslog=yes\nsecurity-poll-suffix=\n"
        ),
    );
    let mut command = program("pdns_server", "pdns-server pdns-backend-bind");
    command.arg(format!("--config-dir={path}"));
    Process::start(&mut command, at, folder)
        .answers(zones::PRESENT)
        .await
}

/// A recursor that finds the zone of the tests at `zone`, and nothing at `dead`, which it takes for the zone `dead.example`.
pub async fn recursor(zone: SocketAddr, dead: SocketAddr) -> Process {
    let (folder, at) = (Folder::new(), ports::free());
    let (path, port) = (folder.text(), at.port());
    folder.write(
        "recursor.conf",
        &format!(
            "local-address=127.0.0.1\nlocal-port={port}\nsocket-dir={path}\ndaemon=no\ndisable-syslog=yes\n\
             security-poll-suffix=\ndnssec=off\ndont-query=\nthreads=1\nextended-resolution-errors=yes\n\
             forward-zones={}={zone},dead.example={dead}\n",
            zones::ORIGIN
        ),
    );
    let mut command = program("pdns_recursor", "pdns-recursor");
    command.arg(format!("--config-dir={path}"));
    Process::start(&mut command, at, folder)
        .answers(zones::PRESENT)
        .await
}
