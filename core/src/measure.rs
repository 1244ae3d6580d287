//! How large and how deep a document is, and whether that is within the limits.
//!
//! **Bytes** are the length of the document's canonical JSON, or of the text where a text is measured.
//!
//! **Depth** is the number of lists and objects that are open at once: `7` has the depth 0, `[]` and `[7]` have 1, and
//! `{"a": [7]}` has 2. A text has the depth of the document that it is parsed to.

use std::fmt::{self, Write as _};
use std::io;

use serde::Serialize;
use serde_json::Value;

use crate::error_codes;
use crate::ids::{PhaseName, ResourceKind, ResourceRef};
use crate::limits::{
    MAX_BATCH_BYTES, MAX_CHECKPOINT_BYTES, MAX_CONFIG_BYTES, MAX_EVENT_BYTES, MAX_FORM_BYTES, MAX_JSON_DEPTH,
    MAX_OUTCOME_BYTES, MAX_PROBE_INPUT_BYTES, MAX_RECORD_BYTES, MAX_RESOURCE_BYTES, MAX_SUMMARY_BYTES,
};

/// A part of what the engine takes and stores. Each part has its own limit; a refusal names the part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part<'a> {
    /// The config of a phase.
    Config(&'a PhaseName),
    /// The document of a resource.
    Resource(&'a ResourceRef),
    /// The input of the probe of a kind of resource.
    ProbeInput(&'a ResourceKind),
    /// A record, by its index in its batch.
    Record(usize),
    /// All records of one append together.
    Batch,
    /// A checkpoint.
    Checkpoint,
    /// The summary of a phase.
    Summary(&'a PhaseName),
    /// The form of an answer.
    Form(&'a PhaseName),
    /// An event of a type, apart from the summary that it may carry.
    Event(&'a str),
    /// The outcome that an idempotency key is remembered with.
    Outcome,
    /// The request that an idempotency key was used for. Only its digest is stored, so only its depth has a limit.
    Request,
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(phase) => write!(f, "config of {phase}"),
            Self::Resource(resource) => write!(f, "document of {resource}"),
            Self::ProbeInput(kind) => write!(f, "input of the probe of {kind}"),
            Self::Record(index) => write!(f, "record {index} of the batch"),
            Self::Batch => f.write_str("batch"),
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::Summary(phase) => write!(f, "summary of {phase}"),
            Self::Form(phase) => write!(f, "form of {phase}"),
            Self::Event(name) => write!(f, "event {name}"),
            Self::Outcome => f.write_str("outcome to remember"),
            Self::Request => f.write_str("request"),
        }
    }
}

impl Part<'_> {
    /// The most bytes that it may have.
    pub const fn max_bytes(self) -> usize {
        match self {
            Self::Config(_) => MAX_CONFIG_BYTES,
            Self::Resource(_) => MAX_RESOURCE_BYTES,
            Self::ProbeInput(_) => MAX_PROBE_INPUT_BYTES,
            Self::Record(_) => MAX_RECORD_BYTES,
            Self::Batch => MAX_BATCH_BYTES,
            Self::Checkpoint => MAX_CHECKPOINT_BYTES,
            Self::Summary(_) => MAX_SUMMARY_BYTES,
            Self::Form(_) => MAX_FORM_BYTES,
            Self::Event(_) => MAX_EVENT_BYTES,
            Self::Outcome => MAX_OUTCOME_BYTES,
            Self::Request => usize::MAX,
        }
    }

    /// Measures `document` as this part.
    ///
    /// # Errors
    ///
    /// [`Excess`] when it is deeper than [`MAX_JSON_DEPTH`] or larger than [`max_bytes`](Self::max_bytes); depth is checked first.
    pub fn measure(self, document: &Value) -> Result<Measure, Excess> {
        self.check(Measure::of(document))
    }

    /// Measures a JSON text as this part, without parsing it.
    ///
    /// # Errors
    ///
    /// As [`measure`](Self::measure).
    pub fn measure_text(self, text: &str) -> Result<Measure, Excess> {
        self.check(Measure::of_text(text))
    }

    /// Checks that a measure is within the limits of this part.
    ///
    /// # Errors
    ///
    /// As [`measure`](Self::measure).
    pub fn check(self, measure: Measure) -> Result<Measure, Excess> {
        let Measure { bytes, depth } = measure;
        if depth > MAX_JSON_DEPTH {
            return Err(Excess::TooDeep {
                what: self.to_string(),
                depth,
                limit: MAX_JSON_DEPTH,
            });
        }
        if bytes > self.max_bytes() {
            return Err(Excess::TooLarge {
                what: self.to_string(),
                size: bytes,
                limit: self.max_bytes(),
            });
        }
        Ok(measure)
    }
}

/// How large and how deep a document is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Measure {
    /// The length of its canonical JSON.
    pub bytes: usize,
    /// How many lists and objects are open at once; 0 for a scalar.
    pub depth: usize,
}

impl Measure {
    /// Measures `document` in one pass that neither recurses nor writes it out.
    pub fn of(document: &Value) -> Self {
        let mut measure = Self::default();
        // The lists and objects that are left, each with the number of those that are open with it.
        let mut left = Vec::new();
        let mut next = Some((document, 1_usize));
        while let Some((value, open)) = next {
            let mut inner = |value| match scalar(value) {
                Some(bytes) => bytes,
                None => {
                    left.push((value, open + 1));
                    0
                }
            };
            let (bytes, depth) = match value {
                Value::Array(items) => {
                    let items_bytes: usize = items.iter().map(&mut inner).sum();
                    (brackets_and_commas(items.len()) + items_bytes, open)
                }
                Value::Object(members) => {
                    let names: usize = members.keys().map(|name| quoted(name) + 1).sum();
                    let members_bytes: usize = members.values().map(&mut inner).sum();
                    (brackets_and_commas(members.len()) + names + members_bytes, open)
                }
                scalar_alone => (scalar(scalar_alone).unwrap_or(0), 0),
            };
            measure.bytes += bytes;
            measure.depth = measure.depth.max(depth);
            next = left.pop();
        }
        measure
    }

    /// The length of the JSON that something is written as.
    pub(crate) fn bytes_of(value: &impl Serialize) -> usize {
        let mut length = Length(0);
        match serde_json::to_writer(&mut length, value) {
            Ok(()) => length.0,
            Err(_) => usize::MAX,
        }
    }

    /// Measures a JSON text without parsing it. The depth of any other text has no meaning.
    pub fn of_text(text: &str) -> Self {
        let (mut open, mut depth, mut in_string, mut escaped) = (0_usize, 0, false, false);
        for byte in text.bytes() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b'[' | b'{' => {
                    open += 1;
                    depth = depth.max(open);
                }
                b']' | b'}' => open = open.saturating_sub(1),
                _ => {}
            }
        }
        let bytes = text.len();
        Self { bytes, depth }
    }
}

