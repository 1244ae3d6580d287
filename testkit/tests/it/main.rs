//! The kit's own store and simulator.

mod defects;
mod fleet;
mod machine;
mod memory_storage;
mod runner;
mod simulation;
