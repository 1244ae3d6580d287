//! Tools to test programs that use Phasegate, and their stores and runners.

mod clock;
pub mod simulation;
mod stage;
pub mod storage;

pub use clock::ManualClock;
pub use simulation::fleet::Simulation;
pub use stage::Stage;
pub use storage::MemoryStorage;