/// The length of a value that is neither a list nor an object.
fn scalar(value: &Value) -> Option<usize> {
    match value {
        Value::Null => Some(4),
        Value::Bool(truth) => Some(5 - usize::from(*truth)),
        Value::Number(number) => {
            let mut length = Length(0);
            // Counting takes all text.
            let _ = write!(length, "{number}");
            Some(length.0)
        }
        Value::String(text) => Some(quoted(text)),
        Value::Array(_) | Value::Object(_) => None,
    }
}

const fn brackets_and_commas(items: usize) -> usize {
    2 + items.saturating_sub(1)
}

/// The length of `text` as a JSON string.
fn quoted(text: &str) -> usize {
    let escaped = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    2 + text.bytes().map(escaped).sum::<usize>()
}

/// Counts the bytes that are written to it.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// A part is beyond its limit. Its JSON holds the members alone; the [`code`](Self::code) stands beside them.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, thiserror::Error)]
#[serde(untagged)]
pub enum Excess {
    /// It has too many bytes.
    #[error("{}", too_large(what, *size, *limit))]
    TooLarge {
        /// The part, such as `config of dns_validation`.
        what: String,
        /// Its size in bytes.
        size: usize,
        /// The most bytes that it may have.
        limit: usize,
    },
    /// It is nested too deeply.
    #[error("{}", too_deep(what, *depth, *limit))]
    TooDeep {
        /// The part, such as `record 3 of the batch`.
        what: String,
        /// Its depth.
        depth: usize,
        /// The largest depth that it may have.
        limit: usize,
    },
}

