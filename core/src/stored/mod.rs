//! The stored forms: what a store keeps, as bytes. They are types of their own, so no rename of an API type moves them.
//!
//! A value is one byte, the number of its form, and a body. The body is CBOR (RFC 8949) without names: an array of numbered fields,
//! in which absent ones at the end are left out. JSON documents are texts of canonical JSON within it, ids and digests are raw
//! bytes, words are numbers, and moments are milliseconds, most of them counted from another moment of the same value. A
//! [config] is the exception: its body is the canonical JSON itself.
//!
//! What an array of numbered fields costs over a form without any (postcard) is 2 to 3 %: of a chain of four phases the last
//! snapshot has 465 bytes instead of 445, and all commits 1,098 instead of 1,064; as JSON the same commits have 3,048.
//!
//! # How a form changes
//!
//! - A number of a field, of a variant or of a word is never used for anything else.
//! - Whatever an older release can't read, or would lose when it writes the value anew, gets a new form number: a new field too.
//! - No field that may be absent holds an enum, at any depth: the decoder takes a variant that it doesn't know there for absent.
//! - A reader has one arm for each form there ever was. What only has new optional fields is read with the newer type; any other
//!   older form keeps its type and gets a step up to the next.
//! - `tests/golden.txt` has a value of each form, as bytes. A line of it is never changed.

mod activity;
pub mod campaign;
pub mod commit;
pub mod config;
mod event;
mod fact;
mod form;
pub mod key;
pub mod lease;
mod number;
mod part;
pub mod resource;
pub mod run;
#[cfg(test)]
mod tests;
pub mod tombstone;

pub use commit::StoredCommit;
pub use form::Unreadable;
pub use lease::StoredLease;
pub use resource::StoredResource;
pub use run::StoredRun;
pub use tombstone::StoredTombstone;
