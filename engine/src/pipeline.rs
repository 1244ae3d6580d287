//! A pipeline that can run: its definition with a runner for each phase.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use phasegate_core::{
    InvalidName, PhaseDefinition, PhaseName, PhaseOptions, PipelineDefinition, PipelineId, RegisteredPhase,
    ResourceKind, ResourceKindDefinition,
};
use phasegate_schema::DefinitionError;
use serde_json::Value;

use crate::phase::{Phase, Typed};
use crate::probe::ResourceProbe;
use crate::runner::PhaseRunner;

/// A pipeline that can run: compiled schemas, and a runner for each phase.
///
/// Cloning it is cheap. It is registered with [`EngineBuilder::pipeline`](crate::EngineBuilder::pipeline).
#[derive(Clone)]
pub struct Pipeline {
    inner: Arc<CompiledPipeline>,
}

struct CompiledPipeline {
    schemas: phasegate_schema::Pipeline,
    runners: BTreeMap<PhaseName, PhaseEntry>,
    probes: BTreeMap<ResourceKind, Arc<dyn ResourceProbe>>,
}

#[derive(Clone)]
struct PhaseEntry {
    runner: Arc<dyn PhaseRunner>,
    timeout: Option<Duration>,
    options: PhaseOptions,
}

/// Why a pipeline could not be built.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// A name breaks its rule.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The definition is not usable.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// A timeout is set for a phase that the pipeline doesn't have.
    #[error("a timeout is set for {phase}, which is not a phase of the pipeline")]
    TimeoutWithoutPhase {
        /// The phase.
        phase: String,
    },
    /// Options are set for a phase that the pipeline doesn't have.
    #[error("options are set for {phase}, which is not a phase of the pipeline")]
    OptionsWithoutPhase {
        /// The phase.
        phase: String,
    },
    /// The retry policy of a phase is out of its ranges.
    #[error("the retry policy of {phase} can't be used: {problem}")]
    InvalidRetry {
        /// The phase.
        phase: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A probe is set for a kind of resource that the pipeline doesn't have.
    #[error("a probe is set for {kind}, which is not a kind of resource of the pipeline")]
    ProbeWithoutKind {
        /// The kind.
        kind: ResourceKind,
    },
    /// Two probes are set for one kind of resource.
    #[error("two probes are set for resources of the kind {kind}: leave one out")]
    DuplicateProbe {
        /// The kind.
        kind: ResourceKind,
    },
}

impl Pipeline {
    /// Begins a pipeline with this id.
    pub fn builder(id: impl Into<String>) -> PipelineBuilder {
        PipelineBuilder {
            id: id.into(),
            title: String::new(),
            phases: Vec::new(),
            kinds: Vec::new(),
            probes: Vec::new(),
            timeouts: Vec::new(),
            options: Vec::new(),
            failed: None,
        }
    }

    /// Its id.
    pub fn id(&self) -> &PipelineId {
        self.inner.schemas.id()
    }

    /// Its definition as data: the manifest.
    pub fn definition(&self) -> &PipelineDefinition {
        self.inner.schemas.definition()
    }

    /// Its compiled schemas.
    pub fn schemas(&self) -> &phasegate_schema::Pipeline {
        &self.inner.schemas
    }

    /// The names of its phases, in order.
    pub fn phases(&self) -> &[PhaseName] {
        self.inner.schemas.phases()
    }

    /// The probe of a kind's resources, or `None` for a kind without one.
    pub fn probe(&self, kind: &ResourceKind) -> Option<Arc<dyn ResourceProbe>> {
        self.inner.probes.get(kind).map(Arc::clone)
    }

    pub(crate) fn runner(&self, phase: &PhaseName) -> Option<Arc<dyn PhaseRunner>> {
        self.inner
            .runners
            .get(phase)
            .map(|entry| Arc::clone(&entry.runner))
    }

    /// Its phases with what it says of them, as the machine needs to know them.
    pub(crate) fn registered(&self) -> Vec<RegisteredPhase> {
        let phase = |name: &PhaseName| RegisteredPhase {
            name: name.clone(),
            options: self.options(name),
        };
        self.phases().iter().map(phase).collect()
    }

    /// What it says of a phase: retries, recoveries, skips.
    pub fn options(&self, phase: &PhaseName) -> PhaseOptions {
        let entry = self.inner.runners.get(phase);
        entry.map(|entry| entry.options.clone()).unwrap_or_default()
    }

    pub(crate) fn timeout(&self, phase: &PhaseName) -> Option<Duration> {
        self.inner.runners.get(phase).and_then(|entry| entry.timeout)
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("id", self.id())
            .field("phases", &self.phases())
            .finish_non_exhaustive()
    }
}

