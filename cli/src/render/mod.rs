//! Output for people.

pub mod events;
pub mod progress;
pub mod summary;
pub mod tables;
