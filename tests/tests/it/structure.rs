//! The house rules of imports: which crate may use which.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// For each crate the crates of this workspace that it may use outside its tests.
const MAY_USE: &[(&str, &[&str])] = &[
    ("phasegate-core", &[]),
    ("phasegate", &["phasegate-core", "phasegate-storage-redb"]),
    ("phasegate-storage-redb", &["phasegate-core"]),
    ("phasegate-phases", &["phasegate"]),
    ("phasegate-sandbox", &[]),
    ("phasegate-testkit", &["phasegate-core", "phasegate"]),
    ("phasegate-server", &["phasegate"]),
    (
        "phasegate-cli",
        &[
            "phasegate-core",
            "phasegate",
            "phasegate-storage-redb",
            "phasegate-phases",
            "phasegate-sandbox",
            "phasegate-server",
        ],
    ),
    ("phasegate-system-tests", &[]),
    (
        "phasegate-bench",
        &[
            "phasegate-core",
            "phasegate",
            "phasegate-bench-chain",
            "phasegate-storage-redb",
            "phasegate-phases",
            "phasegate-testkit",
        ],
    ),
    ("phasegate-bench-chain", &["phasegate"]),
    (
        "phasegate-bindings",
        &["phasegate", "phasegate-phases", "phasegate-sandbox"],
    ),
    ("phasegate-bindgen", &[]),
    (
        "phasegate-fuzz",
        &[
            "phasegate",
            "phasegate-storage-redb",
            "phasegate-phases",
            "phasegate-testkit",
            "phasegate-server",
            "phasegate-cli",
        ],
    ),
    ("xtask", &[]),
];

/// Crates that only some may use at all: only adapters know their database, the core knows no runtime.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("redb", &["phasegate-storage-redb"]),
    ("hickory-proto", &["phasegate-phases", "phasegate-sandbox"]),
    ("reqwest", &["phasegate-cli"]),
    ("axum", &["phasegate-server"]),
    ("clap", &["phasegate-cli"]),
    ("uniffi", &["phasegate-bindings", "phasegate-bindgen"]),
];

#[test]
fn imports_go_one_way() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().expect("a list of packages") {
        let dependencies = package["dependencies"]
            .as_array()
            .expect("a list of dependencies")
            .iter();
        // A kind of null is a normal dependency.
        let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
        let names = normal
            .filter_map(|dependency| dependency["name"].as_str())
            .map(str::to_owned);
        uses.insert(
            package["name"].as_str().expect("a name").to_owned(),
            names.collect(),
        );
    }
    let ours: BTreeSet<&str> = uses.keys().map(String::as_str).collect();
    let ruled: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        ours, ruled,
        "each crate of the workspace has its rule, and each rule its crate"
    );
    for (name, allowed) in MAY_USE {
        let used: Vec<&String> = uses[*name]
            .iter()
            .filter(|used| ours.contains(used.as_str()))
            .collect();
        for used in used {
            assert!(allowed.contains(&used.as_str()), "{name} must not use {used}");
        }
    }
    for (dependency, allowed) in ONLY_IN {
        for (name, used) in &uses {
            assert!(
                !used.contains(*dependency) || allowed.contains(&name.as_str()),
                "{name} must not use {dependency}"
            );
        }
    }
    assert!(
        !uses["phasegate-core"].contains("tokio"),
        "the core knows no runtime"
    );
}
