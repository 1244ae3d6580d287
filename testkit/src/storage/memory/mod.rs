//! The in-memory store: the storage port in its simplest form, one concept a file.

mod campaigns;
mod keys;
mod leases;
mod log;
mod output;
mod port;
mod resources;
mod state;
mod store;

pub use store::MemoryStorage;
