//! The kit's own store and simulator.

mod machine;
mod memory_storage;
mod simulation;
