//! The definition of a pipeline, and its compiled form.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::ids::{PhaseName, PipelineId, ResourceKind};
use crate::limits::MAX_PHASES;
use crate::schema::{ConfigSchema, SchemaError, resource_keywords};

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
    #[cfg_attr(feature = "schema", schemars(title = "Phases", length(min = 1, max = MAX_PHASES)))]
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

/// Why a pipeline's definition can't be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// It has no phase, or too many.
    #[error("pipeline {pipeline} has {count} phases: give it 1 to {MAX_PHASES}")]
    PhaseCount {
        /// The pipeline.
        pipeline: PipelineId,
        /// How many it has.
        count: usize,
    },
    /// Two phases have one name.
    #[error("pipeline {pipeline} has two phases named {phase}: rename one")]
    DuplicatePhase {
        /// The pipeline.
        pipeline: PipelineId,
        /// The name that occurs twice.
        phase: PhaseName,
    },
    /// Two resource kinds have one name.
    #[error("pipeline {pipeline} has two resource kinds named {kind}: rename one")]
    DuplicateKind {
        /// The pipeline.
        pipeline: PipelineId,
        /// The name that occurs twice.
        kind: ResourceKind,
    },
    /// A schema is not a usable JSON Schema of draft 2020-12.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A config's schema refers to resources of a kind that the pipeline doesn't have.
    #[error(
        "the schema of {phase} refers at {pointer:?} to resources of the kind {kind:?}, which pipeline {pipeline} doesn't \
         have: give it that kind, or name another"
    )]
    UnknownKind {
        /// The pipeline.
        pipeline: PipelineId,
        /// The phase.
        phase: PhaseName,
        /// The JSON Pointer to the keyword in the schema.
        pointer: String,
        /// The value of the keyword. It may not even be a valid name of a kind.
        kind: String,
    },
}

/// A pipeline whose schemas are compiled, ready to check configs.
#[derive(Debug)]
pub struct Pipeline {
    definition: PipelineDefinition,
    phases: Vec<PhaseName>,
    configs: BTreeMap<PhaseName, ConfigSchema>,
    resources: BTreeMap<ResourceKind, ConfigSchema>,
    probes: BTreeMap<ResourceKind, ConfigSchema>,
}

impl Pipeline {
    /// Checks the definition and compiles each schema once.
    ///
    /// # Errors
    ///
    /// [`DefinitionError`] names the phase, the kind or the schema at fault. A schema may refer to itself, to the draft's own
    /// meta-schemas, and to the kinds of resources that the pipeline has. Nothing is ever fetched.
    pub fn compile(definition: PipelineDefinition) -> Result<Self, DefinitionError> {
        let pipeline = definition.id.clone();
        if !(1..=MAX_PHASES).contains(&definition.phases.len()) {
            return Err(DefinitionError::PhaseCount {
                pipeline,
                count: definition.phases.len(),
            });
        }
        let mut configs = BTreeMap::new();
        for phase in &definition.phases {
            let schema = ConfigSchema::compile(phase.name.as_str(), &phase.config_schema)?;
            if configs.insert(phase.name.clone(), schema).is_some() {
                return Err(DefinitionError::DuplicatePhase {
                    pipeline,
                    phase: phase.name.clone(),
                });
            }
        }
        let (mut resources, mut probes) = (BTreeMap::new(), BTreeMap::new());
        for kind in &definition.resource_kinds {
            let schema = ConfigSchema::compile(kind.kind.as_str(), &kind.schema)?;
            if resources.insert(kind.kind.clone(), schema).is_some() {
                return Err(DefinitionError::DuplicateKind {
                    pipeline,
                    kind: kind.kind.clone(),
                });
            }
            if let Some(schema) = &kind.probe_schema {
                let schema = ConfigSchema::compile(&format!("the probe of {}", kind.kind), schema)?;
                probes.insert(kind.kind.clone(), schema);
            }
        }
        for phase in &definition.phases {
            let unknown = resource_keywords(&phase.config_schema)
                .into_iter()
                .find(|(_, kind)| {
                    !resources
                        .keys()
                        .any(|known| kind.as_str() == Some(known.as_str()))
                });
            if let Some((pointer, kind)) = unknown {
                return Err(DefinitionError::UnknownKind {
                    pipeline,
                    phase: phase.name.clone(),
                    pointer,
                    kind: kind.as_str().map_or_else(|| kind.to_string(), str::to_owned),
                });
            }
        }
        let phases = definition.phases.iter().map(|phase| phase.name.clone()).collect();
        Ok(Self {
            definition,
            phases,
            configs,
            resources,
            probes,
        })
    }

    /// The pipeline's id.
    pub fn id(&self) -> &PipelineId {
        &self.definition.id
    }

    /// The definition it was compiled from.
    pub fn definition(&self) -> &PipelineDefinition {
        &self.definition
    }

    /// The names of its phases, in order.
    pub fn phases(&self) -> &[PhaseName] {
        &self.phases
    }

    /// The schema of a phase's config, or `None` for a phase it doesn't have.
    pub fn config_schema(&self, phase: &PhaseName) -> Option<&ConfigSchema> {
        self.configs.get(phase)
    }

    /// The schema of a kind's documents, or `None` for a kind it doesn't have.
    pub fn resource_schema(&self, kind: &ResourceKind) -> Option<&ConfigSchema> {
        self.resources.get(kind)
    }

    /// The schema of the input of a kind's probe, or `None` for a kind without a probe.
    pub fn probe_schema(&self, kind: &ResourceKind) -> Option<&ConfigSchema> {
        self.probes.get(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn compile(config_schema: Value) -> Result<Pipeline, DefinitionError> {
        Pipeline::compile(PipelineDefinition {
            id: PipelineId::new("letters").expect("a valid id"),
            title: String::new(),
            phases: vec![PhaseDefinition {
                name: PhaseName::new("write").expect("a valid name"),
                title: String::new(),
                config_schema,
            }],
            resource_kinds: vec![ResourceKindDefinition {
                kind: ResourceKind::new("pen").expect("a valid kind"),
                title: String::new(),
                schema: json!({}),
                probe_schema: None,
            }],
        })
    }

    #[test]
    fn a_schema_that_refers_to_a_kind_that_is_not_there_is_refused_with_its_place() {
        let refused = |schema| match compile(schema) {
            Err(DefinitionError::UnknownKind {
                phase, pointer, kind, ..
            }) => format!("{phase} {pointer} {kind}"),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            refused(json!({"properties": {"pencilId": {"x-phasegate-resource": "pencil"}}})),
            "write /properties/pencilId/x-phasegate-resource pencil"
        );
        assert_eq!(
            refused(json!({"anyOf": [true, {"items": {"$ref": "#/$defs/a~b"}}],
                "$defs": {"a~b": {"x-phasegate-resource": "No Kind"}}})),
            "write /$defs/a~0b/x-phasegate-resource No Kind"
        );
        assert_eq!(
            refused(json!({"x-phasegate-resource": 7})),
            "write /x-phasegate-resource 7"
        );
    }

    #[test]
    fn a_member_or_a_value_that_only_looks_like_the_keyword_names_no_kind() {
        let looks = json!({"x-phasegate-resource": "pencil"});
        let schema = json!({
            "properties": {
                "penId": {"x-phasegate-resource": "pen"},
                "x-phasegate-resource": {"const": looks, "default": looks, "enum": [looks], "examples": [looks]}
            },
            "dependentRequired": {"x-phasegate-resource": ["penId"]}
        });
        compile(schema).expect("it compiles");
    }
}
