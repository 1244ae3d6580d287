//! Stores and processes: who holds a file, and what a killed process leaves.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use phasegate_core::storage::{Storage, StorageError};
use phasegate_storage_redb::{RedbStorage, verify_file};
use phasegate_testkit::storage::conformance::Story;

use crate::sample;

/// How the other process, which runs the same test, is told what to do instead: a word, and the path of the store.
const TASK: &str = "PHASEGATE_TEST_TASK";
const STORE: &str = "PHASEGATE_TEST_STORE";

/// Does what the other process is for. In the process of the test itself, nothing: it gives `false`.
pub async fn in_other_process() -> bool {
    let Ok(task) = std::env::var(TASK) else {
        return false;
    };
    let store = PathBuf::from(std::env::var_os(STORE).unwrap());
    match task.as_str() {
        "create" => {
            RedbStorage::open(&store).await.unwrap();
        }
        "hold" => {
            let _storage = RedbStorage::open(&store).await.unwrap();
            tell_and_wait();
        }
        "back up" => {
            let storage = RedbStorage::open(&store).await.unwrap();
            let to = store.with_file_name("copy.redb");
            storage.backup(to, |_| tell_and_wait()).await.unwrap();
        }
        "copy" => {
            let storage = RedbStorage::open(&store).await.unwrap();
            storage
                .backup(store.with_file_name("copy.redb"), |_| ())
                .await
                .unwrap();
        }
        other => panic!("no task {other:?}"),
    }
    true
}

/// Tells the test that it is time, and waits to be killed.
fn tell_and_wait() -> ! {
    eprintln!("ready");
    loop {
        std::thread::park();
    }
}

/// Another process, which is killed at the end.
pub struct Other(Child);

impl Other {
    fn start(task: &str, store: &Path) -> Self {
        Self::start_with(task, store, &[])
    }

    /// Starts it with more in its environment.
    pub fn start_with(task: &str, store: &Path, environment: &[(&str, &Path)]) -> Self {
        // The harness runs each test on a thread of its name.
        let this = std::thread::current();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", this.name().unwrap(), "--nocapture"])
            .envs([(TASK, task.as_ref()), (STORE, store.as_os_str())])
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    /// Waits until it has done what it is for.
    pub fn finish(mut self) {
        let mut said = String::new();
        let errors = self.0.stderr.as_mut().unwrap();
        std::io::Read::read_to_string(errors, &mut said).unwrap();
        assert!(self.0.wait().unwrap().success(), "{said}");
    }

    fn wait_until_ready(&mut self) {
        let lines = BufReader::new(self.0.stderr.take().unwrap()).lines();
        let ready = lines.map(Result::unwrap).any(|line| line == "ready");
        assert!(ready, "the other process ended too early");
    }

    fn is_over(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    fn kill(mut self) {
        // The handle's end does it.
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn has_temporary(folder: &Path) -> bool {
    let mut entries = std::fs::read_dir(folder).unwrap();
    entries.any(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.starts_with(".phasegate-") && name.ends_with(".tmp")
    })
}

#[tokio::test]
async fn a_store_that_another_process_holds_is_refused_until_that_ends() {
    if in_other_process().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let mut other = Other::start("hold", &path);
    other.wait_until_ready();
    let held = StorageError::Held {
        path: path.display().to_string(),
    };
    let refused = RedbStorage::open(&path).await.unwrap_err();
    assert_eq!(refused, held);
    assert!(refused.to_string().contains("stop it, or work through it"));
    assert_eq!(verify_file(&path, |_| ()).await, Err(held));
    other.kill();
    let storage = RedbStorage::open(&path).await.unwrap();
    Story::created(&storage, 1).await;
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_creates_leaves_a_store_or_none() {
    if in_other_process().await {
        return;
    }
    for round in 0..12_u32 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let mut other = Other::start("create", &path);
        // The moment of the kill: as soon as the temporary file is there, a little later, or as soon as the store is.
        let mut moments = round / 3 * 7;
        while !other.is_over() {
            let (begun, done) = (has_temporary(folder.path()), path.exists());
            match round % 3 {
                0 if begun => break,
                1 if begun && moments == 0 => break,
                1 if begun => moments -= 1,
                2 if done => break,
                _ => {}
            }
        }
        other.kill();
        let left = path.exists();
        if left {
            let report = verify_file(&path, |_| ()).await.unwrap();
            assert!(report.is_clean(), "round {round}: {:#?}", report.findings);
        }
        let storage = RedbStorage::open(&path).await.unwrap();
        Story::created(&storage, 1).await;
        assert!(storage.verify(|_| ()).await.unwrap().is_clean(), "round {round}");
    }
}

#[tokio::test]
async fn a_process_that_is_killed_amid_a_backup_leaves_nothing_under_its_name() {
    if in_other_process().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let storage = RedbStorage::open(&path).await.unwrap();
    sample::write(&storage).await;
    let before = sample::shown(&storage).await.unwrap();
    storage.close().await.unwrap();

    let mut other = Other::start("back up", &path);
    other.wait_until_ready();
    assert!(has_temporary(folder.path()), "the backup is on its way");
    other.kill();
    let copy = folder.path().join("copy.redb");
    assert!(!copy.exists());

    let storage = RedbStorage::open(&path).await.unwrap();
    assert_eq!(sample::shown(&storage).await.unwrap(), before);
    let made = storage.backup(&copy, |_| ()).await;
    assert!(made.is_ok(), "what the kill left is in nobody's way: {made:?}");
}
