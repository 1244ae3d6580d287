//! `cargo xtask bench-before REV [ROUNDS]`: the working tree's speed beside that of an earlier revision, in one run.
//!
//! The measuring program, `bench/chain/`, is built twice: once here, once in a checkout of REV. Then the two measure in turn, each
//! measurement in a process of its own with a store in a new file, and each pair in the other order than in the round before. A
//! machine that slows down for a while slows both of a pair, so what is shown of the ratios is their median, and how far they
//! spread.

mod comparison;
mod tree;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use anyhow::{Context as _, ensure};

use crate::built::cargo;
use crate::places::{root, target};
use comparison::{Comparison, Measured, Side};
use tree::Tree;

/// The measuring crate and its program.
const PROGRAM: &str = "phasegate-bench-chain";
const ROUNDS: usize = 5;

/// Builds both programs, runs them in turn, and prints the table.
pub fn compare(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let (revision, rounds) = match arguments {
        [revision] => (revision, Some(ROUNDS)),
        [revision, rounds] => (revision, rounds.parse().ok().filter(|rounds| *rounds > 0)),
        _ => anyhow::bail!("name the revision to compare with, as in 'cargo xtask bench-before HEAD~1'"),
    };
    let rounds = rounds.context("the number of rounds is a whole number above 0")?;
    let folder = target()?.join("bench-before");
    fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;

    let tree = Tree::of(revision, folder.join("tree"))?;
    println!("before: {}\nafter:  the working tree", tree.title);
    for note in &tree.notes {
        println!("{note}");
    }
    // Each has a folder of its own: in one, the crates of the two would replace each other.
    let before = build(&tree.path, &folder.join("build"), &[], &folder.join("before"))?;
    let after = build(root(), &target()?, &["--locked"], &folder.join("after"))?;

    let measurements = names(&after)?;
    let store = folder.join("store");
    let mut comparison = Comparison::default();
    for round in 1..=rounds {
        for (number, name) in measurements.iter().enumerate() {
            eprintln!(
                "round {round} of {rounds}, {} of {}: {name}",
                number + 1,
                measurements.len()
            );
            let mut pair = [(Side::Before, &before), (Side::After, &after)];
            if round % 2 == 0 {
                pair.reverse();
            }
            for (side, program) in pair {
                comparison.add(side, measure(program, name, &store)?);
            }
        }
    }
    print!("\n{}", comparison.table());
    Ok(ExitCode::SUCCESS)
}

/// Builds the measuring program of a tree, and keeps it as `kept`, so that no later build replaces it.
fn build(tree: &Path, target: &Path, options: &[&str], kept: &Path) -> anyhow::Result<PathBuf> {
    let status = Command::new(cargo())
        .args(["build", "--release", "--package", PROGRAM])
        .args(options)
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", target)
        .status()
        .context("cargo can't be run")?;
    ensure!(
        status.success(),
        "{PROGRAM} can't be built in {}: see what cargo says above",
        tree.display()
    );
    let built = target
        .join("release")
        .join(PROGRAM)
        .with_extension(env::consts::EXE_EXTENSION);
    let kept = kept.with_extension(env::consts::EXE_EXTENSION);
    fs::copy(&built, &kept).with_context(|| format!("{} can't be copied", built.display()))?;
    Ok(kept)
}

/// The names of the measurements.
fn names(program: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new(program).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{} failed", program.display());
    Ok(String::from_utf8(output.stdout)?
        .lines()
        .map(str::to_owned)
        .collect())
}

/// Measures once, with the store in a folder that is emptied before and after.
fn measure(program: &Path, name: &str, store: &Path) -> anyhow::Result<Measured> {
    tree::remove(store)?;
    fs::create_dir(store).with_context(|| format!("{} can't be made", store.display()))?;
    let mut child = Command::new(program)
        .arg(name)
        .arg(store)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} can't be started", program.display()))?;
    // Held open until it has ended: it ends with this process, however that ends.
    let _input = child.stdin.take();
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "{} failed at '{name}': {}",
        program.display(),
        output.status
    );
    tree::remove(store)?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{} gave no measurement of '{name}'", program.display()))
}
