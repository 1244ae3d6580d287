//! The kit's own store and simulator.

mod defects;
mod memory_storage;
mod simulation;
