//! Drives the machine by hand: decide, apply, look.

mod campaign;
mod names;
mod steps;
mod surroundings;
mod words;

pub use campaign::{Driver, Question};
pub use names::{attributes, configs, name};
pub use steps::policy;
