//! A pipeline with compiled schemas.

use std::collections::BTreeMap;

use phasegate_core::limits::MAX_PHASES;
use phasegate_core::{PhaseName, PipelineDefinition, PipelineId, ResourceKind};

use crate::config_schema::{ConfigSchema, SchemaError};
use crate::resources::resource_keywords;

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
            if let Some(records) = &phase.record_schema {
                ConfigSchema::compile(&format!("the records of {}", phase.name), records)?;
            }
            if let Some(problem) = phase.retry.as_ref().and_then(|policy| policy.problem()) {
                let phase = phase.name.clone();
                return Err(DefinitionError::InvalidRetry { phase, problem });
            }
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
    /// The retry policy of a phase is out of its ranges.
    #[error("the retry policy of {phase} can't be used: {problem}")]
    InvalidRetry {
        /// The phase.
        phase: PhaseName,
        /// What is wrong with it.
        problem: String,
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

#[cfg(test)]
mod tests {
    use phasegate_core::{PhaseDefinition, ResourceKindDefinition};
    use serde_json::{Value, json};

    use super::*;

    fn compile(config_schema: Value) -> Result<Pipeline, DefinitionError> {
        Pipeline::compile(PipelineDefinition {
            id: PipelineId::new("letters").expect("a valid id"),
            title: String::new(),
            phases: vec![PhaseDefinition::new(
                PhaseName::new("write").expect("a valid name"),
                config_schema,
            )],
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
