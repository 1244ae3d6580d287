//! Tools to test programs that use Phasegate, and their stores and runners.

mod clock;
pub mod runner;
pub mod simulation;
mod stage;
pub mod storage;
mod world_time;

pub use clock::ManualClock;
pub use runner::PhaseCase;
pub use simulation::fleet::Simulation;
pub use stage::Stage;
pub use storage::MemoryStorage;
