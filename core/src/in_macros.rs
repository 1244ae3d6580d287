//! Support for the macros of this crate in the crates that use them. It is not for any other use.

#[cfg(feature = "schema")]
pub use schemars;
pub use serde;
use serde::Serialize;
use serde_json::Value;

/// The data of an error.
pub type Members = serde_json::Map<String, Value>;

/// A member's value.
pub fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Joins the members of an error's data.
pub fn members<const N: usize>(members: [(&str, Value); N]) -> Members {
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
