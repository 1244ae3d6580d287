//! The types of the values in configs and resources. Each type is the only source of its rule, both for the JSON Schema and for
//! reading in Rust.

mod list;
mod number;
pub(crate) mod object;
pub(crate) mod text;

pub use list::List;
pub use number::Whole;
pub(crate) use object::{object_only, present};
pub(crate) use text::{pattern, text_type};

/// The largest integer that every JSON reader holds exactly: 2^53 - 1 (RFC 8259, section 6).
pub(crate) const MAX_SAFE: u64 = (1 << 53) - 1;
