//! JSON text in and out.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::codes::HostCode;
use crate::error::HostError;

/// Reads an argument; `what` names it in the error.
pub(crate) fn read<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, HostError> {
    serde_json::from_str(json).map_err(|error| HostError::argument(what, &error))
}

/// Writes a result.
pub(crate) fn write<T: Serialize>(value: &T) -> Result<String, HostError> {
    serde_json::to_string(value).map_err(|error| {
        HostError::plain(
            HostCode::Unexpected,
            format!("a result has no JSON form: {error}"),
        )
    })
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
