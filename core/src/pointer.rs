//! JSON Pointers (RFC 6901), by which messages name places in documents.

/// The JSON Pointer of a member of the object at `place`.
pub fn member_pointer(place: &str, member: &str) -> String {
    format!("{place}/{}", escape(member))
}

/// Escapes one reference token of a JSON Pointer (RFC 6901, section 3).
fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}
