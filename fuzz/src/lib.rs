//! Fuzz targets: each takes any bytes, and panics if something that is promised for all input does not hold.
//!
//! A new target is a function here, its entry in [`TARGETS`], a program in `fuzz_targets/` and a folder of inputs in
//! `corpus/`, each of which the tests replay.

mod answers;
mod commands;
mod config;
mod pages;
mod plan;
mod requests;
mod stored_values;

pub use answers::{answers, dns_answers};
pub use commands::commands;
pub use config::config;
pub use pages::{charsets, pages};
pub use plan::plan;
pub use requests::requests;
pub use stored_values::stored_values;

/// A target's name, and the target.
pub type Target = (&'static str, fn(&[u8]));

/// Every target. Its name is that of its program and of its corpus.
pub const TARGETS: [Target; 9] = [
    ("plan", plan),
    ("config", config),
    ("stored_values", stored_values),
    ("commands", commands),
    ("requests", requests),
    ("pages", pages),
    ("charsets", charsets),
    ("answers", answers),
    ("dns_answers", dns_answers),
];
