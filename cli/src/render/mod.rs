//! Output for people.

pub mod dry_run;
pub mod events;
pub mod progress;
pub mod summary;
pub mod tables;
