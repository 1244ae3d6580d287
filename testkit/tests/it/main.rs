//! The kit's own store and simulator.

mod memory_storage;
mod simulation;
