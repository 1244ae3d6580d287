//! Where the API is.

/// The path before every call.
pub const PREFIX: &str = "/api/v1";
