//! Gathering the facts that a decision needs.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use phasegate_core::limits::MAX_RESOURCES_PER_CONFIG;
use phasegate_core::storage::{ExpectedResource, Resource, StorageError};
use phasegate_core::{
    Activity, Campaign, Command, ConfigFacts, Facts, Intent, Mode, Outcome, PhaseName, PipelineMatch,
    Problem, Problems, ResourceRef, Revision,
};
use phasegate_schema::ResourceState;
use serde_json::Value;

use crate::error::EngineError;
use crate::execute::EngineState;
use crate::pipeline::Pipeline;
use crate::runner::{InputChange, PhaseRunner, Resources};

/// The facts of one moment, with the documents that they were taken from.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) facts: Facts,
    pub(crate) expected_resources: Vec<ExpectedResource>,
    /// The checked config of each phase: the proposed one, else the stored one.
    pub(crate) configs: BTreeMap<PhaseName, Value>,
    resources: BTreeMap<ResourceRef, Option<Resource>>,
}

impl Gathered {
    /// The resources that a phase's checked config refers to.
    pub(crate) fn resources_of(&self, phase: &PhaseName) -> Resources {
        let facts = self
            .facts
            .proposed
            .get(phase)
            .or_else(|| self.facts.stored.get(phase));
        let pins = facts.map(|facts| facts.resources.as_slice()).unwrap_or_default();
        pins.iter()
            .filter_map(|pin| {
                let resource = ResourceRef {
                    kind: pin.kind.clone(),
                    id: pin.id.clone(),
                };
                self.resources.get(&resource).cloned().flatten()
            })
            .collect()
    }
}

/// Why a runner gave no answer.
enum NoAnswer {
    Panicked,
    TookTooLong,
}

/// Gathers facts about one pipeline from the store of one engine.
pub(crate) struct Gatherer<'a> {
    inner: &'a EngineState,
    pipeline: &'a Pipeline,
    gathered: Gathered,
}

impl<'a> Gatherer<'a> {
    pub(crate) fn new(inner: &'a EngineState, pipeline: &'a Pipeline) -> Self {
        Self {
            inner,
            pipeline,
            gathered: Gathered::default(),
        }
    }

    /// Takes these resources instead of the stored ones of the same kind and id.
    pub(crate) fn assume_resources(&mut self, resources: impl IntoIterator<Item = Resource>) {
        for resource in resources {
            self.gathered
                .resources
                .insert(resource.resource.clone(), Some(resource));
        }
    }

    pub(crate) fn finish(mut self) -> Gathered {
        let seen = self
            .gathered
            .resources
            .iter()
            .map(|(resource, found)| ExpectedResource {
                resource: resource.clone(),
                revision: found.as_ref().map(|found| found.revision),
            });
        self.gathered.expected_resources = seen.collect();
        self.gathered
    }

    /// Checks a config that a command brings.
    pub(crate) async fn propose(&mut self, phase: &PhaseName, config: &Value) -> Result<(), EngineError> {
        if self.pipeline.schemas().config_schema(phase).is_some() {
            let facts = self.check(phase, config, None).await?;
            self.gathered.facts.proposed.insert(phase.clone(), facts);
            self.gathered.configs.insert(phase.clone(), config.clone());
        }
        Ok(())
    }

    /// Checks the stored config of a phase, if it has one.
    pub(crate) async fn check_stored(
        &mut self,
        campaign: &Campaign,
        index: usize,
    ) -> Result<(), EngineError> {
        let Some(slot) = campaign.phases.get(index) else {
            return Ok(());
        };
        let Some(pin) = &slot.config else { return Ok(()) };
        let config = self.stored_config(campaign, &slot.phase, pin.revision).await?;
        let facts = self.check(&slot.phase, &config, Some(pin.revision)).await?;
        self.gathered.facts.stored.insert(slot.phase.clone(), facts);
        self.gathered.configs.entry(slot.phase.clone()).or_insert(config);
        Ok(())
    }

    async fn stored_config(
        &self,
        campaign: &Campaign,
        phase: &PhaseName,
        revision: Revision,
    ) -> Result<Value, EngineError> {
        if let Some(config) = self.inner.storage.config(campaign.id, phase, revision).await? {
            return Ok(config);
        }
        // A deletion removes the configs as well.
        if self.inner.storage.campaign(campaign.id).await?.is_none() {
            return Err(EngineError::NotFound {
                campaign: campaign.id,
            });
        }
        let key = format!("{}/{phase}/{revision}", campaign.id);
        let reason = "the campaign refers to a config that isn't there".to_owned();
        Err(StorageError::Damaged {
            table: "configs",
            key,
            reason,
        }
        .into())
    }

