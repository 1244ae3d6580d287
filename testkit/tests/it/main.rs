//! The kit's own store and simulator.

mod defects;
mod machine;
mod memory_storage;
mod simulation;
