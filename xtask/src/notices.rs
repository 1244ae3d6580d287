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
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    manifest_path: String,
    /// None for a crate of this workspace.
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// None for a dependency of the library itself.
    kind: Option<String>,
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

/// The crates in the library, ours aside, by name.
fn contained(metadata: &Metadata) -> anyhow::Result<Vec<&Package>> {
    let packages: BTreeMap<&str, &Package> = metadata
        .packages
        .iter()
        .map(|one| (one.id.as_str(), one))
        .collect();
    let nodes: BTreeMap<&str, &Node> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node))
        .collect();
    let library = metadata.packages.iter().find(|package| package.name == LIBRARY);
    let mut found = BTreeSet::new();
    let mut next = vec![library.context("the workspace has the library")?.id.as_str()];
    while let Some(id) = next.pop() {
        if found.insert(id) {
            let deps = nodes.get(id).map(|node| node.deps.as_slice()).unwrap_or_default();
            let normal = |dep: &&Dependency| dep.dep_kinds.iter().any(|kind| kind.kind.is_none());
            next.extend(deps.iter().filter(normal).map(|dep| dep.pkg.as_str()));
        }
    }
    let mut contained: Vec<_> = found.iter().filter_map(|id| packages.get(id).copied()).collect();
    contained.retain(|package| package.source.is_some());
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
    let host = Command::new("rustc").args(["--print", "host-tuple"]).output()?;
    ensure!(host.status.success(), "rustc did not name its platform");
    let host = String::from_utf8(host.stdout)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            host.trim(),
        ])
        .current_dir(root())
        .output()?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notices_name_what_is_in_the_library_with_the_words_of_its_licences() {
        let notices = notices().expect("the crates are here");
        for crate_name in ["redb", "tokio", "reqwest", "jsonschema", "uniffi"] {
            assert!(notices.contains(&format!("\n| {crate_name} ")), "{crate_name}");
        }
        for other in ["phasegate", "proptest", "clap"] {
            assert!(
                !notices.contains(&format!("\n| {other} ")),
                "{other} is not in it"
            );
        }
        assert!(notices.contains("Permission is hereby granted"));
        assert_eq!(notices.matches("```").count() % 2, 0);
    }
}