/// Builds a pipeline. Phases run in the order in which they are added.
pub struct PipelineBuilder {
    id: String,
    title: String,
    phases: Vec<(PhaseDefinition, Arc<dyn PhaseRunner>)>,
    kinds: Vec<ResourceKindDefinition>,
    probes: Vec<(ResourceKind, Arc<dyn ResourceProbe>)>,
    timeouts: Vec<(String, Duration)>,
    options: Vec<(String, PhaseOptions)>,
    failed: Option<PipelineError>,
}

impl PipelineBuilder {
    /// Sets what a person calls it.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Adds a typed phase.
    #[must_use]
    pub fn phase<P: Phase>(mut self, phase: P) -> Self {
        self.phases.push((phase.definition(), Arc::new(Typed(phase))));
        self
    }

    /// Adds a phase by its definition and runner.
    #[must_use]
    pub fn runner(mut self, definition: PhaseDefinition, runner: impl PhaseRunner) -> Self {
        self.phases.push((definition, Arc::new(runner)));
        self
    }

    /// Adds a kind of resource that configs may refer to, with the JSON Schema of its documents.
    #[must_use]
    pub fn resource_kind(mut self, kind: impl AsRef<str>, title: impl Into<String>, schema: Value) -> Self {
        match ResourceKind::new(kind) {
            Ok(kind) => self.kinds.push(ResourceKindDefinition {
                kind,
                title: title.into(),
                schema,
                probe_schema: None,
            }),
            Err(error) => self.failed = self.failed.or(Some(error.into())),
        }
        self
    }

    /// Sets the probe of a kind of resource, for [`Engine::probe`](crate::Engine::probe).
    ///
    /// The manifest has the schema of its input as the kind's `probeSchema`.
    #[must_use]
    pub fn probe(mut self, kind: impl AsRef<str>, probe: impl ResourceProbe) -> Self {
        match ResourceKind::new(kind) {
            Ok(kind) => self.probes.push((kind, Arc::new(probe))),
            Err(error) => self.failed = self.failed.or(Some(error.into())),
        }
        self
    }

    /// Sets how long the work of one attempt of `phase` may take. Then the phase fails with the code `timed_out`.
    ///
    /// The time begins when the attempt's turn comes, and ends when it defers its outcome: an approval may take days. The one
    /// who reports a deferred phase keeps the deadline, and reports a failure.
    #[must_use]
    pub fn timeout(mut self, phase: impl Into<String>, timeout: Duration) -> Self {
        self.timeouts.push((phase.into(), timeout));
        self
    }

    /// Sets when a failure of `phase` is tried again, how many recoveries it may have, and whether it may be skipped.
    #[must_use]
    pub fn options(mut self, phase: impl Into<String>, options: PhaseOptions) -> Self {
        self.options.push((phase.into(), options));
        self
    }

    /// Compiles the schemas and builds the pipeline.
    ///
    /// # Errors
    ///
    /// [`PipelineError`] names the name, schema, probe or timeout at fault.
    pub fn build(mut self) -> Result<Pipeline, PipelineError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut probes = BTreeMap::new();
        for (kind, probe) in self.probes {
            let Some(definition) = self.kinds.iter_mut().find(|one| one.kind == kind) else {
                return Err(PipelineError::ProbeWithoutKind { kind });
            };
            definition.probe_schema = Some(probe.input_schema());
            if probes.insert(kind.clone(), probe).is_some() {
                return Err(PipelineError::DuplicateProbe { kind });
            }
        }
        let definition = PipelineDefinition {
            id: PipelineId::new(&self.id)?,
            title: self.title,
            phases: self
                .phases
                .iter()
                .map(|(definition, _)| definition.clone())
                .collect(),
            resource_kinds: self.kinds,
        };
        let schemas = phasegate_schema::Pipeline::compile(definition)?;
        let mut runners: BTreeMap<PhaseName, PhaseEntry> = self
            .phases
            .into_iter()
            .map(|(definition, runner)| {
                (
                    definition.name,
                    PhaseEntry {
                        runner,
                        timeout: None,
                        options: PhaseOptions::default(),
                    },
                )
            })
            .collect();
        for (phase, timeout) in self.timeouts {
            match runners.get_mut(phase.as_str()) {
                Some(entry) => entry.timeout = Some(timeout),
                None => return Err(PipelineError::TimeoutWithoutPhase { phase }),
            }
        }
        for (phase, options) in self.options {
            if let Some(problem) = options.retry.as_ref().and_then(|policy| policy.problem()) {
                return Err(PipelineError::InvalidRetry { phase, problem });
            }
            match runners.get_mut(phase.as_str()) {
                Some(entry) => entry.options = options,
                None => return Err(PipelineError::OptionsWithoutPhase { phase }),
            }
        }
        Ok(Pipeline {
            inner: Arc::new(CompiledPipeline {
                schemas,
                runners,
                probes,
            }),
        })
    }
}
