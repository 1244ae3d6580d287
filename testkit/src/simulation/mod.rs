//! The simulator: random histories of one campaign, run through a real engine and a real store, and compared with the
//! reference model after every step.

pub mod fleet;
mod invariants;
mod model;
mod rules;
mod step;
mod world;

pub use invariants::{check_events, check_log};
pub use model::{Answer, Ending, Model, ShownPhase};
pub use rules::{DEADLINE_MS, LONG_MS, PhaseRules, RETRY_DELAY_MS, can_continue, policy, rules};
pub use step::{ConfigChoice, Deferral, Description, Form, GivenAnswer, Step, calm_step, history, step};
pub use world::{SimulatedStore, simulate};