    /// Checks by the schema, then the resources, then the runner's own check. The first check with a problem is the last.
    async fn check(
        &mut self,
        phase: &PhaseName,
        config: &Value,
        revision: Option<Revision>,
    ) -> Result<ConfigFacts, EngineError> {
        let (Some(schema), Some(runner)) = (
            self.pipeline.schemas().config_schema(phase),
            self.pipeline.runner(phase),
        ) else {
            return Ok(ConfigFacts {
                revision,
                ..ConfigFacts::default()
            });
        };
        let problems = schema.problems(phase, config);
        if !problems.is_empty() {
            return Ok(ConfigFacts {
                revision,
                problems,
                resources: Vec::new(),
            });
        }
        let mut states = BTreeMap::new();
        // Too many uses are a problem in themselves, so the resources needn't be read.
        let uses = Some(schema.resources(config)).filter(|uses| uses.len() <= MAX_RESOURCES_PER_CONFIG);
        for used in uses.unwrap_or_default() {
            let state = match self.resource(&used.resource).await? {
                None => ResourceState::Missing,
                Some(found) if found.is_enabled() => ResourceState::Enabled(found.revision),
                Some(found) => ResourceState::Disabled(found.revision),
            };
            states.insert(used.resource, state);
        }
        let (resources, mut problems) = schema.check_resources(phase, config, &states);
        if problems.is_empty() {
            let documents = states
                .keys()
                .filter_map(|resource| self.gathered.resources.get(resource).cloned().flatten());
            problems = self
                .own_check(&*runner, phase, config, &documents.collect())
                .await?;
        }
        Ok(ConfigFacts {
            revision,
            problems,
            resources,
        })
    }

    async fn own_check(
        &self,
        runner: &dyn PhaseRunner,
        phase: &PhaseName,
        config: &Value,
        resources: &Resources,
    ) -> Result<Problems, EngineError> {
        let problem = |keyword, message: String| {
            [Problem::new(phase.clone(), "", keyword, message)]
                .into_iter()
                .collect()
        };
        Ok(
            match self.ask(async { runner.check(config, resources).await }).await? {
                Ok(found) => found
                    .into_iter()
                    .map(|problem| {
                        Problem::new(phase.clone(), problem.pointer, problem.keyword, problem.message)
                    })
                    .collect(),
                Err(NoAnswer::Panicked) => problem(
                    "check_panicked",
                    "the phase's own check panicked: mend the phase".to_owned(),
                ),
                Err(NoAnswer::TookTooLong) => {
                    let seconds = self.inner.check_timeout.as_secs_f64();
                    problem(
                        "unchecked",
                        format!("the phase's own check took longer than {seconds} s: try again"),
                    )
                }
            },
        )
    }

    /// Waits for the answer of a runner, at most until the timeout or a shutdown.
    ///
    /// `asked` calls the runner itself, so that a panic before the runner's future exists is caught too.
    async fn ask<T>(&self, asked: impl Future<Output = T>) -> Result<Result<T, NoAnswer>, EngineError> {
        let timeout = {
            // The caller may be outside the runtime, without timers.
            let _entered = self.inner.handle.enter();
            tokio::time::sleep(self.inner.check_timeout)
        };
        tokio::select! {
            biased;
            answer = AssertUnwindSafe(asked).catch_unwind() => Ok(answer.map_err(|_| NoAnswer::Panicked)),
            () = self.inner.shutdown.cancelled() => Err(EngineError::ShutDown),
            () = timeout => Ok(Err(NoAnswer::TookTooLong)),
        }
    }

    async fn resource(&mut self, resource: &ResourceRef) -> Result<Option<&Resource>, EngineError> {
        if !self.gathered.resources.contains_key(resource) {
            let found = self.inner.storage.resource(resource).await?;
            self.gathered.resources.insert(resource.clone(), found);
        }
        Ok(self.gathered.resources.get(resource).and_then(Option::as_ref))
    }

