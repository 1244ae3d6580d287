//! Campaigns as the machine makes them, commit by commit.

use serde_json::json;

use crate::campaign::{Activity, Campaign, Mode};
use crate::command::{Command, CreateCampaign};
use crate::envelope::Envelope;
use crate::event::Event;
use crate::facts::{ConfigFacts, Facts, OutputFacts, RegisteredPhase};
use crate::failure::Failure;
use crate::ids::{
    BatchNumber, CampaignId, CommitId, PhaseName, PipelineId, ResourceId, ResourceKind, ResourcePin,
    Revision, Ticket, Version,
};
use crate::machine::{create, decide};
use crate::options::{OnSkip, PhaseOptions};
use crate::problem::Problems;
use crate::retry::RetryPolicy;
use crate::signal::{Deferred, Input, Outcome, Signal};
use crate::stored::StoredCommit;
use crate::time::Timestamp;

const PHASES: [&str; 4] = [
    "domain_generation",
    "dns_validation",
    "http_keyword_scan",
    "analysis",
];

/// A campaign of four phases, and what its commits added to the log.
pub(super) struct Driven {
    pub(super) campaign: Campaign,
    pub(super) commits: Vec<StoredCommit>,
    now: i64,
}

impl Driven {
    /// A campaign with every config, in full sequence.
    pub(super) fn new() -> Self {
        let id = CampaignId::from_u128(0x0198_a3c1_5b52_7c4e_9f5a_1d2e_3f40_5162);
        let mut command = CreateCampaign::new(id, "spring");
        command.mode = Mode::FullSequence;
        command.configs = phases().map(|phase| (phase, json!({"most": 5}))).collect();
        let facts = facts(None);
        let now = 1_763_942_400_000;
        let pipeline = PipelineId::new("lead_generation").expect("a valid id");
        let events = create(
            &command,
            &pipeline,
            &facts,
            &Envelope::none(),
            Timestamp::from_unix_ms(now),
        );
        let events = events.expect("it is created");
        let campaign = Campaign::fold(id, &events)
            .expect("the events fit")
            .expect("a campaign");
        let mut driven = Self {
            campaign,
            commits: Vec::new(),
            now,
        };
        driven.log(Version(1), events);
        driven
    }

    /// Sends an input some milliseconds later. A refusal changes nothing.
    pub(super) fn send(&mut self, input: impl Into<Input>) {
        self.now += 1_234;
        let now = Timestamp::from_unix_ms(self.now);
        let Ok(events) = decide(&self.campaign, &facts(Some(&self.campaign)), &input.into(), now) else {
            return;
        };
        let first = self.campaign.version.next();
        for event in &events {
            self.campaign.apply(event).expect("a decided event fits");
        }
        if !events.is_empty() {
            self.log(first, events);
        }
    }

    /// Sends one of the inputs that there are, by its number.
    pub(super) fn send_number(&mut self, number: u8, phase: usize) {
        let phase = phases().nth(phase % PHASES.len()).expect("one of four");
        match number % 20 {
            0..3 => self.report(Outcome::Completed(json!({"found": number}))),
            3..5 => self.report(Outcome::Failed(Failure::new("late", "it was late"))),
            5 => self.report(Outcome::Deferred(Deferred {
                note: Some("look".to_owned()),
                form: Some(json!({})),
                deadline_ms: Some(5_000),
            })),
            6 => self.send(Command::Pause {}),
            7 => self.send(Command::Resume {}),
            8 => self.send(Command::Stop {}),
            9 => self.send(Command::Start { phase }),
            10 => self.send(Command::Skip { phase }),
            11 => self.send(Command::Unskip { phase }),
            12 => self.send(Command::Restart { phase, config: None }),
            13 => self.send(Command::Prune {
                keep_runs: 1,
                phase: Some(phase),
            }),
            14 => self.send(Command::SetRetry {
                phase,
                policy: Some(RetryPolicy::new(5)),
            }),
            15 => self.send_of_ticket(|ticket| Signal::Settled { ticket }),
            16 => self.send_of_ticket(|ticket| Signal::Recover { ticket }),
            17 => {
                self.now += 400_000;
                self.send(Signal::Wake);
            }
            18 => self.send(Command::SetMode {
                mode: if phase.as_str() == PHASES[0] {
                    Mode::StepByStep
                } else {
                    Mode::FullSequence
                },
            }),
            _ => self.send(Command::Configure {
                configs: [(phase, json!({"most": self.now}))].into(),
            }),
        }
    }

    /// Starts the first phase, and completes each.
    pub(super) fn chain() -> Vec<(Campaign, StoredCommit)> {
        let mut driven = Self::new();
        let mut points = Vec::new();
        for point in 0..=PHASES.len() {
            points.push((driven.campaign.clone(), driven.commits[point].clone()));
            match &driven.campaign.activity {
                Activity::Idle { .. } => driven.send(Command::Start {
                    phase: phases().next().expect("the first"),
                }),
                _ => driven.report(Outcome::Completed(json!({"accepted": 5_000, "rejected": 12}))),
            }
        }
        points.push((driven.campaign.clone(), driven.commits[PHASES.len() + 1].clone()));
        assert!(driven.campaign.is_completed());
        points
    }

    fn report(&mut self, outcome: Outcome) {
        self.send_of_ticket(|ticket| Signal::Report {
            ticket,
            outcome,
            last_batch: None,
            envelope: Envelope::none(),
        });
    }

    fn send_of_ticket(&mut self, signal: impl FnOnce(Ticket) -> Signal) {
        if let Some(ticket) = self.campaign.ticket() {
            self.send(signal(ticket));
        }
    }

    fn log(&mut self, first: Version, events: Vec<Event>) {
        self.commits.push(StoredCommit {
            campaign: Some(self.campaign.id),
            first_seq: Some(first),
            id: CommitId::from_u128(u128::MAX - self.commits.len() as u128),
            events,
        });
    }
}

fn phases() -> impl Iterator<Item = PhaseName> {
    PHASES
        .iter()
        .map(|name| PhaseName::new(name).expect("a valid name"))
}

fn facts(campaign: Option<&Campaign>) -> Facts {
    let options = PhaseOptions {
        retry: Some(RetryPolicy::new(3)),
        max_recoveries: None,
        on_skip: OnSkip::PassThrough,
    };
    let checked = |revision| ConfigFacts {
        revision,
        problems: Problems::none(),
        resources: vec![ResourcePin {
            kind: ResourceKind::new("dns_persona").expect("a valid kind"),
            id: ResourceId::new("quick").expect("a valid id"),
            revision: Revision(3),
        }],
    };
    let slots = campaign.into_iter().flat_map(|campaign| &campaign.phases);
    let stored = slots.filter_map(|slot| {
        let pin = slot.config.as_ref()?;
        Some((slot.phase.clone(), checked(Some(pin.revision))))
    });
    Facts {
        stored: stored.collect(),
        proposed: phases().map(|phase| (phase, checked(None))).collect(),
        form: Some(Problems::none()),
        answer: Some(Problems::none()),
        can_continue: Some(true),
        output: Some(OutputFacts {
            batch: BatchNumber(3),
            progress: BatchNumber(2),
            records: 5_000,
        }),
        released: Some(false),
        ..Facts::of_pipeline(
            phases()
                .map(|name| RegisteredPhase {
                    name,
                    options: options.clone(),
                })
                .collect(),
        )
    }
}
