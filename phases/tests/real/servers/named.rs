//! BIND's `named`, as an authoritative server.

use crate::harness::folder::Folder;
use crate::harness::ports;
use crate::harness::process::{Process, program};
use crate::zones;

pub async fn start() -> Process {
    let (folder, at) = (Folder::new(), ports::free());
    folder.write("zone", &zones::shops());
    let (path, port) = (folder.text(), at.port());
    let config = folder.write(
        "named.conf",
        &format!(
            "options {{ directory \"{path}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
               pid-file none; session-keyfile none; lock-file none; managed-keys-directory \"{path}\";
               recursion no; dnssec-validation no; }};
             controls {{ }};
             zone \"{}\" {{ type primary; file \"{path}/zone\"; }};\n",
            zones::ORIGIN
        ),
    );
    let mut command = program("named", "bind9");
    command.arg("-g").args(["-n", "1"]).arg("-c").arg(config);
    Process::start(&mut command, at, folder)
        .answers(zones::PRESENT)
        .await
}
