//! The API over a real socket.

mod catalogue;
mod commands;
mod console;
mod described;
mod documents;
mod dry_runs;
mod events;
mod hostile;
mod idempotency;
mod records;
mod resources;
mod slow;
mod states;
mod support;
mod traces;
