//! A pipeline that can run: its definition with a runner for each phase.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use phasegate_core::{
    InvalidName, PhaseDefinition, PhaseName, PipelineDefinition, PipelineId, RegisteredPhase, ResourceKind,
    ResourceKindDefinition,
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
    /// Its phases with what it says of them, as the machine needs to know them.
    registered: Arc<[RegisteredPhase]>,
    runners: BTreeMap<PhaseName, Arc<dyn PhaseRunner>>,
    probes: BTreeMap<ResourceKind, Arc<dyn ResourceProbe>>,
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
    /// A phase is changed that was not added before.
    #[error("{phase} is changed, which is not yet a phase of the pipeline: add it first")]
    ChangeWithoutPhase {
        /// The phase.
        phase: String,
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

    /// The runner of a phase, to build another pipeline around it; `None` for a phase it doesn't have.
    pub fn runner(&self, phase: &PhaseName) -> Option<Arc<dyn PhaseRunner>> {
        self.inner.runners.get(phase).map(Arc::clone)
    }

    /// Its phases with what it says of them, as the machine needs to know them.
    pub(crate) fn registered(&self) -> &Arc<[RegisteredPhase]> {
        &self.inner.registered
    }

    pub(crate) fn timeout(&self, phase: &PhaseName) -> Option<Duration> {
        let definition = self.definition().phases.iter().find(|one| one.name == *phase)?;
        definition.timeout_ms.map(Duration::from_millis)
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

    /// Changes what is said of a phase that was added before: its timeout, its retries, whether it may be skipped.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use phasegate::PipelineBuilder;
    /// # fn change(pipeline: PipelineBuilder) -> PipelineBuilder {
    /// pipeline.change("fetch", |phase| phase.timeout(Duration::from_secs(600)))
    /// # }
    /// ```
    #[must_use]
    pub fn change(
        mut self,
        phase: impl AsRef<str>,
        change: impl FnOnce(PhaseDefinition) -> PhaseDefinition,
    ) -> Self {
        let phase = phase.as_ref();
        match self
            .phases
            .iter_mut()
            .find(|(definition, _)| definition.name.as_str() == phase)
        {
            Some((definition, _)) => *definition = change(definition.clone()),
            None => {
                let phase = phase.to_owned();
                self.failed = self.failed.or(Some(PipelineError::ChangeWithoutPhase { phase }));
            }
        }
        self
    }

    /// Compiles the schemas and builds the pipeline.
    ///
    /// # Errors
    ///
    /// [`PipelineError`] names the name, schema, probe or policy at fault.
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
        let registered = definition.phases.iter().map(|phase| RegisteredPhase {
            name: phase.name.clone(),
            options: phase.options(),
        });
        let registered = registered.collect();
        let schemas = phasegate_schema::Pipeline::compile(definition)?;
        let runners = self
            .phases
            .into_iter()
            .map(|(definition, runner)| (definition.name, runner))
            .collect();
        Ok(Pipeline {
            inner: Arc::new(CompiledPipeline {
                schemas,
                registered,
                runners,
                probes,
            }),
        })
    }
}
