//! Canonical JSON and its digest, so that equal documents are equal bytes.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Writes `value` without white space and with the members of every object sorted by name.
///
/// Equal documents give equal bytes, whatever the order of their members.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (i, (name, member)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(member, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// The SHA-256 of a document's canonical JSON, as 64 lower-case hexadecimal digits.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// Digests the canonical JSON of `value`.
    pub fn of(value: &Value) -> Self {
        Self::of_text(&canonical_json(value))
    }

    /// Digests a text that is already canonical JSON.
    pub fn of_text(canonical: &str) -> Self {
        let hash = Sha256::digest(canonical.as_bytes());
        Self(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{:.12}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn canonical_json_sorts_members_at_every_depth_and_keeps_lists_in_order() {
        let text = canonical_json(&json!({"b": [2, 1, {"z": null, "a": "\n"}], "a": 1.5}));
        assert_eq!(text, r#"{"a":1.5,"b":[2,1,{"a":"\n","z":null}]}"#);
    }
}
