//! The state machine: `decide` turns a command into events, `apply` folds an event into the state.

mod apply;
mod decide;

pub(crate) use decide::{configurable, unconfigurable};
pub use decide::{create, decide};
