//! Bytes as a config or a resource of the lead-generation pipeline.

use std::sync::LazyLock;

use phasegate::core::PhaseName;
use phasegate::schema::ConfigSchema;
use phasegate_phases::{Proxy, analysis, dns_validation, domain_generation, http_validation, schemas};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A kind of document: the name of its schema, and whether its Rust type reads a document.
type Kind = (&'static str, fn(&Value) -> bool);

/// The first byte of an input chooses one of them: `0` the first.
const KINDS: [Kind; 7] = [
    ("domain_generation", reads::<domain_generation::Config>),
    ("dns_validation", reads::<dns_validation::Config>),
    ("http_validation", reads::<http_validation::Config>),
    ("analysis", reads::<analysis::Config>),
    ("dns_persona", reads::<dns_validation::DnsPersona>),
    ("http_persona", reads::<http_validation::HttpPersona>),
    ("proxy", reads::<Proxy>),
];

static SCHEMAS: LazyLock<Vec<ConfigSchema>> =
    LazyLock::new(|| KINDS.iter().map(|(name, _)| compiled(name)).collect());

fn compiled(name: &str) -> ConfigSchema {
    let file = format!("{name}.schema.json");
    let (_, schema) = schemas()
        .into_iter()
        .find(|(of, _)| *of == file)
        .expect("each kind has a schema");
    ConfigSchema::compile(name, &schema).expect("the schema is one")
}

fn reads<T: DeserializeOwned>(document: &Value) -> bool {
    serde_json::from_value::<T>(document.clone()).is_ok()
}

/// Checks the bytes after the first one: the schema accepts exactly what the Rust type reads, and finds a place in the
/// document for everything that it refuses.
///
/// # Panics
///
/// When it does not: that is the finding.
pub fn config(bytes: &[u8]) {
    let Some((first, json)) = bytes.split_first() else {
        return;
    };
    let Ok(document) = serde_json::from_slice::<Value>(json) else {
        return;
    };
    let kind = usize::from(first.wrapping_sub(b'0')) % KINDS.len();
    let (schema, (name, reads)) = (&SCHEMAS[kind], KINDS[kind]);
    let phase = PhaseName::new(name).expect("a valid name");
    let problems = schema.problems(&phase, &document);
    assert_eq!(
        problems.is_empty(),
        reads(&document),
        "{name}: {document}: {problems:?}"
    );
    for used in schema.resources(&document) {
        let found = document.pointer(&used.pointer).and_then(Value::as_str);
        assert_eq!(found, Some(used.resource.id.as_str()));
    }
}
