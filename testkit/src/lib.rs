//! Tools to test programs that use Phasegate, and their stores and runners.

pub mod simulation;
mod stage;
pub mod storage;

pub use stage::Stage;
pub use storage::MemoryStorage;
