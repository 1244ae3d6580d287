//! The simulator: random histories of one campaign, run through a real engine and a real store, and compared with the
//! reference model after every step.

mod invariants;
mod model;
mod step;
mod world;

pub use invariants::{check_events, check_log};
pub use model::{Answer, Model, ShownPhase};
pub use step::{ConfigChoice, Step, calm_step, history, step};
pub use world::{SimulatedStore, simulate};