    /// Asks the runner whether a failed or stopped run can continue, if its inputs have changed.
    async fn ask_to_continue(&mut self, campaign: &Campaign) -> Result<(), EngineError> {
        let (Activity::Failed { run, .. } | Activity::Stopped { run, .. }) = &campaign.activity else {
            return Ok(());
        };
        let Some(slot) = campaign.current() else {
            return Ok(());
        };
        let (Some(pin), Some(now)) = (&slot.config, self.gathered.facts.stored.get(&slot.phase)) else {
            return Ok(());
        };
        if pin.revision == run.config && now.resources == run.resources {
            return Ok(());
        }
        let Some(runner) = self.pipeline.runner(&slot.phase) else {
            return Ok(());
        };
        let old_config = self.stored_config(campaign, &slot.phase, run.config).await?;
        let new_config = self.stored_config(campaign, &slot.phase, pin.revision).await?;
        let changed: Vec<ResourceRef> = now
            .resources
            .iter()
            .filter(|pin| !run.resources.contains(pin))
            .map(|pin| ResourceRef {
                kind: pin.kind.clone(),
                id: pin.id.clone(),
            })
            .collect();
        let output = self
            .inner
            .storage
            .run_output(campaign.id, &slot.phase, run.run)
            .await?
            .unwrap_or_default();
        let change = InputChange {
            old_config: &old_config,
            new_config: &new_config,
            changed_resources: &changed,
            checkpoint: output.checkpoint.as_ref(),
        };
        let answer = self.ask(async { runner.can_continue(change).await }).await?;
        self.gathered.facts.can_continue = answer.unwrap_or(false);
        Ok(())
    }

    /// Gathers the facts about `campaign` that `command` needs. The pipeline is unchanged.
    pub(crate) async fn for_command(
        mut self,
        campaign: &Campaign,
        command: &Command,
    ) -> Result<Gathered, EngineError> {
        match command {
            Command::Configure { configs } => {
                for (phase, config) in configs {
                    self.propose(phase, config).await?;
                }
            }
            Command::Restart {
                phase,
                config: Some(config),
            } => self.propose(phase, config).await?,
            _ => {}
        }
        for index in relevant_phases(campaign, command) {
            self.check_stored(campaign, index).await?;
        }
        if matches!(command, Command::Start { .. }) {
            self.ask_to_continue(campaign).await?;
        }
        Ok(self.finish())
    }

    /// Gathers the check of every phase, for a view.
    pub(crate) async fn for_view(mut self, campaign: &Campaign) -> Result<Gathered, EngineError> {
        for index in 0..campaign.phases.len() {
            self.check_stored(campaign, index).await?;
        }
        Ok(self.finish())
    }
}

/// The phases whose stored config a decision may rely on.
fn relevant_phases(campaign: &Campaign, command: &Command) -> Range<usize> {
    let all = campaign.phases.len();
    let gate = |from: usize| match campaign.mode {
        Mode::FullSequence => from..all,
        Mode::StepByStep => from..all.min(from + 1),
    };
    let position = campaign.position();
    match command {
        Command::Start { .. } => gate(position),
        Command::Restart { phase, .. } => campaign.index_of(phase).map_or(0..0, gate),
        // Only such a completion may start the next phase. No other end of a phase needs another phase's check.
        Command::Report {
            outcome: Outcome::Completed(_),
            ..
        } if campaign.mode == Mode::FullSequence && campaign.intent() == Some(Intent::None) => {
            all.min(position + 1)..all.min(position + 2)
        }
        Command::Recover { .. } => position..all.min(position + 1),
        Command::Resume if matches!(campaign.activity, Activity::Paused { .. }) => {
            position..all.min(position + 1)
        }
        Command::Resume if campaign.activity == (Activity::Idle { held: true }) => gate(position),
        // A refusal names the status, and the status of an idle campaign depends on the checks.
        Command::Pause | Command::Resume | Command::Stop
            if campaign.activity == (Activity::Idle { held: false }) =>
        {
            position..all
        }
        Command::Report { .. }
        | Command::Pause
        | Command::Resume
        | Command::Stop
        | Command::Configure { .. }
        | Command::Unconfigure { .. }
        | Command::SetMode { .. }
        | Command::Quiet { .. }
        | Command::Delete => 0..0,
    }
}

/// How a registered pipeline compares with the phases that a campaign pins.
pub(crate) fn compare(campaign: &Campaign, pipeline: Option<&Pipeline>) -> PipelineMatch {
    match pipeline {
        None => PipelineMatch::Unknown,
        Some(pipeline)
            if pipeline
                .phases()
                .iter()
                .eq(campaign.phases.iter().map(|slot| &slot.phase)) =>
        {
            PipelineMatch::Same
        }
        Some(_) => PipelineMatch::Changed,
    }
}
