//! Reading and writing JSON text.

use phasegate::core::limits::MAX_JSON_DEPTH;
use phasegate::core::{self, Excess, JsonTextError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::codes::HostCode;
use crate::error::HostError;

/// Reads an argument that somebody may have written by hand; `what` names it in the error.
///
/// # Errors
///
/// `too_deep` for JSON that is too deep to parse, and `invalid_argument` for any other unreadable text, and for one with two
/// members of one name in an object.
pub(crate) fn read<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, HostError> {
    core::read_json(json.as_bytes()).map_err(|error| unreadable(what, error))
}

fn unreadable(what: &str, error: JsonTextError) -> HostError {
    match error {
        JsonTextError::TooDeep { depth } => {
            let (what, limit) = (what.to_owned(), MAX_JSON_DEPTH);
            Excess::TooDeep { what, depth, limit }.into()
        }
        error => HostError::argument(what, &error),
    }
}

/// Checks a JSON text for a host that reads it itself, and gives it without a byte-order mark.
///
/// # Errors
///
/// Those of every argument: of an object with two members of one name, too, which the host's own reader would let pass.
#[uniffi::export]
pub fn json_text(text: String) -> Result<String, HostError> {
    match core::json_text(text.as_bytes()) {
        Ok(checked) => Ok(checked.to_owned()),
        Err(error) => Err(unreadable("text", error)),
    }
}

/// Reads a batch of records as texts, in one pass: a program has written them, and nothing interprets them.
///
/// # Errors
///
/// `invalid_argument` for an unreadable text. Each record's depth is checked when it is appended.
pub(crate) fn records(json: &str) -> Result<Vec<Box<RawValue>>, HostError> {
    serde_json::from_str(json).map_err(|error| HostError::argument("records", &error))
}

/// Writes a result.
pub(crate) fn write<T: Serialize>(value: &T) -> Result<String, HostError> {
    serde_json::to_string(value).map_err(unwritable)
}

/// Writes a result as a value.
pub(crate) fn value<T: Serialize>(value: &T) -> Result<Value, HostError> {
    serde_json::to_value(value).map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> HostError {
    HostError::plain(
        HostCode::Unexpected,
        format!("a result has no JSON form: {error}"),
    )
}

/// Writes records as one JSON array, without reading them.
pub(crate) fn array<'a>(records: impl Iterator<Item = &'a RawValue>) -> String {
    let mut text = String::from("[");
    for record in records {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(record.get());
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasegate::core::limits::MAX_TEXT_DEPTH;

    #[test]
    fn an_argument_that_is_too_deep_to_be_parsed_is_too_deep_and_any_other_is_invalid() {
        let code = |text: &str| {
            read::<Value>("summary", text)
                .expect_err("it is refused")
                .code()
                .to_owned()
        };
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read::<Value>("summary", &nested(MAX_TEXT_DEPTH)).is_ok());
        assert_eq!(code(&nested(MAX_TEXT_DEPTH + 1)), "too_deep");
        assert_eq!(code(&"[".repeat(5_000)), "too_deep");
        assert_eq!(code("[1,"), "invalid_argument");
    }

    #[test]
    fn an_argument_with_a_member_that_is_given_twice_is_refused_by_its_name() {
        let error = read::<Value>("configs", r#"{"analysis": {"keyword": "a", "keyword": "b"}}"#);
        assert_eq!(
            error.expect_err("it is refused").to_string(),
            "the configs can't be read: the member \"keyword\" is given twice, at /analysis/keyword (line 1 column 39): \
             remove one of them (invalid_argument)"
        );
    }
}
