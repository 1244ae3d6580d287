//! The facts that a decision needs beside the campaign itself.

use std::collections::BTreeMap;

use crate::campaign::{Campaign, ConfigPin};
use crate::ids::{PhaseName, ResourcePin, Revision};
use crate::preflight::{PhasePreflight, PreflightReport};
use crate::problem::{Problem, Problems};

/// How the registered pipeline compares with the pipeline that the campaign pins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PipelineMatch {
    /// It has the same phases in the same order.
    Same,
    /// It has another phase list.
    Changed,
    /// The host registered no pipeline of that id.
    Unknown,
}

/// The result of checking one config by its schema, its resources and the runner's own check.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConfigFacts {
    /// The checked revision; `None` for a proposed config.
    pub revision: Option<Revision>,
    /// What is wrong with it.
    pub problems: Problems,
    /// The resources it refers to, with the revisions that the check saw.
    pub resources: Vec<ResourcePin>,
}

/// The facts of one moment. The commit of a decision fails unless they still hold.
///
/// An absent fact never opens a gate: a stored config that was not checked is a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Whether the pipeline is still the campaign's.
    pub pipeline: PipelineMatch,
    /// The check of each stored config that the command may need.
    pub stored: BTreeMap<PhaseName, ConfigFacts>,
    /// The check of each config that the command brings.
    pub proposed: BTreeMap<PhaseName, ConfigFacts>,
    /// Whether the runner can continue the run at the position from its checkpoint although its config or resources
    /// changed. The runner is asked only after such a change.
    pub can_continue: bool,
}

impl Facts {
    /// The facts about an unchanged pipeline before any config is checked.
    pub fn new() -> Self {
        Self {
            pipeline: PipelineMatch::Same,
            stored: BTreeMap::new(),
            proposed: BTreeMap::new(),
            can_continue: false,
        }
    }

    /// The check of every remaining phase of `campaign`.
    pub fn preflight(&self, campaign: &Campaign) -> PreflightReport {
        self.preflight_from(campaign, campaign.position())
    }

    /// The check of the phases from the index `from` on, as if the proposed configs were stored.
    pub(crate) fn preflight_from(&self, campaign: &Campaign, from: usize) -> PreflightReport {
        let phases = campaign.phases.iter().skip(from);
        PreflightReport::new(
            phases
                .map(|slot| self.check(&slot.phase, slot.config.as_ref()))
                .collect(),
        )
    }

    /// The check of one phase, as if its proposed config were stored.
    pub(crate) fn check(&self, phase: &PhaseName, config: Option<&ConfigPin>) -> PhasePreflight {
        let (configured, problems) = match (self.proposed.get(phase), config) {
            (Some(proposed), _) => (true, proposed.problems.clone()),
            (None, None) => (false, Problems::none()),
            (None, Some(pin)) => match self.stored.get(phase) {
                Some(facts) if facts.revision == Some(pin.revision) => (true, facts.problems.clone()),
                _ => {
                    let message = match self.pipeline {
                        PipelineMatch::Same => "its stored config was not checked: try again",
                        PipelineMatch::Changed | PipelineMatch::Unknown => {
                            "its stored config can't be checked: register its pipeline as it was"
                        }
                    };
                    (
                        true,
                        [Problem::new(phase.clone(), "", "unchecked", message)]
                            .into_iter()
                            .collect(),
                    )
                }
            },
        };
        PhasePreflight {
            phase: phase.clone(),
            configured,
            problems,
        }
    }

    /// The resources that the phase's proposed config refers to, else those of its stored config.
    pub(crate) fn resources(&self, phase: &PhaseName) -> Vec<ResourcePin> {
        let facts = self.proposed.get(phase).or_else(|| self.stored.get(phase));
        facts.map(|facts| facts.resources.clone()).unwrap_or_default()
    }
}

impl Default for Facts {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Digest;
    use serde_json::json;

    #[test]
    fn a_config_that_was_not_checked_says_to_try_again_only_where_that_can_help() {
        let phase = PhaseName::new("collect").expect("a valid name");
        let pin = ConfigPin {
            revision: Revision(2),
            digest: Digest::of(&json!({})),
        };
        for (pipeline, helps) in [
            (PipelineMatch::Same, true),
            (PipelineMatch::Changed, false),
            (PipelineMatch::Unknown, false),
        ] {
            let facts = Facts {
                pipeline,
                ..Facts::new()
            };
            let check = facts.check(&phase, Some(&pin));
            assert!(!check.is_clean(), "an absent fact opens no gate");
            let message = &check.problems.items()[0].message;
            assert_eq!(message.contains("try again"), helps, "{message}");
        }
    }
}
