//! Pipelines of a host: its own phases among built-in ones.

use std::sync::Arc;
use std::time::Duration;

use phasegate::core::{PhaseDefinition, ResourceKind, ResourceKindDefinition};
use phasegate::{EngineError, Pipeline, PipelineBuilder};
use phasegate_phases::{analysis, dns_validation, domain_generation, http_validation};
use serde::Deserialize;
use serde_json::Value;

use crate::codes::HostCode;
use crate::error::HostError;
use crate::job::{HostRunner, JobKind, Jobs};
use crate::json;

/// Adds a built-in phase.
type AddPhase = fn(PipelineBuilder) -> PipelineBuilder;

pub(crate) const BUILTIN: [(&str, AddPhase); 4] = [
    ("domain_generation", |pipeline| {
        pipeline.phase(domain_generation::DomainGeneration)
    }),
    ("dns_validation", |pipeline| {
        pipeline.phase(dns_validation::DnsValidation::default())
    }),
    ("http_validation", |pipeline| {
        pipeline.phase(http_validation::HttpValidation::default())
    }),
    ("analysis", |pipeline| pipeline.phase(analysis::Analysis)),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HostPipeline {
    id: String,
    #[serde(default)]
    title: String,
    phases: Vec<PhaseSource>,
    #[serde(default)]
    resource_kinds: Vec<ResourceKindDefinition>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PhaseSource {
    Builtin(BuiltinPhase),
    Host(HostPhase),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BuiltinPhase {
    builtin: String,
    timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HostPhase {
    name: String,
    #[serde(default)]
    title: String,
    config_schema: Value,
    timeout_ms: Option<u64>,
    /// The jobs that the host answers besides `run`: `check`, `can_continue`.
    #[serde(default)]
    answers: Vec<JobKind>,
}

/// Builds a pipeline whose host phases become jobs. The kinds of resources that built-in phases need are added.
pub(crate) fn build(definition: &str, jobs: &Arc<Jobs>) -> Result<Pipeline, HostError> {
    let HostPipeline {
        id,
        title,
        phases,
        resource_kinds,
    } = json::read("pipeline", definition)?;
    let mut pipeline = Pipeline::builder(&id).title(title);
    let mut needs_builtin_kinds = false;
    for phase in phases {
        let (name, timeout_ms) = match phase {
            PhaseSource::Builtin(BuiltinPhase { builtin, timeout_ms }) => {
                let Some((_, add)) = BUILTIN.iter().find(|(name, _)| *name == builtin) else {
                    let known = BUILTIN.map(|(name, _)| name).join(", ");
                    let reason = format!("there is no built-in phase {builtin}: there are {known}");
                    return Err(HostError::plain(HostCode::InvalidPipeline, reason));
                };
                pipeline = add(pipeline);
                needs_builtin_kinds = true;
                (builtin, timeout_ms)
            }
            PhaseSource::Host(host) => {
                let runner = HostRunner::new(Arc::clone(jobs), &id, &host.name, host.answers);
                let name = phasegate::PhaseName::new(host.name.clone()).map_err(EngineError::from)?;
                let definition = PhaseDefinition::new(name, host.config_schema).title(host.title);
                pipeline = pipeline.runner(definition, runner);
                (host.name, host.timeout_ms)
            }
        };
        if let Some(ms) = timeout_ms {
            pipeline = pipeline.change(name, |phase| phase.timeout(Duration::from_millis(ms)));
        }
    }
    if needs_builtin_kinds {
        let builtin = phasegate_phases::pipeline()?;
        let own = |kind: &ResourceKind| resource_kinds.iter().any(|one| one.kind == *kind);
        for one in &builtin.definition().resource_kinds {
            if own(&one.kind) {
                continue;
            }
            pipeline = pipeline.resource_kind(&one.kind, &one.title, one.schema.clone());
            if let Some(probe) = builtin.probe(&one.kind) {
                pipeline = pipeline.probe(&one.kind, probe);
            }
        }
    }
    for one in resource_kinds {
        if one.probe_schema.is_some() {
            let reason = format!(
                "the kind {} has a probeSchema and no probe: leave it out",
                one.kind
            );
            return Err(HostError::plain(HostCode::InvalidPipeline, reason));
        }
        pipeline = pipeline.resource_kind(&one.kind, one.title, one.schema);
    }
    Ok(pipeline.build()?)
}
