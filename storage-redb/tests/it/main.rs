//! The redb store. One program, so that it is linked once; `metrics.rs` installs a recorder for its whole process, and so has
//! one of its own.
#![allow(clippy::unwrap_used, reason = "a test panics when the store does not do it")]

mod backup;
mod conformance;
mod crashes;
mod damage;
mod expiry;
mod files;
mod golden;
mod journal;
mod leases;
mod poisoned;
mod processes;
mod sample;
#[cfg(target_os = "linux")]
mod synced;