error_codes! {
    Excess {
        TooLarge { what, size, limit } = "too_large",
        TooDeep { what, depth, limit } = "too_deep",
    }
}

/// The sentence of every error that says `too_large`.
pub(crate) fn too_large(what: &str, size: usize, limit: usize) -> String {
    format!("the {what} has {size} bytes; at most {limit} may be: make it smaller")
}

/// The sentence of every error that says `too_deep`.
pub(crate) fn too_deep(what: &str, depth: usize, limit: usize) -> String {
    format!("the {what} is nested {depth} levels deep; at most {limit} may be: make it flatter")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::json::canonical_json;

    fn documents() -> impl Strategy<Value = Value> {
        let scalars = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            r#"[\[\]{}"\\a\x00-\x1f]{0,8}"#.prop_map(Value::from),
        ];
        scalars.prop_recursive(6, 64, 4, |inner| {
            let names = prop_oneof![any::<String>(), r#"[\[{"\\]{0,4}"#];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((names, inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_document_measures_what_its_canonical_text_measures(document in documents()) {
            let text = canonical_json(&document);
            let measure = Measure::of(&document);
            prop_assert_eq!(measure, Measure::of_text(&text));
            prop_assert_eq!(measure.bytes, text.len());
            let spaced = format!("{document:#}");
            prop_assert_eq!(measure.depth, Measure::of_text(&spaced).depth);
        }
    }

    #[test]
    fn depth_counts_the_lists_and_objects_that_are_open_at_once() {
        for (text, depth) in [
            ("7", 0),
            (r#""[[""#, 0),
            ("[]", 1),
            ("[7]", 1),
            ("[[], {}]", 2),
            (r#"{"a": [7]}"#, 2),
            (r#"{"a[[\"[[": [1, {"b": "]"}], "c": []}"#, 3),
        ] {
            let document: Value = serde_json::from_str(text).expect("it is JSON");
            assert_eq!(Measure::of(&document).depth, depth, "{text}");
            assert_eq!(Measure::of_text(text).depth, depth, "{text}");
        }
    }

    #[test]
    fn a_part_is_refused_beyond_its_limit_and_taken_at_it() {
        let phase = PhaseName::new("analysis").expect("a valid name");
        let nested = |depth| (0..depth).fold(Value::Null, |inner, _| json!([inner]));
        let config = Part::Config(&phase);
        for fits in [nested(MAX_JSON_DEPTH), json!("x".repeat(MAX_CONFIG_BYTES - 2))] {
            assert_eq!(config.measure(&fits), config.measure_text(&canonical_json(&fits)));
            assert!(config.measure(&fits).is_ok());
        }
        let refusals = [
            config.measure(&nested(MAX_JSON_DEPTH + 1)),
            config.measure(&json!("x".repeat(MAX_CONFIG_BYTES - 1))),
            Part::Record(3).measure_text(&"[".repeat(5_000)),
        ];
        assert_eq!(
            refusals.map(|refused| refused.expect_err("it is beyond").to_string()),
            [
                "the config of analysis is nested 101 levels deep; at most 100 may be: make it flatter",
                "the config of analysis has 262145 bytes; at most 262144 may be: make it smaller",
                "the record 3 of the batch is nested 5000 levels deep; at most 100 may be: make it flatter",
            ]
        );
    }
}
