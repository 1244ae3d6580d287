//! Pipelines of a host: its own phases among built-in ones.

use std::time::Duration;

use phasegate::core::{PhaseDefinition, ResourceKind, ResourceKindDefinition};
use phasegate::{Pipeline, PipelineBuilder};
use phasegate_jobs::{JobKind, JobQueue, JobRunner};
use phasegate_phases::{analysis, dns_validation, domain_generation, http_validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::codes::HostCode;
use crate::error::HostError;
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
    /// Built-in phases have a member `builtin`, the others are the host's.
    phases: Vec<Map<String, Value>>,
    #[serde(default)]
    resource_kinds: Vec<ResourceKindDefinition>,
}

/// A phase of the host's, as its manifest has it with two members more: `answers` and `jobTimeoutMs`.
struct HostPhase {
    definition: PhaseDefinition,
    /// The jobs that the host answers besides `run`: `check`, `can_continue`.
    answers: Vec<JobKind>,
    /// How long the host may be silent about a job that it has taken.
    job_timeout_ms: Option<u64>,
}

impl HostPhase {
    fn read(mut members: Map<String, Value>) -> Result<Self, HostError> {
        let answers = taken(&mut members, "answers")?.unwrap_or_default();
        let job_timeout_ms = taken(&mut members, "jobTimeoutMs")?;
        if job_timeout_ms == Some(0) {
            let reason = "jobTimeoutMs is at least 1: leave it out where a host may be silent for ever";
            return Err(HostError::plain(HostCode::InvalidPipeline, reason));
        }
        Ok(Self {
            definition: read_value(Value::Object(members))?,
            answers,
            job_timeout_ms,
        })
    }

    fn runner(&self, queue: &JobQueue, pipeline: &str) -> JobRunner {
        let runner = JobRunner::new(queue.clone(), pipeline, &self.definition.name);
        let runner = runner.answers(self.answers.iter().copied());
        match self.job_timeout_ms {
            Some(ms) => runner.deadline(Duration::from_millis(ms)),
            None => runner,
        }
    }
}

/// Takes a member out of an object, if it is there.
fn taken<T: DeserializeOwned>(members: &mut Map<String, Value>, name: &str) -> Result<Option<T>, HostError> {
    members.remove(name).map(read_value).transpose()
}

fn read_value<T: DeserializeOwned>(value: Value) -> Result<T, HostError> {
    serde_json::from_value(value).map_err(|error| HostError::argument("pipeline", &error))
}

/// A built-in phase, with what the host says of it in place of what it says itself. What it does and takes is its own.
fn changed(definition: &PhaseDefinition, members: Map<String, Value>) -> Result<PhaseDefinition, HostError> {
    if let Some(own) = ["name", "configSchema"]
        .iter()
        .find(|own| members.contains_key(**own))
    {
        let reason = format!(
            "the built-in phase {} has its own {own}: leave it out",
            definition.name
        );
        return Err(HostError::plain(HostCode::InvalidPipeline, reason));
    }
    let mut all: Map<String, Value> = read_value(json::value(definition)?)?;
    all.extend(members);
    read_value(Value::Object(all))
}

fn with_builtin(
    pipeline: PipelineBuilder,
    builtin: &str,
    members: Map<String, Value>,
) -> Result<PipelineBuilder, HostError> {
    let Some((_, add)) = BUILTIN.iter().find(|(name, _)| *name == builtin) else {
        let known = BUILTIN.map(|(name, _)| name).join(", ");
        let reason = format!("there is no built-in phase {builtin}: there are {known}");
        return Err(HostError::plain(HostCode::InvalidPipeline, reason));
    };
    let mut outcome = Ok(());
    let pipeline = add(pipeline).change(builtin, |definition| {
        changed(&definition, members).unwrap_or_else(|error| {
            outcome = Err(error);
            definition
        })
    });
    outcome.map(|()| pipeline)
}

/// Builds a pipeline whose host phases become jobs. The kinds of resources that built-in phases need are added.
pub(crate) fn build(definition: &str, jobs: &JobQueue) -> Result<Pipeline, HostError> {
    let HostPipeline {
        id,
        title,
        phases,
        resource_kinds,
    } = json::read("pipeline", definition)?;
    let mut pipeline = Pipeline::builder(&id).title(title);
    let mut needs_builtin_kinds = false;
    for mut members in phases {
        if let Some(builtin) = taken::<String>(&mut members, "builtin")? {
            pipeline = with_builtin(pipeline, &builtin, members)?;
            needs_builtin_kinds = true;
        } else {
            let host = HostPhase::read(members)?;
            let runner = host.runner(jobs, &id);
            pipeline = pipeline.runner(host.definition, runner);
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

#[cfg(test)]
mod tests {
    use phasegate::OnSkip;
    use serde_json::json;

    use super::*;

    fn built(phase: Value) -> Result<PhaseDefinition, HostError> {
        let pipeline = json!({ "id": "press", "phases": [phase] }).to_string();
        let built = build(&pipeline, &JobQueue::new())?;
        Ok(built.definition().phases[0].clone())
    }

    fn refused(phase: Value) -> String {
        built(phase).expect_err("it is refused").to_string()
    }

    #[test]
    fn a_phase_of_a_host_may_say_all_that_a_manifest_has() {
        let said = json!({
            "name": "collect", "title": "Collect", "configSchema": {"type": "object"}, "recordSchema": {"type": "string"},
            "timeoutMs": 5, "retry": {"maxTries": 3}, "maxRecoveries": 2, "onSkip": "empty",
        });
        let definition: PhaseDefinition = serde_json::from_value(said.clone()).expect("a manifest");
        let mut phase = said;
        phase["answers"] = json!(["check", "can_continue"]);
        phase["jobTimeoutMs"] = json!(7);
        assert_eq!(built(phase), Ok(definition));
    }

    #[test]
    fn a_built_in_phase_keeps_what_a_host_does_not_say() {
        let own = built(json!({"builtin": "analysis"})).expect("it is built");
        let changed = built(json!({
            "builtin": "analysis", "timeoutMs": 5, "retry": {"maxTries": 3}, "maxRecoveries": 2, "onSkip": "pass_through",
        }));
        let expected = own
            .timeout(Duration::from_millis(5))
            .retry(phasegate::RetryPolicy::new(3))
            .max_recoveries(2)
            .on_skip(OnSkip::PassThrough);
        assert_eq!(changed, Ok(expected));
    }

    #[test]
    fn a_phase_with_a_member_that_it_does_not_have_is_refused_by_its_name() {
        for (phase, named) in [
            (
                json!({"name": "collect", "configSchema": {}, "retries": 3}),
                "retries",
            ),
            (json!({"builtin": "analysis", "retries": 3}), "retries"),
            (json!({"builtin": "analysis", "configSchema": {}}), "configSchema"),
            (json!({"builtin": "analysis", "jobTimeoutMs": 5}), "jobTimeoutMs"),
            (json!({"builtin": "nowhere"}), "nowhere"),
            (
                json!({"name": "collect", "configSchema": {}, "jobTimeoutMs": 0}),
                "jobTimeoutMs",
            ),
            (
                json!({"name": "collect", "configSchema": {}, "answers": ["run_away"]}),
                "run_away",
            ),
        ] {
            let error = refused(phase);
            assert!(error.contains(named), "{named}: {error}");
        }
    }
}
