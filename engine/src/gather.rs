//! Gathering the facts that a decision needs.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use phasegate_core::limits::MAX_RESOURCES_PER_CONFIG;
use phasegate_core::storage::{ConfigWrite, ExpectedResource, Resource, StorageError};
use phasegate_core::{
    Campaign, Command, ConfigFacts, Deferred, EventKind, Facts, Input, Needs, Outcome, OutputFacts,
    PhaseName, PhaseSlot, Problem, Problems, ResourceRef, Revision, Signal,
};
use phasegate_schema::{ConfigSchema, ResourceState, SchemaError};
use serde_json::Value;

use crate::error::EngineError;
use crate::pipeline::Pipeline;
use crate::runner::{FieldProblem, InputChange, PhaseRunner, Resources};
use crate::state::EngineState;

/// How often a runner is asked that gives no answer.
const TIMES_ASKED: usize = 3;

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

/// Gathers facts about one campaign from the store of one engine.
pub(crate) struct Gatherer<'a> {
    inner: &'a EngineState,
    /// The registered pipeline; nothing is checked without it.
    pipeline: Option<&'a Pipeline>,
    /// Configs that no store holds yet.
    unstored: Vec<ConfigWrite>,
    gathered: Gathered,
}

impl<'a> Gatherer<'a> {
    /// A gatherer that begins with these facts.
    pub(crate) fn new(inner: &'a EngineState, pipeline: Option<&'a Pipeline>, facts: Facts) -> Self {
        Self {
            inner,
            pipeline,
            unstored: Vec::new(),
            gathered: Gathered {
                facts,
                ..Gathered::default()
            },
        }
    }

    /// A gatherer for a campaign that begins with these facts.
    pub(crate) fn of(inner: &'a EngineState, campaign: &Campaign, facts: Facts) -> Self {
        Self::new(inner, inner.pipelines.get(&campaign.pipeline), facts)
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.gathered.facts
    }

    /// Gathers what a decision on `input` needs.
    pub(crate) async fn fulfil(
        &mut self,
        campaign: &Campaign,
        input: &Input,
        needs: &Needs,
    ) -> Result<(), EngineError> {
        let proposed = |phase: &PhaseName| match input {
            Input::Command {
                command: Command::Configure { configs },
                ..
            } => configs.get(phase),
            Input::Command {
                command: Command::Restart { config, .. },
                ..
            } => config.as_ref(),
            _ => None,
        };
        for phase in &needs.proposed {
            if let Some(config) = proposed(phase) {
                self.propose(phase, config).await?;
            }
        }
        if let Input::Signal(Signal::Report { ticket, outcome, .. }) = input {
            match outcome {
                Outcome::Deferred(Deferred { form: Some(form), .. }) if needs.form => {
                    self.gathered.facts.form = Some(form_problems(&ticket.phase, form));
                }
                Outcome::Completed(summary) if needs.answer => {
                    let problems = self.answer_problems(campaign, &ticket.phase, summary).await?;
                    self.gathered.facts.answer = Some(problems);
                }
                _ => {}
            }
        }
        if needs.released {
            // Whoever recovers an attempt knows how its lease ended; else it counts.
            self.gathered.facts.released = Some(false);
        }
        self.fulfil_view(campaign, needs).await
    }

    /// Gathers what a view needs: nothing that belongs to an input.
    pub(crate) async fn fulfil_view(
        &mut self,
        campaign: &Campaign,
        needs: &Needs,
    ) -> Result<(), EngineError> {
        for slot in &campaign.phases {
            if needs.stored.contains(&slot.phase) {
                self.check_stored(campaign, slot).await?;
            }
        }
        if needs.output {
            self.gathered.facts.output = Some(self.output(campaign).await?);
        }
        if needs.can_continue {
            let answer = self.ask_to_continue(campaign).await?;
            self.gathered.facts.can_continue = Some(answer);
        }
        Ok(())
    }

    async fn output(&self, campaign: &Campaign) -> Result<OutputFacts, EngineError> {
        let (Some(slot), Some(run)) = (campaign.current(), campaign.activity.run()) else {
            return Ok(OutputFacts::default());
        };
        let storage = &self.inner.storage;
        let output = storage.run_output(campaign.id, &slot.phase, run.run).await?;
        Ok(output.as_ref().map(OutputFacts::from).unwrap_or_default())
    }

