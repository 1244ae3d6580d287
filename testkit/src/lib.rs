//! Tools for tests of programs that use Phasegate, and of their stores and runners.

pub mod simulation;
mod stage;
pub mod storage;

pub use stage::Stage;
pub use storage::MemoryStorage;
