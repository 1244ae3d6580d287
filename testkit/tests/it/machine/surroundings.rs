//! The facts about a campaign on paper.

use phasegate_core::{
    BatchNumber, Command, ConfigFacts, Facts, Input, Outcome, OutputFacts, PhaseName, Problem, Problems,
    RegisteredPhase, ResourceId, ResourceKind, ResourcePin, Revision, Signal,
};
use phasegate_testkit::simulation::{ConfigChoice, can_continue, rules};
use serde_json::{Value, json};

use super::{Output, Paper, phase};

pub fn config(choice: ConfigChoice) -> Value {
    match choice {
        ConfigChoice::Valid(value) => json!({ "value": value }),
        ConfigChoice::WithResource(value) => json!({ "value": value, "resource": true }),
        ConfigChoice::Invalid => json!({ "value": -1 }),
    }
}

pub fn choice(config: &Value) -> ConfigChoice {
    let value = config["value"]
        .as_u64()
        .and_then(|value| u8::try_from(value).ok());
    match value {
        None => ConfigChoice::Invalid,
        Some(value) if config.get("resource").is_some() => ConfigChoice::WithResource(value),
        Some(value) => ConfigChoice::Valid(value),
    }
}

fn problems(phase: &PhaseName, is_wrong: bool) -> Problems {
    let problem = || Problem::new(phase.clone(), "", "wrong", "it is wrong");
    is_wrong.then(problem).into_iter().collect()
}

impl Paper {
    fn checked(&self, phase: &PhaseName, choice: ConfigChoice, revision: Option<Revision>) -> ConfigFacts {
        let (enabled, resource) = self.resource;
        let with_resource = matches!(choice, ConfigChoice::WithResource(_));
        let pin = || ResourcePin {
            kind: ResourceKind::new("thing").expect("a valid kind"),
            id: ResourceId::new("shared").expect("a valid id"),
            revision: Revision(resource),
        };
        ConfigFacts {
            revision,
            problems: problems(
                phase,
                choice == ConfigChoice::Invalid || (with_resource && !enabled),
            ),
            resources: with_resource.then(pin).into_iter().collect(),
        }
    }

    pub fn output(&self) -> Output {
        let running = self.campaign.current().zip(self.campaign.activity.run());
        running
            .and_then(|(slot, run)| self.outputs.get(&(slot.phase.clone(), run.run)))
            .copied()
            .unwrap_or_default()
    }

    pub fn facts(&self, input: &Input, released: bool) -> Facts {
        let registered = (0..self.campaign.phases.len()).map(|index| RegisteredPhase {
            name: phase(index),
            options: rules(index).options(),
        });
        let stored = self.campaign.phases.iter().filter_map(|slot| {
            let checked = self.checked(
                &slot.phase,
                *self.stored.get(&slot.phase)?,
                Some(slot.config.as_ref()?.revision),
            );
            Some((slot.phase.clone(), checked))
        });
        let mut facts = Facts {
            pipeline: self.is_registered.then(|| registered.collect()),
            stored: stored.collect(),
            released: Some(released),
            ..Facts::default()
        };
        match input {
            Input::Command { command, .. } => {
                let proposed: Vec<_> = match command {
                    Command::Configure { configs } => configs.iter().collect(),
                    Command::Restart {
                        phase,
                        config: Some(config),
                    } => vec![(phase, config)],
                    _ => Vec::new(),
                };
                facts.proposed = proposed
                    .into_iter()
                    .map(|(phase, config)| (phase.clone(), self.checked(phase, choice(config), None)))
                    .collect();
            }
            Input::Signal(Signal::Report { ticket, outcome, .. }) => match outcome {
                Outcome::Completed(summary) => {
                    facts.answer = Some(problems(&ticket.phase, summary.get("unfit").is_some()));
                }
                Outcome::Deferred(deferred) => {
                    facts.form = deferred
                        .form
                        .as_ref()
                        .map(|form| problems(&ticket.phase, !form["type"].is_string()));
                }
                Outcome::Failed(_) => {}
            },
            Input::Signal(_) => {}
        }
        let current = self
            .campaign
            .current()
            .and_then(|slot| self.stored.get(&slot.phase));
        facts.can_continue = Some(current.is_some_and(|choice| can_continue(*choice)));
        let output = self.output();
        facts.output = Some(OutputFacts {
            batch: BatchNumber(output.batches),
            progress: BatchNumber(output.progress),
            records: output.records,
        });
        facts
    }
}
