//! The programs of Debian that measurements run.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

/// The zone that the DNS server has.
pub const ZONE: &str = "test";
/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server on loopback. Dropping it ends it.
pub struct Process {
    child: Child,
    pub at: SocketAddr,
}

impl Process {
    /// A DNS server for [`ZONE`], in which every name has this address. Of those that Debian has, NSD and Knot answer fastest, and NSD has room for the queries of a
    /// whole window.
    pub fn nsd(folder: &Path, address: Ipv4Addr) -> anyhow::Result<Self> {
        let at = free()?;
        fs::write(
            folder.join("zone"),
            format!(
                "@ 3600 SOA ns hostmaster 1 3600 600 86400 60\n@ 3600 NS ns\nns 3600 A 192.0.2.53\n* 3600 A {address}\n"
            ),
        )?;
        let (path, port) = (folder.display(), at.port());
        let config = format!(
            "server:\n  ip-address: 127.0.0.1@{port}\n  username: \"\"\n  chroot: \"\"\n  database: \"\"\n  \
               zonesdir: \"{path}\"\n  pidfile: \"{path}/pid\"\n  xfrdfile: \"{path}/xfrd\"\n  xfrdir: \"{path}\"\n  \
               zonelistfile: \"{path}/zonelist\"\n  server-count: 1\n  rrl-ratelimit: 0\n\
             remote-control:\n  control-enable: no\n\
             zone:\n  name: {ZONE}\n  zonefile: zone\n"
        );
        let file = folder.join("nsd.conf");
        fs::write(&file, config)?;
        let mut command = program("nsd", "nsd")?;
        Self::start(command.arg("-d").arg("-c").arg(file), at)
    }

    /// A web server with one page.
    pub fn nginx(folder: &Path, page: &str) -> anyhow::Result<Self> {
        let at = free()?;
        fs::write(folder.join("index.html"), page)?;
        let (path, port) = (folder.display(), at.port());
        let config = format!(
            "daemon off;\nworker_processes 1;\npid {path}/nginx.pid;\nerror_log {path}/nginx.log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n  access_log off;\n  default_type text/html;\n  client_body_temp_path {path}/body;\n  \
               proxy_temp_path {path}/proxy;\n  fastcgi_temp_path {path}/fastcgi;\n  uwsgi_temp_path {path}/uwsgi;\n  \
               scgi_temp_path {path}/scgi;\n  \
               server {{ listen 127.0.0.1:{port} backlog=4096; root {path}; }}\n}}\n"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, config)?;
        let mut command = program("nginx", "nginx-light")?;
        Self::start(command.arg("-c").arg(file).arg("-p").arg(folder), at)
    }

    /// A SOCKS5 proxy.
    pub fn microsocks() -> anyhow::Result<Self> {
        let at = free()?;
        let mut command = program("microsocks", "microsocks")?;
        command.args(["-i", "127.0.0.1", "-p", &at.port().to_string()]);
        Self::start(&mut command, at)
    }

    /// Starts a server, and waits until it accepts connections.
    fn start(command: &mut Command, at: SocketAddr) -> anyhow::Result<Self> {
        let quiet = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // So that a signal to its group meets nobody else.
            .process_group(0);
        let child = quiet.spawn().with_context(|| format!("{command:?}"))?;
        let mut process = Self { child, at };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(at).is_err() {
            ensure!(process.child.try_wait()?.is_none(), "{command:?} has ended");
            ensure!(Instant::now() < deadline, "{command:?} doesn't listen at {at}");
            sleep(Duration::from_millis(10));
        }
        Ok(process)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // With its group, since NSD has children.
        let group = format!("-{}", self.child.id());
        let asked = Command::new("kill").args(["--", &group]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// A command of a Debian package, which must be installed.
pub fn program(name: &str, package: &str) -> anyhow::Result<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where Debian keeps servers, which isn't on the path of every user.
    let mut places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = places.find_map(|place| Some(place.join(name)).filter(|file| file.is_file()));
    let found = found.with_context(|| {
        format!("there is no program {name}: run 'apt-get install --no-install-recommends {package}' as root")
    })?;
    Ok(Command::new(found))
}

/// Runs a command to its end, and gives what it prints.
pub fn finished(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "{command:?}: {output:?}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// An address on loopback that nobody listens at.
fn free() -> anyhow::Result<SocketAddr> {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(taken.local_addr()?)
}
