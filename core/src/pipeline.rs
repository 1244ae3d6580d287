//! The definition of a pipeline.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::ids::{PhaseName, PipelineId, ResourceKind};

/// A pipeline as data, its manifest: its phases in the order they run, and the kinds of resources that their configs may refer to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Pipeline", title = "Pipeline")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PipelineDefinition {
    /// The id that campaigns pin.
    #[cfg_attr(feature = "schema", schemars(title = "Id", example = &"lead_generation"))]
    pub id: PipelineId,
    /// What a person calls it.
    #[cfg_attr(feature = "schema", schemars(title = "Title"))]
    #[serde(default)]
    pub title: String,
    /// The phases in the order they run.
    #[cfg_attr(feature = "schema", schemars(title = "Phases", length(min = 1, max = crate::limits::MAX_PHASES)))]
    pub phases: Vec<PhaseDefinition>,
    /// The kinds of resources that configs may refer to.
    #[cfg_attr(feature = "schema", schemars(title = "Resource kinds"))]
    #[serde(default)]
    pub resource_kinds: Vec<ResourceKindDefinition>,
}

/// One phase of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PhaseDefinition {
    /// Its name, unique in the pipeline.
    #[cfg_attr(feature = "schema", schemars(title = "Name", example = &"domain_generation"))]
    pub name: PhaseName,
    /// What a person calls it.
    #[cfg_attr(feature = "schema", schemars(title = "Title"))]
    #[serde(default)]
    pub title: String,
    /// The JSON Schema (draft 2020-12) of its config. A string member with `"x-phasegate-resource": KIND` holds the id of a
    /// resource of that kind; the pipeline must have the kind.
    #[cfg_attr(feature = "schema", schemars(title = "Config schema", with = "AnySchema"))]
    pub config_schema: Value,
}

/// One kind of resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ResourceKind")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceKindDefinition {
    /// The kind, unique in the pipeline.
    #[cfg_attr(feature = "schema", schemars(title = "Kind", example = &"dns_persona"))]
    pub kind: ResourceKind,
    /// What a person calls it.
    #[cfg_attr(feature = "schema", schemars(title = "Title"))]
    #[serde(default)]
    pub title: String,
    /// The JSON Schema (draft 2020-12) of its documents. A document with `"enabled": false` is disabled: a config that refers to
    /// it has a problem.
    #[cfg_attr(feature = "schema", schemars(title = "Schema", with = "AnySchema"))]
    pub schema: Value,
    /// The JSON Schema (draft 2020-12) of the input of a probe of such a resource. A kind without a probe has none.
    #[cfg_attr(feature = "schema", schemars(title = "Probe schema", with = "AnySchema"))]
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub probe_schema: Option<Value>,
}

/// The schema of a schema, as far as a manifest says.
#[cfg(feature = "schema")]
struct AnySchema;

#[cfg(feature = "schema")]
impl schemars::JsonSchema for AnySchema {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AnySchema".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["object", "boolean"] })
    }
}

/// Reads an optional schema. A `null` is a schema, and an invalid one; only an absent member stands for `None`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
