//! A server as a process that ends with its test, whatever becomes of the test.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{interval, timeout};

use super::folder::Folder;
use super::ports;
use super::{LOOK, PATIENCE};

/// Where Debian keeps servers, which isn't on the path of every user.
const PLACES: &[&str] = &["/usr/sbin", "/usr/local/sbin", "/sbin"];

/// How many lines of a server's log a failed test shows.
const SHOWN: usize = 30;

/// A command of a Debian package, which must be installed.
pub fn program(name: &str, package: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain(PLACES.iter().map(PathBuf::from));
    let found = places.find_map(|place| Some(place.join(name)).filter(|file| file.is_file()));
    Command::new(found.unwrap_or_else(|| {
        panic!("there is no program {name}: run 'apt-get install --no-install-recommends {package}' as root")
    }))
}

/// Whether the tests run as root. Most servers then ask for a user whom they become.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a command to its end, expects success, and gives what it printed.
pub fn run(command: &mut Command) -> String {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = spawn(command).wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A running server. Dropping it kills it and its children, and shows its log if the test has failed.
pub struct Process {
    name: String,
    child: Child,
    guardian: Child,
    log: PathBuf,
    pub at: SocketAddr,
    pub folder: Folder,
}

impl Process {
    /// Starts a server that listens at `at` and has its files in `folder`.
    pub fn start(command: &mut Command, at: SocketAddr, folder: Folder) -> Self {
        let log = folder.path().join("output.log");
        let output = File::create(&log).unwrap();
        command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0);
        let child = spawn(command);
        let name = Path::new(command.get_program()).file_name().unwrap();
        Self {
            name: name.to_string_lossy().into_owned(),
            guardian: guardian(&child),
            child,
            log,
            at,
            folder,
        }
    }

    /// Waits until the server accepts connections.
    pub async fn listens(mut self) -> Self {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut looks = interval(LOOK);
        while TcpStream::connect(self.at).await.is_err() {
            self.must_run(deadline);
            looks.tick().await;
        }
        self
    }

    /// Waits until the server answers a query for the addresses of `name` over UDP, without an error.
    pub async fn answers(mut self, name: &str) -> Self {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut looks = interval(LOOK);
        let query = query(name);
        loop {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            socket.connect(self.at).await.unwrap();
            let mut answer = [0; 4_096];
            if socket.send(&query).await.is_ok()
                && let Ok(Ok(length)) = timeout(LOOK * 25, socket.recv(&mut answer)).await
                && length > 3
                && answer[3] & 0x0f == 0
            {
                return self;
            }
            self.must_run(deadline);
            looks.tick().await;
        }
    }

    fn must_run(&mut self, deadline: tokio::time::Instant) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "{} has ended: {ended:?}", self.name);
        assert!(
            tokio::time::Instant::now() < deadline,
            "{} doesn't answer at {}",
            self.name,
            self.at
        );
    }

    /// Stops the server as it is. It keeps its sockets, and answers nothing.
    pub fn suspend(&self) {
        kill_process(pid(&self.child), Signal::STOP).unwrap();
    }

    pub fn resume(&self) {
        kill_process(pid(&self.child), Signal::CONT).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Before the server: its number may be another's afterwards.
        let _ = self.guardian.kill();
        let _ = self.guardian.wait();
        let _ = kill_process_group(pid(&self.child), Signal::KILL);
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read(&self.log).unwrap_or_default();
            let text = String::from_utf8_lossy(&log);
            let lines: Vec<_> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
            eprintln!("-- the end of what {} at {} said:\n{last}", self.name, self.at);
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// A process that kills the server's group when this process is gone, even if it was killed itself: its input ends then.
fn guardian(server: &Child) -> Child {
    let mut command = Command::new("sh");
    command
        .args(["-c", "read -r _; kill -KILL -- \"-$0\""])
        .arg(server.id().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    spawn(&mut command)
}

fn spawn(command: &mut Command) -> Child {
    let _alone = ports::alone();
    let child = command.spawn();
    child.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// A query for the IPv4 addresses of a name, with recursion asked for (RFC 1035, section 4.1).
fn query(name: &str) -> Vec<u8> {
    let mut query = vec![0x50, 0x47, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(u8::try_from(label.len()).unwrap());
        query.extend(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}
