//! What is around a campaign, and the facts that follow from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use phasegate_core::{
    Campaign, Command, ConfigFacts, Facts, Input, OnSkip, Outcome, OutputFacts, PhaseName, PhaseOptions,
    PipelineMatch, Problem, Problems, RegisteredPhase, ResourceId, ResourceKind, ResourcePin, Revision, Run,
    Signal,
};
use serde_json::Value;

use super::names::name;

/// What is around a campaign.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub pipeline: PipelineMatch,
    pub options: BTreeMap<PhaseName, PhaseOptions>,
    /// The phases whose configs have a problem.
    pub broken: BTreeSet<PhaseName>,
    /// The revision of the resource that a phase's config refers to.
    pub resources: BTreeMap<PhaseName, u64>,
    pub can_continue: bool,
    pub output: BTreeMap<(PhaseName, Run), OutputFacts>,
}

impl Default for Surroundings {
    fn default() -> Self {
        let on_skip = |on_skip| PhaseOptions {
            on_skip,
            ..PhaseOptions::default()
        };
        Self {
            pipeline: PipelineMatch::Same,
            options: [
                (name("a"), on_skip(OnSkip::Empty)),
                (name("b"), on_skip(OnSkip::PassThrough)),
            ]
            .into(),
            broken: BTreeSet::new(),
            resources: [(name("b"), 1)].into(),
            can_continue: false,
            output: BTreeMap::new(),
        }
    }
}

pub fn problem(phase: &PhaseName) -> Problem {
    Problem::new(phase.clone(), "/field", "minimum", "it is too small")
}

impl Surroundings {
    fn registered(&self, campaign: &Campaign) -> Option<Arc<[RegisteredPhase]>> {
        let registered = |name: &PhaseName| RegisteredPhase {
            name: name.clone(),
            options: self.options.get(name).cloned().unwrap_or_default(),
        };
        let mut phases: Vec<_> = campaign
            .phases
            .iter()
            .map(|slot| registered(&slot.phase))
            .collect();
        match self.pipeline {
            PipelineMatch::Same => Some(phases.into()),
            PipelineMatch::Changed => {
                phases.push(registered(&name("later")));
                Some(phases.into())
            }
            PipelineMatch::Unknown => None,
        }
    }

    fn checked(&self, phase: &PhaseName, revision: Option<Revision>) -> ConfigFacts {
        let resource = self.resources.get(phase).map(|revision| ResourcePin {
            kind: ResourceKind::new("paper").expect("a valid kind"),
            id: ResourceId::new("white").expect("a valid id"),
            revision: Revision(*revision),
        });
        ConfigFacts {
            revision,
            problems: self
                .broken
                .iter()
                .filter(|broken| *broken == phase)
                .map(problem)
                .collect(),
            resources: resource.into_iter().collect(),
        }
    }

    pub fn output(&self, campaign: &Campaign) -> OutputFacts {
        let running = campaign
            .current()
            .zip(campaign.activity.run())
            .map(|(slot, run)| (slot.phase.clone(), run.run));
        running
            .and_then(|running| self.output.get(&running))
            .copied()
            .unwrap_or_default()
    }

    /// All facts there are, but for the lease's.
    pub fn facts(&self, campaign: &Campaign, input: Option<&Input>) -> Facts {
        let stored = campaign.phases.iter().filter_map(|slot| {
            let pin = slot.config.as_ref()?;
            Some((slot.phase.clone(), self.checked(&slot.phase, Some(pin.revision))))
        });
        let proposed: Vec<&PhaseName> = match input {
            Some(Input::Command { command, .. }) => match command {
                Command::Configure { configs } => configs.keys().collect(),
                Command::Restart {
                    phase,
                    config: Some(_),
                } => vec![phase],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let outcome = match input {
            Some(Input::Signal(Signal::Report { outcome, ticket, .. })) => Some((&ticket.phase, outcome)),
            _ => None,
        };
        let wrong = |phase: &PhaseName, document: &Value| -> Problems {
            document
                .get("wrong")
                .map(|_| problem(phase))
                .into_iter()
                .collect()
        };
        Facts {
            pipeline: self.registered(campaign),
            stored: stored.collect(),
            proposed: proposed
                .into_iter()
                .map(|phase| (phase.clone(), self.checked(phase, None)))
                .collect(),
            form: match outcome {
                Some((phase, Outcome::Deferred(deferred))) => {
                    deferred.form.as_ref().map(|form| wrong(phase, form))
                }
                _ => None,
            },
            answer: match outcome {
                Some((phase, Outcome::Completed(summary))) => Some(wrong(phase, summary)),
                _ => None,
            },
            can_continue: Some(self.can_continue),
            output: Some(self.output(campaign)),
            released: None,
        }
    }
}
