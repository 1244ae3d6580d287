//! The kinds of values that configs and resources are made of. Each is the one source of its rule: of the JSON Schema
//! that a form is drawn from, and of what Rust accepts.

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
