//! The facts as the machine asks for them: it notes what it asked for and is missing.
//!
//! So the rules stand once. Which facts a decision needs is what it asks for; nothing else says it.

use std::cell::{RefCell, RefMut};

use crate::campaign::{Campaign, ConfigPin};
use crate::facts::{Facts, Needs, OutputFacts, PipelineMatch};
use crate::ids::{PhaseName, ResourcePin};
use crate::options::PhaseOptions;
use crate::preflight::{PhasePreflight, PreflightReport};
use crate::problem::{Problem, Problems};

/// Facts about one campaign, with a note of what is missing.
pub(crate) struct Known<'a> {
    facts: &'a Facts,
    pipeline: PipelineMatch,
    missing: RefCell<Needs>,
}

impl<'a> Known<'a> {
    pub(crate) fn new(campaign: &Campaign, facts: &'a Facts) -> Self {
        Self {
            facts,
            pipeline: facts.pipeline_match(campaign),
            missing: RefCell::default(),
        }
    }

    /// What was asked for and is missing.
    pub(crate) fn missing(self) -> Needs {
        self.missing.into_inner()
    }

    fn note(&self) -> RefMut<'_, Needs> {
        self.missing.borrow_mut()
    }

    pub(crate) fn pipeline(&self) -> PipelineMatch {
        self.pipeline
    }

    /// What the pipeline says of a phase, as long as it is the one that the campaign pins.
    pub(crate) fn options(&self, phase: &PhaseName) -> Option<&PhaseOptions> {
        match self.pipeline {
            PipelineMatch::Same => self.facts.options(phase),
            PipelineMatch::Changed | PipelineMatch::Unknown => None,
        }
    }

    /// The check of every remaining phase of `campaign` that is not to be skipped.
    pub(crate) fn preflight(&self, campaign: &Campaign) -> PreflightReport {
        let phases = campaign.phases.iter().skip(campaign.position());
        PreflightReport::new(
            phases
                .filter(|slot| slot.mark.is_none())
                .map(|slot| self.check(&slot.phase, slot.config.as_ref()))
                .collect(),
        )
    }

    /// The check of one phase, as if its proposed config were stored.
    pub(crate) fn check(&self, phase: &PhaseName, config: Option<&ConfigPin>) -> PhasePreflight {
        let (configured, problems) = match (self.facts.proposed.get(phase), config) {
            (Some(proposed), _) => (true, proposed.problems.clone()),
            (None, None) => (false, Problems::none()),
            (None, Some(pin)) => match self.facts.stored.get(phase) {
                Some(facts) if facts.revision == Some(pin.revision) => (true, facts.problems.clone()),
                _ => (true, self.unchecked(phase)),
            },
        };
        PhasePreflight {
            phase: phase.clone(),
            configured,
            problems,
        }
    }

    fn unchecked(&self, phase: &PhaseName) -> Problems {
        let message = match self.pipeline {
            PipelineMatch::Same => {
                self.note().stored.insert(phase.clone());
                "its stored config was not checked: try again"
            }
            PipelineMatch::Changed | PipelineMatch::Unknown => {
                "its stored config can't be checked: register its pipeline as it was"
            }
        };
        [Problem::new(phase.clone(), "", "unchecked", message)]
            .into_iter()
            .collect()
    }

    /// The check of a config that the command brings.
    pub(crate) fn proposed(&self, phase: &PhaseName) -> Problems {
        match self.facts.proposed.get(phase) {
            Some(checked) => checked.problems.clone(),
            None => {
                self.note().proposed.insert(phase.clone());
                [Problem::new(
                    phase.clone(),
                    "",
                    "unchecked",
                    "it was not checked: try again",
                )]
                .into_iter()
                .collect()
            }
        }
    }

    /// The resources that the phase's proposed config refers to, else those of its stored config.
    pub(crate) fn resources(&self, phase: &PhaseName) -> Vec<ResourcePin> {
        let facts = &self.facts;
        let checked = facts.proposed.get(phase).or_else(|| facts.stored.get(phase));
        checked
            .map(|checked| checked.resources.clone())
            .unwrap_or_default()
    }

    pub(crate) fn can_continue(&self) -> bool {
        self.facts.can_continue.unwrap_or_else(|| {
            self.note().can_continue = true;
            false
        })
    }

    pub(crate) fn output(&self) -> OutputFacts {
        self.facts.output.unwrap_or_else(|| {
            self.note().output = true;
            OutputFacts::default()
        })
    }

    pub(crate) fn released(&self) -> bool {
        self.facts.released.unwrap_or_else(|| {
            self.note().released = true;
            false
        })
    }

    /// What is wrong with the form of a deferral.
    pub(crate) fn form(&self, phase: &PhaseName) -> Problems {
        self.facts.form.clone().unwrap_or_else(|| {
            self.note().form = true;
            let message = "the form was not checked: try again";
            [Problem::new(phase.clone(), "", "unchecked", message)]
                .into_iter()
                .collect()
        })
    }

    /// What is wrong with a reported summary under the form of its phase.
    pub(crate) fn answer(&self, phase: &PhaseName) -> Problems {
        self.facts.answer.clone().unwrap_or_else(|| {
            self.note().answer = true;
            let message = "the answer was not checked: try again";
            [Problem::new(phase.clone(), "", "unchecked", message)]
                .into_iter()
                .collect()
        })
    }
}
