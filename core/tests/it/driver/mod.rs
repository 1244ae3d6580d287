//! Drives the machine by hand: decide, apply, look.

use std::collections::{BTreeMap, BTreeSet};

use phasegate_core::{
    Campaign, CampaignId, CampaignStatus, Command, ConfigFacts, CreateCampaign, Event, EventKind, Facts,
    Failure, Mode, Outcome, PhaseName, PipelineId, PipelineMatch, Problem, Problems, Rejection, Timestamp,
    create as create_campaign, decide, view,
};
use serde_json::{Value, json};

pub fn name(phase: &str) -> PhaseName {
    PhaseName::new(phase).expect("a valid phase name")
}

pub fn configs(phases: &[&str], config: Value) -> BTreeMap<PhaseName, Value> {
    phases.iter().map(|phase| (name(phase), config.clone())).collect()
}

fn pipeline() -> PipelineId {
    PipelineId::new("letters").expect("a valid id")
}

/// What a creation answers, with configs for some phases of which some are invalid.
#[allow(dead_code, reason = "not every test file creates")]
pub fn create(campaign_name: &str, configured: &[&str], invalid: &[&str]) -> String {
    let mut facts = Facts::new();
    for phase in configured {
        let problems = invalid
            .iter()
            .filter(|other| *other == phase)
            .map(|phase| problem(phase))
            .collect();
        facts.proposed.insert(
            name(phase),
            ConfigFacts {
                problems,
                ..ConfigFacts::default()
            },
        );
    }
    let command = CreateCampaign {
        id: CampaignId::from_u128(7),
        name: campaign_name.to_owned(),
        mode: Mode::StepByStep,
        configs: configs(configured, json!({})),
    };
    said(&create_campaign(
        &command,
        &pipeline(),
        &["a", "b", "c"].map(name),
        &facts,
        Timestamp::default(),
    ))
}

fn problem(phase: &str) -> Problem {
    Problem::new(name(phase), "/field", "minimum", "it is too small")
}

