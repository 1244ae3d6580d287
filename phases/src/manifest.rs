//! The JSON Schema of a pipeline's manifest: of [`PipelineDefinition`](phasegate::core::PipelineDefinition) as JSON.
//!
//! The definition itself is in the core, which has no schema generator. These types mirror it for the schema only; tests
//! compare the two.

#![allow(dead_code, reason = "the types are read for their schema and never made")]

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::value::{List, text_type};

text_type! {
    /// The id of a pipeline.
    PipelineId, 1 to 128 characters, pattern "^[A-Za-z0-9_-][A-Za-z0-9_.-]*$", "the id of a pipeline"
}

text_type! {
    /// The name of a phase, or a kind of resource.
    Identifier, 1 to 63 characters, pattern "^[a-z][a-z0-9_]*$", "a name in snake_case"
}

/// A pipeline: its phases in the order they run, and the kinds of resources that their configs may refer to.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Pipeline")]
pub(crate) struct Manifest {
    /// The id that campaigns pin.
    #[schemars(title = "Id", example = &"lead_generation")]
    id: PipelineId,
    /// What a person calls it.
    #[serde(default)]
    #[schemars(title = "Title")]
    title: String,
    /// The phases in the order they run.
    #[schemars(title = "Phases")]
    phases: List<ManifestPhase, 1, 100>,
    /// The kinds of resources that configs may refer to.
    #[serde(default)]
    #[schemars(title = "Resource kinds")]
    resource_kinds: Vec<ManifestKind>,
}

/// One phase of a pipeline.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ManifestPhase {
    /// Its name, unique in the pipeline.
    #[schemars(title = "Name", example = &"domain_generation")]
    name: Identifier,
    /// What a person calls it.
    #[serde(default)]
    #[schemars(title = "Title")]
    title: String,
    /// The JSON Schema (draft 2020-12) of its config. A string member with x-phasegate-resource: KIND holds the id of a
    /// resource of that kind.
    #[schemars(title = "Config schema")]
    config_schema: AnySchema,
}

/// One kind of resource.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ManifestKind {
    /// The kind, unique in the pipeline.
    #[schemars(title = "Kind", example = &"dns_persona")]
    kind: Identifier,
    /// What a person calls it.
    #[serde(default)]
    #[schemars(title = "Title")]
    title: String,
    /// The JSON Schema (draft 2020-12) of its documents. A document with enabled: false is disabled.
    #[schemars(title = "Schema")]
    schema: AnySchema,
    /// The JSON Schema (draft 2020-12) of the input of a probe of such a resource. Left out for a kind without a probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Probe schema", with = "AnySchema")]
    probe_schema: Option<AnySchema>,
}

struct AnySchema;

impl JsonSchema for AnySchema {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnySchema".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["object", "boolean"]})
    }
}
