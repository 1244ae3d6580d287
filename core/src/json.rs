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
        Self::from_hash(&Sha256::digest(canonical.as_bytes()).into())
    }

    /// Takes a SHA-256.
    pub fn from_hash(hash: &[u8; 32]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |four: u8| char::from(DIGITS[usize::from(four & 15)]);
        Self(
            hash.iter()
                .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
                .collect(),
        )
    }

    /// The SHA-256 in bytes; zeros stand for what is no hexadecimal digit.
    pub fn to_hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(self.0.as_bytes().chunks(2)) {
            let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
            *byte = digits.iter().fold(0, |sum, digit| sum << 4 | value(*digit));
        }
        hash
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
