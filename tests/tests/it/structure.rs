//! The house rules of imports: which crate may use which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// For each crate the crates of this workspace that it may use outside its tests.
const MAY_USE: &[(&str, &[&str])] = &[
    ("phasegate-core", &[]),
    ("phasegate-schema", &["phasegate-core"]),
    (
        "phasegate",
        &["phasegate-core", "phasegate-schema", "phasegate-storage-redb"],
    ),
    ("phasegate-storage-redb", &["phasegate-core"]),
    ("phasegate-phases", &["phasegate"]),
    ("phasegate-sandbox", &[]),
    ("phasegate-jobs", &["phasegate"]),
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
    ("phasegate-example-letters", &["phasegate"]),
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
        &[
            "phasegate",
            "phasegate-jobs",
            "phasegate-phases",
            "phasegate-sandbox",
        ],
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

/// Crates that only some may use at all: only adapters know their database, only `schema/` knows JSON Schema's validator.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("redb", &["phasegate-storage-redb"]),
    ("jsonschema", &["phasegate-schema"]),
    ("hickory-proto", &["phasegate-phases", "phasegate-sandbox"]),
    ("reqwest", &["phasegate-cli"]),
    ("axum", &["phasegate-server"]),
    ("clap", &["phasegate-cli"]),
    ("uniffi", &["phasegate-bindings", "phasegate-bindgen"]),
];

/// What `program` prints when it is called with `arguments` in the workspace.
fn output_of(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// What cargo tells of the workspace.
fn metadata(options: &[&str]) -> Value {
    let arguments = [&["metadata", "--format-version", "1", "--offline"], options].concat();
    serde_json::from_slice(&output_of(env!("CARGO"), &arguments)).expect("cargo writes JSON")
}

#[test]
fn imports_go_one_way() {
    let metadata = metadata(&["--no-deps"]);
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

/// The packages that `root` uses outside its tests, itself or through others.
fn used_by<'a>(metadata: &'a Value, root: &str) -> BTreeSet<&'a str> {
    let list = |value: &'a Value| value.as_array().expect("a list").iter();
    let text = |value: &'a Value| value.as_str().expect("a text");
    let names: BTreeMap<&str, &str> = list(&metadata["packages"])
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let uses: BTreeMap<&str, Vec<&str>> = list(&metadata["resolve"]["nodes"])
        .map(|node| {
            let normal = list(&node["deps"])
                .filter(|dependency| list(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null()));
            let packages = normal.map(|dependency| text(&dependency["pkg"]));
            (text(&node["id"]), packages.collect())
        })
        .collect();
    let ids = names.iter().filter(|(_, name)| **name == root);
    let mut open: Vec<&str> = ids.map(|(id, _)| *id).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            open.extend(&uses[id]);
        }
    }
    seen.into_iter().map(|id| names[id]).collect()
}

#[test]
fn the_core_and_the_stores_build_without_a_validator_of_schemas() {
    let host = output_of("rustc", &["--print", "host-tuple"]);
    let host = str::from_utf8(&host).expect("rustc writes UTF-8").trim();
    // Without a platform cargo asks for crates of all platforms, which may not be here.
    let metadata = metadata(&["--locked", "--filter-platform", host]);
    let knows_it = |name: &str| used_by(&metadata, name).contains("jsonschema");
    assert!(knows_it("phasegate-schema"), "it has the validator");
    assert!(knows_it("phasegate"), "a chain of two is seen");
    let stores = MAY_USE.iter().map(|(name, _)| *name);
    let stores = stores.filter(|name| name.starts_with("phasegate-storage-"));
    for name in stores.chain(["phasegate-core"]) {
        assert!(!knows_it(name), "{name} must not use jsonschema");
    }
}

#[test]
fn the_store_in_memory_and_the_suite_of_stores_know_the_core_alone() {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/src/storage")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("the folder is here");
            open.extend(entries.map(|entry| entry.expect("it is listed").path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source file");
        for other in ["phasegate::", "phasegate_schema", "jsonschema"] {
            assert!(!text.contains(other), "{} must not use {other}", path.display());
        }
    }
}
