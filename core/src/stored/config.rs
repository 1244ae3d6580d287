//! The text of a config: its body is its canonical JSON.

use serde_json::Value;

use super::form::{Fault, Kind, Unreadable};
use crate::json::canonical_json;

const KIND: Kind = Kind {
    what: "config",
    form: 1,
};

/// Writes a config.
pub fn write(config: &Value) -> Vec<u8> {
    write_text(&canonical_json(config))
}

/// Writes a config whose canonical JSON is there already.
pub fn write_text(canonical: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(canonical.len() + 1);
    bytes.push(KIND.form);
    bytes.extend_from_slice(canonical.as_bytes());
    bytes
}

/// Reads a config.
///
/// # Errors
///
/// [`Unreadable`].
pub fn read(bytes: &[u8]) -> Result<Value, Unreadable> {
    KIND.read(bytes, |form, body| match form {
        1 => Ok(serde_json::from_slice(body)?),
        _ => Err(Fault::Newer),
    })
}

/// Reads the canonical JSON of a config, without parsing it.
///
/// # Errors
///
/// [`Unreadable`].
pub fn read_text(bytes: &[u8]) -> Result<&str, Unreadable> {
    KIND.read(bytes, |form, body| match form {
        1 => Ok(std::str::from_utf8(body)?),
        _ => Err(Fault::Newer),
    })
}
