//! The engine for hosts in other languages, exported through uniffi.
//!
//! Everything here delegates to the crate `phasegate` and converts: documents cross as JSON text, in the same form as
//! everywhere else, and errors as a code, a sentence and data. People use the hosts' packages in `python/` and `kotlin/`.
//!
//! **The host is never called.** The work of a host for the engine (running a phase, checking a config) is a [`Job`]: the host
//! takes it with [`HostEngine::next_job`] and answers it. So a host can't throw into Rust, no thread of Rust waits for an event
//! loop of the host, and no lock is held while code of the host runs. A job that is dropped without an answer fails the phase.
//!
//! **Nothing hangs at the end.** After [`exit`], and in a child that was forked after the first call, every call gives a typed
//! error at once.

mod at_exit;
mod campaigns;
mod codes;
mod engine;
mod envelope;
mod error;
mod job;
mod json;
mod names;
mod pipeline;
mod resources;
mod runtime;
mod sandbox;
mod streams;
mod words;

pub use at_exit::exit;
pub use codes::{ErrorClass, codes};
pub use engine::{EngineOptions, HostEngine, verify_file};
pub use envelope::HostEnvelope;
pub use error::HostError;
pub use job::Job;
pub use json::json_text;
pub use phasegate_jobs::JobKind;
pub use sandbox::HostSandbox;
pub use streams::{HostEvents, Page};
pub use words::words;

uniffi::setup_scaffolding!("phasegate");

/// The version of this library. A host's package compares it with its own.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// The built-in phases by name, in the order in which they run in the pipeline `lead_generation`.
#[uniffi::export]
pub fn builtin_phases() -> Vec<String> {
    pipeline::BUILTIN
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect()
}
