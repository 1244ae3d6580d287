//! Canonical JSON and its digest, so that equal documents are equal bytes.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// Writes `value` without white space and with the members of every object sorted by name.
///
/// Equal documents give equal bytes, whatever the order of their members.
pub fn canonical_json(value: &Value) -> String {
    String::from_utf8(canonical_bytes(value)).expect("JSON is text")
}

fn canonical_bytes(value: &Value) -> Vec<u8> {
    // Most documents are small; a large one has its room after a few steps.
    let mut bytes = Vec::with_capacity(256);
    write_canonical(value, &mut bytes).expect("memory takes what is written to it");
    bytes
}

fn write_canonical(value: &Value, out: &mut Vec<u8>) -> serde_json::Result<()> {
    match value {
        Value::Object(members) if members.keys().is_sorted() => write_members(names(members), out)?,
        // Another crate of the program may make serde_json keep the order of members.
        Value::Object(members) => {
            let mut sorted: Vec<_> = names(members).collect();
            sorted.sort_by_key(|(name, _)| *name);
            write_members(sorted.into_iter(), out)?;
        }
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_canonical(item, out)?;
            }
            out.push(b']');
        }
        scalar => serde_json::to_writer(out, scalar)?,
    }
    Ok(())
}

fn names(members: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    members.iter().map(|(name, member)| (name.as_str(), member))
}

fn write_members<'v>(
    members: impl Iterator<Item = (&'v str, &'v Value)>,
    out: &mut Vec<u8>,
) -> serde_json::Result<()> {
    out.push(b'{');
    for (i, (name, member)) in members.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, name)?;
        out.push(b':');
        write_canonical(member, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// The SHA-256 of a document's canonical JSON. Its text is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Hash)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(inline, with = "String")
)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Digests the canonical JSON of `value`.
    pub fn of(value: &Value) -> Self {
        Self(Sha256::digest(canonical_bytes(value)).into())
    }

    /// Digests the object that has only `value`, under this name.
    pub(crate) fn of_member(name: &str, value: &Value) -> Self {
        let mut bytes = Vec::with_capacity(256);
        write_members([(name, value)].into_iter(), &mut bytes).expect("memory takes what is written to it");
        Self(Sha256::digest(bytes).into())
    }

    /// Digests a text that is already canonical JSON.
    pub fn of_text(canonical: &str) -> Self {
        Self(Sha256::digest(canonical.as_bytes()).into())
    }

    /// Takes a SHA-256.
    pub const fn from_hash(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The SHA-256 in hexadecimal digits.
    fn digits(self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 64];
        for (byte, two) in self.0.iter().zip(digits.as_chunks_mut::<2>().0) {
            *two = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        digits
    }

    /// The SHA-256 in bytes.
    pub const fn to_hash(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).expect("digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = self.digits();
        serializer.serialize_str(std::str::from_utf8(&digits).expect("digits are ASCII"))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        read_digits(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("a digest has 64 digits of 0-9 and a-f"))
    }
}

fn read_digits(text: &str) -> Option<[u8; 32]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    if text.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
        *byte = value(digits[0])? << 4 | value(digits[1])?;
    }
    Some(hash)
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

    #[test]
    fn a_digest_is_read_from_its_own_text_alone() {
        let digest = Digest::of(&json!("a"));
        let text = serde_json::to_value(digest).unwrap();
        assert_eq!(text.as_str().map(str::len), Some(64));
        assert_eq!(serde_json::from_value::<Digest>(text.clone()).unwrap(), digest);
        let text = text.as_str().unwrap();
        for wrong in [
            &text[1..],
            &text.to_uppercase(),
            &text.replace(&text[..1], "g"),
            "é".repeat(32).as_str(),
        ] {
            assert!(serde_json::from_value::<Digest>(json!(wrong)).is_err(), "{wrong}");
        }
    }
}
