//! What is synced when a file gets its name: seen by a library that is loaded before the C library, since nothing else can see it.

use std::path::{Path, PathBuf};
use std::process::Command;

use phasegate_storage_redb::RedbStorage;

use crate::processes::{Other, in_other_process};

/// Compiles the library that notes each `fsync`.
fn library(folder: &Path) -> PathBuf {
    let library = folder.join("synced.so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/synced.c"))
        .arg("-ldl")
        .status();
    let compiled = compiled.expect("a C compiler is there: install what Debian has as build-essential");
    assert!(compiled.success());
    library
}

/// Does `task` on the store in another process, and gives what it synced: whether `named` was there by then, and the path.
fn synced(task: &str, folder: &Path, named: &str) -> Vec<(bool, PathBuf)> {
    let (library, notes) = (library(folder), folder.join("notes"));
    let watched = folder.join(named);
    let environment = [
        ("LD_PRELOAD", &*library),
        ("PHASEGATE_TEST_WATCHED", &*watched),
        ("PHASEGATE_TEST_NOTES", &*notes),
    ];
    Other::start_with(task, &folder.join("store.redb"), &environment).finish();
    let notes = std::fs::read_to_string(notes).unwrap();
    let note = |line: &str| {
        let (when, path) = line.split_once(' ').unwrap();
        (when == "after", PathBuf::from(path))
    };
    notes.lines().map(note).collect()
}

/// Asserts that a complete file was synced before it had its name, and its folder after that.
fn check(synced: &[(bool, PathBuf)], folder: &Path) {
    let is_new_file = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(".phasegate-") && name.ends_with(".tmp")
    };
    let file = synced
        .iter()
        .any(|(is_named, path)| !is_named && is_new_file(path));
    assert!(file, "the file is synced before it has its name: {synced:?}");
    let folder = synced.iter().any(|(is_named, path)| *is_named && path == folder);
    assert!(folder, "its folder is synced after that: {synced:?}");
}

#[tokio::test]
async fn a_new_store_is_synced_before_it_has_its_name_and_its_folder_after_that() {
    if in_other_process().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    check(&synced("create", &path, "store.redb"), &path);
}

#[tokio::test]
async fn a_backup_is_synced_before_it_has_its_name_and_its_folder_after_that() {
    if in_other_process().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    drop(RedbStorage::open(path.join("store.redb")).await.unwrap());
    check(&synced("copy", &path, "copy.redb"), &path);
}
