//! Replays every committed input of every target.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use phasegate_fuzz::{TARGETS, Target};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let name = |path: PathBuf| path.file_stem().map(|name| name.to_string_lossy().into_owned());
    entries
        .filter_map(|entry| name(entry.expect("an entry").path()))
        .collect()
}

/// Runs a target over its corpus; a panic counts also where the code under test catches it.
fn replay((name, target): Target) {
    static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let folder = folder("corpus").join(name);
    let inputs = names(&folder);
    assert!(inputs.len() >= 10, "{name}: only {} inputs", inputs.len());
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        PANICS.lock().expect("it never panics").push(panic.to_string());
    }));
    for entry in fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("a file");
        let ended = std::panic::catch_unwind(|| target(&bytes));
        let panics = std::mem::take(&mut *PANICS.lock().expect("it never panics"));
        assert!(
            ended.is_ok() && panics.is_empty(),
            "{}: {panics:?}",
            path.display()
        );
    }
}

#[test]
fn every_target_holds_for_its_whole_corpus() {
    for target in TARGETS {
        replay(target);
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("fuzz_targets")), targets);
    assert_eq!(names(&folder("corpus")), targets);
}