    /// Checks a reported summary under the form that its phase asks for.
    async fn answer_problems(
        &self,
        campaign: &Campaign,
        phase: &PhaseName,
        summary: &Value,
    ) -> Result<Problems, EngineError> {
        let Some(deferral) = campaign.activity.deferral() else {
            return Ok(Problems::none());
        };
        let Some(logged) = self.inner.storage.event(campaign.id, deferral.event).await? else {
            return Err(EngineError::NotFound {
                campaign: campaign.id,
            });
        };
        match logged.event.kind {
            EventKind::PhaseDeferred { form: Some(form), .. } => {
                match ConfigSchema::compile("the form", &form) {
                    Ok(schema) => Ok(schema.problems(phase, summary)),
                    Err(error) => Ok(form_problem(phase, &error)),
                }
            }
            _ => Ok(Problems::none()),
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

    /// Takes these configs for stored ones.
    pub(crate) fn assume_configs(&mut self, configs: &[ConfigWrite]) {
        self.unstored.extend_from_slice(configs);
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
        if self.schema(phase).is_some() {
            let facts = self.check(phase, config, None).await?;
            self.gathered.facts.proposed.insert(phase.clone(), facts);
            self.gathered.configs.insert(phase.clone(), config.clone());
        }
        Ok(())
    }

    fn schema(&self, phase: &PhaseName) -> Option<&'a ConfigSchema> {
        self.pipeline?.schemas().config_schema(phase)
    }

    fn runner(&self, phase: &PhaseName) -> Option<Arc<dyn PhaseRunner>> {
        self.pipeline?.runner(phase)
    }

    /// Checks the stored config of a phase, if it has one.
    async fn check_stored(&mut self, campaign: &Campaign, slot: &PhaseSlot) -> Result<(), EngineError> {
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
        let unstored = self
            .unstored
            .iter()
            .find(|one| one.phase == *phase && one.revision == revision);
        if let Some(unstored) = unstored {
            return Ok(unstored.config.clone());
        }
        if let Some(config) = self.inner.storage.config(campaign.id, phase, revision).await? {
            return Ok(config);
        }
        // A deletion removes the configs as well.
        if self.inner.storage.campaign(campaign.id).await?.campaign.is_none() {
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
        let (Some(schema), Some(runner)) = (self.schema(phase), self.runner(phase)) else {
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
        let mut silent = Problems::none();
        for _ in 0..TIMES_ASKED {
            match self.ask(async { runner.check(config, resources).await }).await? {
                Ok(found) => {
                    let own = |problem: FieldProblem| {
                        Problem::new(phase.clone(), problem.pointer, problem.keyword, problem.message)
                    };
                    return Ok(found.into_iter().map(own).collect());
                }
                Err(NoAnswer::Panicked) => {
                    let message = "the phase's own check panicked: mend the phase";
                    silent = problem("check_panicked", message.to_owned());
                }
                Err(NoAnswer::TookTooLong) => {
                    let seconds = self.inner.check_timeout.as_secs_f64();
                    let message = format!("the phase's own check took longer than {seconds} s: try again");
                    silent = problem("unchecked", message);
                }
            }
        }
        Ok(silent)
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

    /// Asks the runner whether the run at the position can continue although its inputs have changed.
    async fn ask_to_continue(&mut self, campaign: &Campaign) -> Result<bool, EngineError> {
        let (Some(slot), Some(run)) = (campaign.current(), campaign.activity.run()) else {
            return Ok(false);
        };
        let (Some(pin), Some(now)) = (&slot.config, self.gathered.facts.stored.get(&slot.phase)) else {
            return Ok(false);
        };
        let Some(runner) = self.runner(&slot.phase) else {
            return Ok(false);
        };
        let old_config = self.stored_config(campaign, &slot.phase, run.pins.config).await?;
        let new_config = self.stored_config(campaign, &slot.phase, pin.revision).await?;
        let changed: Vec<ResourceRef> = now
            .resources
            .iter()
            .filter(|pin| !run.pins.resources.contains(pin))
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
        for _ in 0..TIMES_ASKED {
            if let Ok(answer) = self.ask(async { runner.can_continue(change).await }).await? {
                return Ok(answer);
            }
        }
        Ok(false)
    }
}

fn form_problems(phase: &PhaseName, form: &Value) -> Problems {
    match ConfigSchema::compile("the form", form) {
        Ok(_) => Problems::none(),
        Err(error) => form_problem(phase, &error),
    }
}

fn form_problem(phase: &PhaseName, error: &SchemaError) -> Problems {
    [Problem::new(
        phase.clone(),
        "",
        "form_invalid",
        error.reason.clone(),
    )]
    .into_iter()
    .collect()
}
