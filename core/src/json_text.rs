//! JSON text that somebody has given: a plan, a config, the body of a request. What a store holds is read elsewhere.
//!
//! JSON leaves open which of two members with one name counts (RFC 8259, section 4), so neither does. A byte-order mark of
//! UTF-8 is skipped, as section 8.1 allows; a text in another encoding is refused by its name.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::limits::MAX_TEXT_DEPTH;
use crate::measure::Measure;
use crate::pointer::member_pointer;
use crate::shorten::shorten;

/// The Unicode encodings that are not UTF-8.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OtherEncoding {
    /// UTF-16, in either byte order.
    Utf16,
    /// UTF-32, in either byte order.
    Utf32,
}

impl fmt::Display for OtherEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf16 => "UTF-16",
            Self::Utf32 => "UTF-32",
        })
    }
}

/// Why a given text can't be used. Lines, and columns in bytes, are counted from 1.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonTextError {
    /// It is written in another encoding.
    #[error("this is {encoding}: save it as UTF-8")]
    Encoding {
        /// The encoding.
        encoding: OtherEncoding,
    },
    /// Some of its bytes are no UTF-8.
    #[error("this is not UTF-8 at line {line} column {column}: save it as UTF-8")]
    NotUtf8 {
        /// The line of the first such byte.
        line: usize,
        /// Its column.
        column: usize,
    },
    /// It is nested beyond [`MAX_TEXT_DEPTH`].
    #[error("it is nested {depth} levels deep; at most {MAX_TEXT_DEPTH} may be: make it flatter")]
    TooDeep {
        /// Its depth.
        depth: usize,
    },
    /// An object has two members of one name.
    #[error(
        "the member {:?} is given twice, at {} (line {line} column {column}): remove one of them",
        shorten(name, MAX_SHOWN),
        shorten(pointer, MAX_SHOWN)
    )]
    Duplicate {
        /// The name.
        name: String,
        /// The JSON Pointer of the member.
        pointer: String,
        /// The line where the second one's name ends.
        line: usize,
        /// The column where the second one's name ends.
        column: usize,
    },
    /// It is not JSON.
    #[error("it is not JSON: {reason}")]
    Malformed {
        /// What is wrong, with line and column.
        reason: String,
    },
    /// It is JSON of another shape than what is read from it.
    #[error("{reason}")]
    Unfit {
        /// What is wrong, with line and column.
        reason: String,
    },
}

/// The most characters that a message repeats of a name or a place.
const MAX_SHOWN: usize = 200;

/// The name by which `serde_json` passes unread JSON on to itself. As a member of a text it would be read as something else.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// Reads a `T` from a text that somebody has given.
///
/// # Errors
///
/// Those of [`json_text`], and [`JsonTextError::Unfit`] when the text is no `T`.
pub fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonTextError> {
    serde_json::from_str(json_text(bytes)?).map_err(|error| JsonTextError::Unfit {
        reason: error.to_string(),
    })
}

/// Checks that `bytes` are one JSON document in UTF-8, in which no object has two members of one name, and gives its text
/// without the byte-order mark.
///
/// # Errors
///
/// Every [`JsonTextError`] but [`JsonTextError::Unfit`].
pub fn json_text(bytes: &[u8]) -> Result<&str, JsonTextError> {
    if let Some(encoding) = other_encoding(bytes) {
        return Err(JsonTextError::Encoding { encoding });
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = str::from_utf8(bytes).map_err(|error| not_utf8(&bytes[..error.valid_up_to()]))?;
    let mut found = Found::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let read = Members(&mut found).deserialize(&mut json);
    match read.and_then(|()| json.end()) {
        Ok(()) => Ok(text),
        Err(error) => Err(refusal(text, found, &error)),
    }
}

fn refusal(text: &str, found: Found, error: &serde_json::Error) -> JsonTextError {
    if let Some(name) = found.twice {
        let above = found.around.iter().rev();
        let above = above.fold(String::new(), |place, token| member_pointer(&place, token));
        return JsonTextError::Duplicate {
            pointer: member_pointer(&above, &name),
            name,
            line: error.line(),
            column: error.column(),
        };
    }
    match Measure::of_text(text).depth {
        depth if depth > MAX_TEXT_DEPTH => JsonTextError::TooDeep { depth },
        _ if text.trim().is_empty() => JsonTextError::Malformed {
            reason: "there is nothing in it".to_owned(),
        },
        _ => JsonTextError::Malformed {
            reason: error.to_string(),
        },
    }
}

/// The encoding of a text that is none of UTF-8, by its byte-order mark or by the zero bytes of its first character, which is
/// ASCII in JSON.
fn other_encoding(bytes: &[u8]) -> Option<OtherEncoding> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] | [1..=255, 0, 0, 0, ..] | [0, 0, 0, 1..=255, ..] => {
            Some(OtherEncoding::Utf32)
        }
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [1..=255, 0, ..] | [0, 1..=255, ..] => {
            Some(OtherEncoding::Utf16)
        }
        _ => None,
    }
}

