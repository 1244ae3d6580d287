//! `cargo xtask rust-tests`: every Rust test of the workspace, from the one build; `cargo xtask real-servers`: those that need
//! packages of Debian's.
//!
//! Most tests wait for something: a signal, a process, a disk. So several programs run at a time, and the ones that take longest
//! begin first. The output of a program is shown when it has ended.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::built::{Built, TestProgram};

/// How many programs run at a time, each with as many tests at a time as there are processors.
const AT_ONCE: usize = 4;
/// The programs that take longest, in this order; the others follow by name.
const FIRST: &[&str] = &[
    "cli/it",
    "tests/it",
    "storage-redb/it",
    "phases/it",
    "fuzz/corpus",
];
/// The program whose tests start servers of Debian's packages. It is a suite of its own.
const REAL_SERVERS: &str = "phases/real";
/// The programs whose threads hand over to each other at every step. On one processor they need half the time that they need on two,
/// since no processor is woken by another.
const ON_ONE_PROCESSOR: &[&str] = &["tests/it"];
/// How long a program may take. One that takes longer hangs, and is killed.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How often a running program is asked whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Runs every test program but the one with the real servers, and shows what each said. The exit code is that of a failure if
/// one failed.
pub fn run() -> anyhow::Result<ExitCode> {
    run_those(|name| name != REAL_SERVERS)
}

/// Runs the test program with the real servers, as [`run`] does the others.
pub fn run_real_servers() -> anyhow::Result<ExitCode> {
    run_those(|name| name == REAL_SERVERS)
}

fn run_those(are_chosen: impl Fn(&str) -> bool) -> anyhow::Result<ExitCode> {
    let built = Built::now()?;
    let folder = crate::places::target()?.join("xtask/rust-tests");
    fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let mut programs = built.tests();
    programs.retain(|program| are_chosen(&program.name()));
    anyhow::ensure!(!programs.is_empty(), "cargo built no test program of that name");
    programs.sort_by_key(|program| {
        FIRST
            .iter()
            .position(|name| *name == program.name())
            .unwrap_or(FIRST.len())
    });
    let waiting = Mutex::new(programs.into_iter());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(program) = next(&waiting) {
                    let begin = Instant::now();
                    let log = folder.join(format!("{}.log", program.name().replace('/', "-")));
                    let ended = end(&program, &log);
                    let failures = &mut *failed.lock().unwrap_or_else(PoisonError::into_inner);
                    let text = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
                    let how = match ended {
                        Ok(()) => "ended".to_owned(),
                        Err(error) => {
                            let how = format!("FAILED: {error:#}");
                            failures.push(format!("{}: {error:#}", program.name()));
                            how
                        }
                    };
                    // Under the lock, so that no two programs' outputs mix.
                    println!(
                        "-- {} {how} after {:.1} s\n{text}",
                        program.name(),
                        begin.elapsed().as_secs_f64()
                    );
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    for failure in &failed {
        println!("-- {failure}");
    }
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn next(waiting: &Mutex<std::vec::IntoIter<TestProgram>>) -> Option<TestProgram> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).next()
}

/// Runs a program to its end, with its output in a file.
fn end(program: &TestProgram, log: &PathBuf) -> anyhow::Result<()> {
    let output = File::create(log).with_context(|| format!("{} can't be written", log.display()))?;
    let mut child = command(program)
        .current_dir(&program.folder)
        // As cargo tells it; what reads committed files at run time finds them by it.
        .env("CARGO_MANIFEST_DIR", &program.folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("{} can't be started", program.executable.display()))?;
    let status = wait(&mut child)?;
    anyhow::ensure!(status.success(), "{status}");
    Ok(())
}

fn command(program: &TestProgram) -> Command {
    if cfg!(target_os = "linux") && ON_ONE_PROCESSOR.contains(&program.name().as_str()) {
        let mut pinned = Command::new("taskset");
        pinned.args(["--cpu-list", "0"]).arg(&program.executable);
        return pinned;
    }
    Command::new(&program.executable)
}

fn wait(child: &mut Child) -> anyhow::Result<std::process::ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            anyhow::bail!("killed: it did not end within {} s", PATIENCE.as_secs());
        }
        thread::sleep(LOOK);
    }
}
