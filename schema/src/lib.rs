//! The JSON Schemas of Phasegate's pipelines: compiled once, then held against configs and resources.
//!
//! The core of Phasegate knows no JSON Schema. What is valid reaches it as a fact, and this crate finds those facts:
//!
//! - [`Pipeline`] is a definition with every schema compiled, or a [`DefinitionError`] that names the schema at fault.
//! - [`ConfigSchema`] checks a document. It tells the problems in words for people, the resources that the document refers
//!   to, and the places that are never shown.
//!
//! Everything here is synchronous and deterministic, and nothing is ever fetched. Most programs use the crate `phasegate`,
//! which re-exports this one as `phasegate::schema`.

mod config_schema;
mod pipeline;
mod problems;
mod resources;
mod secrets;

pub use config_schema::{ConfigSchema, SchemaError};
pub use pipeline::{DefinitionError, Pipeline};
pub use resources::{ResourceState, ResourceUse};