/// The error for bytes that are no UTF-8 after `before`.
fn not_utf8(before: &[u8]) -> JsonTextError {
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    JsonTextError::NotUtf8 {
        line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
        column: before.len() - line_start + 1,
    }
}

/// What the walk through a text has found.
#[derive(Default)]
struct Found {
    /// The name of the member that is given twice.
    twice: Option<String>,
    /// The names and indexes of what holds the object, the innermost first.
    around: Vec<String>,
}

/// Walks through a value, and stops at the first member that is given twice.
struct Members<'a>(&'a mut Found);

impl Members<'_> {
    /// Notes where the value stands that the walk has stopped in.
    fn stopped_in<T, E>(&mut self, read: Result<T, E>, token: impl FnOnce() -> String) -> Result<T, E> {
        if read.is_err() && self.0.twice.is_some() {
            self.0.around.push(token());
        }
        read
    }
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if names.contains(&name) {
                self.0.twice = Some(name);
                return Err(A::Error::custom("a member is given twice"));
            }
            if name == RAW_VALUE {
                return Err(A::Error::custom(format_args!("no member may be called {name}")));
            }
            let read = map.next_value_seed(Members(self.0));
            self.stopped_in(read, || name.clone())?;
            names.insert(name);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        for index in 0_usize.. {
            let read = list.next_element_seed(Members(self.0));
            if self.stopped_in(read, || index.to_string())?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn refused(bytes: &[u8]) -> JsonTextError {
        read_json::<Value>(bytes).expect_err("it is refused")
    }

    #[test]
    fn a_member_that_is_given_twice_is_named_with_its_place_wherever_it_stands() {
        let cases = [
            (r#"{"a": 1, "b": 2, "a": 1}"#, "a", "/a", (1, 20)),
            (
                "{\"configs\": {\"x\": {\n  \"a\": 1,\n  \"\\u0061\": 2}}}",
                "a",
                "/configs/x/a",
                (3, 10),
            ),
            (
                r#"[1, [{"b": []}, {"a/~": 1, "a/~": 2}]]"#,
                "a/~",
                "/1/1/a~1~0",
                (1, 32),
            ),
            (r#"{"": {"": null, "": null}}"#, "", "//", (1, 18)),
        ];
        for (text, name, pointer, (line, column)) in cases {
            let (name, pointer) = (name.to_owned(), pointer.to_owned());
            let expected = JsonTextError::Duplicate {
                name,
                pointer,
                line,
                column,
            };
            assert_eq!(refused(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(
            refused(br#"{"configs": {"analysis": {"keyword": "a", "keyword": "b"}}}"#).to_string(),
            "the member \"keyword\" is given twice, at /configs/analysis/keyword (line 1 column 51): remove one of them"
        );
        let apart = json!({"a": {"a": [{"a": 1}, {"a": 1}]}});
        assert_eq!(read_json(apart.to_string().as_bytes()), Ok(apart));
    }

    #[test]
    fn a_byte_order_mark_of_utf_8_is_skipped_once() {
        assert_eq!(
            read_json("\u{feff}{\"a\": \"\u{feff}\"}".as_bytes()),
            Ok(json!({"a": "\u{feff}"}))
        );
        assert!(matches!(
            refused("\u{feff}\u{feff}1".as_bytes()),
            JsonTextError::Malformed { .. }
        ));
    }

    #[test]
    fn a_text_in_utf_16_or_utf_32_is_refused_by_that_name_with_and_without_a_mark() {
        for text in ["{\"a\": \"香\"}", "[]", "7"] {
            for text in [text.to_owned(), format!("\u{feff}{text}")] {
                let words = || text.encode_utf16();
                let chars = || text.chars().map(u32::from);
                let encoded = [
                    ("UTF-16", words().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
                    ("UTF-16", words().flat_map(u16::to_be_bytes).collect()),
                    ("UTF-32", chars().flat_map(u32::to_le_bytes).collect()),
                    ("UTF-32", chars().flat_map(u32::to_be_bytes).collect()),
                ];
                for (name, bytes) in encoded {
                    let message = refused(&bytes).to_string();
                    assert_eq!(message, format!("this is {name}: save it as UTF-8"), "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn bytes_of_another_encoding_are_refused_at_their_place() {
        let latin_1 = b"{\"a\": 1,\n \"b\": \"caf\xe9\"}";
        assert_eq!(refused(latin_1), JsonTextError::NotUtf8 { line: 2, column: 11 });
    }

    #[test]
    fn what_is_not_json_and_what_is_json_of_another_shape_are_told_apart() {
        assert_eq!(
            refused(b"{\"a\": 1,}").to_string(),
            "it is not JSON: trailing comma at line 1 column 9"
        );
        assert_eq!(
            refused(b" \n").to_string(),
            "it is not JSON: there is nothing in it"
        );
        for text in ["", "1 2", "nul", "[1", "\0", "1e999", r#""\ud800""#] {
            assert!(
                matches!(refused(text.as_bytes()), JsonTextError::Malformed { .. }),
                "{text}"
            );
        }
        let unfit = read_json::<Vec<u8>>(b"[1,\n 300]").expect_err("300 is no byte");
        assert_eq!(
            unfit.to_string(),
            "invalid value: integer `300`, expected u8 at line 2 column 4"
        );
    }

    #[test]
    fn a_text_may_be_as_deep_as_its_limit_and_no_deeper() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(
            json_text(nested(MAX_TEXT_DEPTH).as_bytes()),
            Ok(&*nested(MAX_TEXT_DEPTH))
        );
        for depth in [MAX_TEXT_DEPTH + 1, 100_000] {
            assert_eq!(
                refused(nested(depth).as_bytes()),
                JsonTextError::TooDeep { depth }
            );
            assert_eq!(
                refused("[".repeat(depth).as_bytes()),
                JsonTextError::TooDeep { depth }
            );
        }
    }

    #[test]
    fn no_text_is_read_from_within_a_text() {
        let inner = json!({ RAW_VALUE: r#"{"a": 1, "a": 2}"# }).to_string();
        assert!(matches!(
            refused(inner.as_bytes()),
            JsonTextError::Malformed { .. }
        ));
    }

    #[test]
    fn a_message_repeats_a_bounded_part_of_a_huge_name() {
        let name = "x".repeat(100_000);
        let message = refused(format!(r#"{{"{name}": 1, "{name}": 2}}"#).as_bytes()).to_string();
        assert!(message.len() < 1_000, "{} bytes", message.len());
    }

    proptest! {
        #[test]
        fn a_text_without_repeated_members_is_read_as_serde_json_reads_it(
            text in r#"[\[\]{}:,"ab01.eE+\-\\u \ntrue]{0,24}"#,
        ) {
            match (read_json::<Value>(text.as_bytes()), serde_json::from_str::<Value>(&text)) {
                (Ok(read), Ok(expected)) => prop_assert_eq!(read, expected),
                (Err(JsonTextError::Duplicate { .. }), _) => {}
                (Err(JsonTextError::Malformed { reason }), Err(expected)) => {
                    prop_assert!(text.trim().is_empty() || reason == expected.to_string(), "{}", reason);
                }
                (read, expected) => prop_assert!(false, "{text:?}: {read:?}, {expected:?}"),
            }
        }
    }
}
