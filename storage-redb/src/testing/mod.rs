//! For tests: a disk that crashes and fails on demand, and a store's bytes without its rules.

mod crash;
mod raw;

pub use crash::CrashBackend;
pub use raw::{Entry, RawStore, format_value, readable_key, sealed};
