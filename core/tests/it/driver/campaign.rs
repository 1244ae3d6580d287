//! A campaign with what is around it.

use phasegate_core::{
    Attributes, Campaign, CampaignId, CampaignStatus, Envelope, Event, EventKind, Facts, Input, Mode,
    PipelineId, Rejection, Timestamp, Told, decide, view,
};

use super::names::name;
use super::surroundings::Surroundings;
use super::words::said;

/// An input, and what it finds.
#[derive(Clone, Debug)]
pub struct Question {
    pub input: Input,
    pub now: Timestamp,
    /// Whether the lease was released in order.
    pub released: bool,
}

/// A campaign with what is around it. Each step decides, applies, and expects to be accepted.
#[derive(Clone)]
pub struct Driver {
    pub campaign: Campaign,
    pub log: Vec<Event>,
    pub now: Timestamp,
    pub around: Surroundings,
}

impl Driver {
    pub fn new(mode: Mode, phases: &[&str]) -> Self {
        let now = Timestamp::from_unix_ms(1_000_000);
        let created = Event {
            timestamp: now,
            envelope: Envelope::none(),
            kind: EventKind::CampaignCreated {
                name: "letters".to_owned(),
                pipeline: PipelineId::new("letters").expect("a valid id"),
                phases: phases.iter().map(|phase| name(phase)).collect(),
                mode,
                attributes: Attributes::from([("team".to_owned(), "north".to_owned())]),
            },
        };
        Self {
            campaign: Campaign::created(CampaignId::from_u128(7), &created).expect("a creation"),
            log: vec![created],
            now,
            around: Surroundings::default(),
        }
    }

    pub fn question(&self, input: impl Into<Input>) -> Question {
        Question {
            input: input.into(),
            now: self.now,
            released: false,
        }
    }

    pub fn facts(&self, question: &Question) -> Facts {
        Facts {
            released: Some(question.released),
            ..self.around.facts(&self.campaign, Some(&question.input))
        }
    }

    pub fn decide(&self, question: &Question) -> Result<Vec<Event>, Rejection> {
        decide(
            &self.campaign,
            &self.facts(question),
            &question.input,
            question.now,
        )
    }

    /// What a question would be answered. The events must fold, except a deletion, which ends the log.
    pub fn answer(&self, question: &Question) -> String {
        let decided = self.decide(question);
        if let Ok(events) = &decided {
            let mut after = self.clone();
            for event in events {
                if !matches!(event.kind, EventKind::CampaignDeleted {}) {
                    after
                        .campaign
                        .apply(event)
                        .expect("what was decided can be applied");
                }
            }
            after.look();
        }
        said(&self.campaign, &decided, question.now)
    }

    /// Derives the view, with all facts and with none.
    pub fn look(&self) {
        view(
            &self.campaign,
            &self.around.facts(&self.campaign, None),
            &Told::default(),
        );
        view(&self.campaign, &Facts::default(), &Told::default());
    }

    pub fn status(&self) -> CampaignStatus {
        CampaignStatus::of(&self.campaign, &self.around.facts(&self.campaign, None))
    }

    /// Asks, and applies what is decided.
    pub fn take(&mut self, question: &Question) -> Result<Vec<Event>, Rejection> {
        let events = self.decide(question)?;
        for event in &events {
            self.campaign
                .apply(event)
                .expect("what was decided can be applied");
            self.log.push(event.clone());
        }
        self.now = self.now.max(question.now);
        Ok(events)
    }

    #[must_use]
    pub fn then(mut self, input: impl Into<Input>) -> Self {
        let question = self.question(input);
        self.take(&question).expect("the step is accepted");
        self
    }

    /// Asks in passing: what would be answered now.
    pub fn would(&self, input: impl Into<Input>) -> String {
        self.answer(&self.question(input))
    }
}
