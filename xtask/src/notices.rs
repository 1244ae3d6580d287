//! What the hosts' packages say of licences: ours, and those of the crates that are in the native library.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::places::root;

/// The crate that becomes the native library.
const LIBRARY: &str = "phasegate-bindings";
/// The files of a crate whose text goes along.
const FILES: [&str; 6] = [
    "license",
    "licence",
    "copying",
    "notice",
    "unlicense",
    "copyright",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    manifest_path: String,
    /// None for a crate of this workspace.
    source: Option<String>,
}

/// Writes our licences and the notices into a folder that goes into a package.
pub fn write(folder: &Path) -> anyhow::Result<()> {
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(root().join(licence), folder.join(licence))
            .with_context(|| format!("cannot copy {licence}"))?;
    }
    let path = folder.join("THIRD-PARTY-NOTICES.md");
    fs::write(&path, notices()?).with_context(|| format!("cannot write {}", path.display()))
}

fn notices() -> anyhow::Result<String> {
    let metadata = metadata()?;
    let mut text = "# Third-party notices\n\nThe native library of this package contains these crates.\n\n\
                    | crate | licence | source |\n|---|---|---|\n"
        .to_owned();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in contained(&metadata)? {
        let Package { name, version, .. } = package;
        let licence = package.license.as_deref().unwrap_or("see below");
        let source = package.repository.as_deref().unwrap_or_default();
        writeln!(text, "| {name} {version} | {licence} | {source} |")?;
        for (file, words) in licences(package)? {
            texts
                .entry(words)
                .or_default()
                .push(format!("{name} {version}, {file}"));
        }
    }
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by(|one, other| one.1.cmp(&other.1));
    for (words, places) in texts {
        write!(text, "\n## {}\n\n```text\n{words}\n```\n", places.join("; "))?;
    }
    Ok(text)
}

/// The crates in the library, ours aside, by name. The metadata have all crates of the workspace, with the features that all of it
/// asks for; what the library alone is built of is told by its tree.
fn contained(metadata: &Metadata) -> anyhow::Result<Vec<&Package>> {
    let tree = cargo(
        &[
            "tree",
            "--package",
            LIBRARY,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ],
        "--target",
    )?;
    // A line names a crate, its version, and more, as in `redb v4.6.0 (*)`.
    let names: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .collect();
    let mut contained: Vec<_> = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some())
        .filter(|package| names.contains(&(package.name.as_str(), package.version.as_str())))
        .collect();
    contained.sort_by_key(|package| (&package.name, &package.version));
    Ok(contained)
}

/// The texts that a crate ships. Where it may be had under the MIT licence, the other licences are left out.
fn licences(package: &Package) -> anyhow::Result<Vec<(String, String)>> {
    let folder = Path::new(&package.manifest_path)
        .parent()
        .context("a manifest is in a folder")?;
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let kind = name.to_lowercase();
        if path.is_file() && FILES.iter().any(|start| kind.starts_with(start)) {
            texts.push((name, fs::read_to_string(&path)?.trim().replace("\r\n", "\n")));
        }
    }
    texts.sort();
    let is = |name: &str, what: &str| name.to_lowercase().contains(what);
    if texts.iter().any(|(name, _)| is(name, "mit")) {
        texts.retain(|(name, _)| is(name, "mit") || is(name, "notice") || is(name, "copyright"));
    }
    Ok(texts)
}

fn metadata() -> anyhow::Result<Metadata> {
    let text = cargo(&["metadata", "--format-version", "1"], "--filter-platform")?;
    Ok(serde_json::from_str(&text)?)
}

/// What cargo says of this machine's platform, which the option `platform` names to it.
fn cargo(arguments: &[&str], platform: &str) -> anyhow::Result<String> {
    let host = Command::new("rustc").args(["--print", "host-tuple"]).output()?;
    ensure!(host.status.success(), "rustc did not name its platform");
    let host = String::from_utf8(host.stdout)?;
    let output = Command::new(crate::built::cargo())
        .args(arguments)
        .args(["--locked", platform, host.trim()])
        .current_dir(root())
        .output()?;
    ensure!(
        output.status.success(),
        "cargo {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notices_name_what_is_in_the_library_with_the_words_of_its_licences() {
        let notices = notices().expect("the crates are here");
        for crate_name in ["redb", "tokio", "hyper", "jsonschema", "uniffi"] {
            assert!(notices.contains(&format!("\n| {crate_name} ")), "{crate_name}");
        }
        for other in ["phasegate", "proptest", "clap", "uniffi_bindgen"] {
            assert!(
                !notices.contains(&format!("\n| {other} ")),
                "{other} is not in it"
            );
        }
        assert!(notices.contains("Permission is hereby granted"));
        assert_eq!(notices.matches("```").count() % 2, 0);
    }
}
