//! The in-memory store, and the suite that every store passes.

pub mod conformance;
mod memory;

pub use memory::MemoryStorage;
