//! The in-memory store, the suite that every store passes, and a way to step into the calls of any store.

pub mod conformance;
mod interposed;
mod memory;

pub use interposed::{Interposed, Interposer};
pub use memory::MemoryStorage;