fn said(decided: &Result<Vec<Event>, Rejection>) -> String {
    match decided {
        Err(rejection) => {
            assert!(!rejection.to_string().is_empty());
            rejection.code().to_owned()
        }
        Ok(events) if events.is_empty() => "no event".to_owned(),
        Ok(events) => events
            .iter()
            .map(|event| word(&event.kind))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn word(kind: &EventKind) -> String {
    let mut text = kind.name().to_owned();
    if let Some(phase) = kind.phase() {
        text.push_str(&format!(" {phase}"));
    }
    if let Some(launch) = kind.launch() {
        text.push_str(&format!(" {}.{}", launch.run, launch.attempt));
    }
    if let EventKind::PhaseStopped {
        reason: phasegate_core::StopReason::PipelineChanged,
        ..
    } = kind
    {
        text.push_str(" (pipeline_changed)");
    }
    text
}

/// A campaign with the facts around it. Each step decides, applies, and expects to be accepted.
#[derive(Clone)]
pub struct Driver {
    pub campaign: Campaign,
    broken: BTreeSet<PhaseName>,
    pipeline: PipelineMatch,
    can_continue: bool,
}

impl Driver {
    pub fn new(mode: Mode, phases: &[&str]) -> Self {
        let kind = EventKind::CampaignCreated {
            name: "letters".to_owned(),
            pipeline: pipeline(),
            phases: phases.iter().map(|phase| name(phase)).collect(),
            mode,
        };
        let event = Event {
            timestamp: Timestamp::from_unix_ms(1),
            kind,
        };
        let campaign = Campaign::created(CampaignId::from_u128(7), &event).expect("a creation");
        Self {
            campaign,
            broken: BTreeSet::new(),
            pipeline: PipelineMatch::Same,
            can_continue: false,
        }
    }

    pub fn facts(&self, command: Option<&Command>) -> Facts {
        let mut facts = Facts {
            pipeline: self.pipeline,
            can_continue: self.can_continue,
            ..Facts::new()
        };
        let problems = |phase: &PhaseName| -> Problems {
            self.broken
                .iter()
                .filter(|broken| *broken == phase)
                .map(|phase| problem(phase.as_str()))
                .collect()
        };
        for slot in &self.campaign.phases {
            if let Some(pin) = &slot.config {
                let checked = ConfigFacts {
                    revision: Some(pin.revision),
                    problems: problems(&slot.phase),
                    resources: Vec::new(),
                };
                facts.stored.insert(slot.phase.clone(), checked);
            }
        }
        let proposed: Vec<&PhaseName> = match command {
            Some(Command::Configure { configs }) => configs.keys().collect(),
            Some(Command::Restart {
                phase,
                config: Some(_),
            }) => vec![phase],
            _ => Vec::new(),
        };
        for phase in proposed {
            facts.proposed.insert(
                phase.clone(),
                ConfigFacts {
                    problems: problems(phase),
                    ..ConfigFacts::default()
                },
            );
        }
        facts
    }

    pub fn decide(&self, command: &Command) -> Result<Vec<Event>, Rejection> {
        decide(
            &self.campaign,
            &self.facts(Some(command)),
            command,
            Timestamp::from_unix_ms(2),
        )
    }

    /// What a command would answer. The events it gives must fold, except a deletion, which ends the log.
    pub fn answer(&self, command: &Command) -> String {
        let decided = self.decide(command);
        if let Ok(events) = &decided
            && !matches!(command, Command::Delete)
        {
            let mut after = self.campaign.clone();
            for event in events {
                after.apply(event).expect("what was decided can be applied");
            }
            let _ = view(&after, &self.facts(None));
        }
        said(&decided)
    }

    pub fn status(&self) -> CampaignStatus {
        CampaignStatus::of(&self.campaign, &self.facts(None))
    }

    #[must_use]
    pub fn command(mut self, command: Command) -> Self {
        let events = self.decide(&command).expect("the step is accepted");
        for event in &events {
            self.campaign
                .apply(event)
                .expect("what was decided can be applied");
        }
        self
    }

    #[must_use]
    pub fn configured(self, phases: &[&str]) -> Self {
        let configs = phases
            .iter()
            .map(|phase| (name(phase), json!({"phase": phase})))
            .collect();
        self.command(Command::Configure { configs })
    }

    #[must_use]
    pub fn reconfigured(self, phase: &str) -> Self {
        self.command(Command::Configure {
            configs: configs(&[phase], json!({"changed": true})),
        })
    }

    #[must_use]
    pub fn unconfigured(self, phase: &str) -> Self {
        self.command(Command::Unconfigure { phase: name(phase) })
    }

    #[must_use]
    pub fn start(self, phase: &str) -> Self {
        self.command(Command::Start { phase: name(phase) })
    }

    #[must_use]
    pub fn complete(self) -> Self {
        let ticket = self.campaign.ticket().expect("a phase runs");
        self.command(Command::Report {
            ticket,
            outcome: Outcome::Completed(json!({"done": true})),
        })
    }

    #[must_use]
    pub fn fail(self) -> Self {
        let ticket = self.campaign.ticket().expect("a phase runs");
        self.command(Command::Report {
            ticket,
            outcome: Outcome::Failed(Failure::new("broken", "it broke")),
        })
    }

    #[must_use]
    pub fn quiet(self) -> Self {
        let ticket = self.campaign.ticket().expect("a phase runs");
        self.command(Command::Quiet { ticket })
    }

    #[must_use]
    pub fn broken(mut self, phase: &str) -> Self {
        self.broken.insert(name(phase));
        self
    }

    #[must_use]
    pub fn pipeline_changed(mut self) -> Self {
        self.pipeline = PipelineMatch::Changed;
        self
    }

    #[must_use]
    pub fn pipeline_unknown(mut self) -> Self {
        self.pipeline = PipelineMatch::Unknown;
        self
    }

    #[must_use]
    pub fn agrees(mut self) -> Self {
        self.can_continue = true;
        self
    }
}
