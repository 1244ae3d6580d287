//! Names and configs as the tests write them.

use std::collections::BTreeMap;

use phasegate_core::PhaseName;
use serde_json::Value;

pub fn name(phase: &str) -> PhaseName {
    PhaseName::new(phase).expect("a valid phase name")
}

pub fn configs(phases: &[&str], config: Value) -> BTreeMap<PhaseName, Value> {
    phases.iter().map(|phase| (name(phase), config.clone())).collect()
}

/// Changes of attributes, as a command takes them.
pub fn attributes(changes: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
    changes
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned)))
        .collect()
}
