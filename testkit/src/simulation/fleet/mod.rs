//! Histories of several engines on one store, with a pipeline and runners of anybody's.
//!
//! Each engine is a process with a runtime of its own. To let it work, the world drives its runtime for a few milliseconds of virtual
//! time; to kill it, the world drops the runtime; to freeze it, the world leaves it alone. Between an engine and the store is a line
//! that takes time and can be cut, and keeps every write that the store accepts. When the history is over, everything must come
//! to rest, and what was accepted is walked through write by write.
//!
//! The guide `docs/testing.md` says what happens in a history and what is checked after it. What is simulated
//!
//! - waits by [`tokio::time`] alone: there is no driver of sockets, and virtual time would not wait for an answer;
//! - makes the same of the same: it draws nothing at random, asks no clock of the system, and goes through no `HashMap`;
//! - ends by itself within minutes of virtual time.

mod at_work;
mod checks;
mod happening;
mod line;
mod plan;
mod process;
mod requests;
mod simulation;
mod told;
mod witness;
mod world;

pub use happening::{Asked, Happening, Step};
pub use simulation::{Counterexample, Simulation};
