//! Histories of several engines on one store, with a pipeline and runners of anybody's.

mod at_work;
mod checks;
mod happening;
mod line;
mod plan;
mod process;
mod requests;
mod simulation;
mod time;
mod told;
mod witness;
mod world;

pub use happening::{Asked, Happening, Step};
pub use simulation::{Counterexample, Simulation};
