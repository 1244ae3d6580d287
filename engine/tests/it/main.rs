//! The engine with phases on a stage. One program, so that it is linked once; `metrics.rs` installs a recorder for its whole
//! process, and so has one of its own.

mod between;
mod chain;
mod checks;
mod dry_run;
mod due;
mod failures;
mod idempotency;
mod killed;
mod launches;
mod once;
mod probes;
mod recovery;
mod resources;
mod revisions;
mod store_faults;
mod supervision;
mod support;
mod suspects;
mod unruly;
