//! The machine alone, without an engine and a store, compared with the reference model: fast, and about the rules alone.

mod compare;
mod perform;
mod surroundings;

use std::collections::{BTreeMap, BTreeSet};

use phasegate_core::{
    Attributes, Campaign, CampaignId, Envelope, Event, EventKind, EventType, Input, Mode, Outcome, PhaseName,
    PipelineId, Rejection, Run, Ticket, Timestamp, decide,
};
use phasegate_testkit::simulation::{Answer, ConfigChoice, Model, Step, history};
use proptest::prop_oneof;
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// What a run has put out.
#[derive(Clone, Copy, Debug, Default)]
struct Output {
    batches: u64,
    progress: u64,
    records: u64,
    has_checkpoint: bool,
}

/// A campaign with its surroundings, and the model of it.
struct Paper {
    model: Model,
    campaign: Campaign,
    log: Vec<Event>,
    now: Timestamp,
    stored: BTreeMap<PhaseName, ConfigChoice>,
    outputs: BTreeMap<(PhaseName, Run), Output>,
    resource: (bool, u64),
    is_registered: bool,
    last_report: Option<(Ticket, usize, Outcome)>,
    /// The codes of the refusals so far.
    refused: BTreeSet<&'static str>,
}

fn phase(index: usize) -> PhaseName {
    PhaseName::new(format!("phase_{index}")).expect("a valid phase name")
}

impl Paper {
    fn new(phases: usize) -> Self {
        let created = Event {
            timestamp: Timestamp::default(),
            envelope: Envelope::none(),
            kind: EventKind::CampaignCreated {
                name: "name 0".to_owned(),
                pipeline: PipelineId::new("simulated").expect("a valid id"),
                phases: (0..phases).map(phase).collect(),
                mode: Mode::StepByStep,
                attributes: Attributes::new(),
            },
        };
        Self {
            model: Model::new(phases),
            campaign: Campaign::created(CampaignId::from_u128(1), &created).expect("a creation"),
            log: vec![created],
            now: Timestamp::default(),
            stored: BTreeMap::new(),
            outputs: BTreeMap::new(),
            resource: (true, 1),
            is_registered: true,
            last_report: None,
            refused: BTreeSet::new(),
        }
    }

    /// Asks the machine, and applies what it decides.
    fn ask(&mut self, input: &Input, released: bool) -> Result<usize, &'static str> {
        let facts = self.facts(input, released);
        let events = decide(&self.campaign, &facts, input, self.now).map_err(|refused| {
            self.refused.insert(refused.code());
            refused.code()
        })?;
        for event in &events {
            self.campaign
                .apply(event)
                .expect("what was decided can be applied");
        }
        self.log.extend_from_slice(&events);
        Ok(events.len())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let before = self.model.clone();
        let expected = self.expect(step);
        let actual = self.perform(step, &before);
        let agree = match (expected, actual) {
            (Answer::Accepted, answer) => answer.is_ok(),
            (Answer::Refused(code), answer) => answer == Err(code),
        };
        if !agree {
            return Err(format!("expected {expected:?}, but it was {actual:?}"));
        }
        self.compare()
    }
}

/// Histories of two, three or five phases.
fn histories() -> impl Strategy<Value = (usize, Vec<Step>)> {
    let of = |phases| history(phases, 40).prop_map(move |steps| (phases, steps));
    prop_oneof![1 => of(2), 2 => of(3), 1 => of(5)]
}

#[test]
fn the_machine_agrees_with_the_reference_model_whatever_happens() {
    let config = Config {
        cases: 4_000,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&histories(), |(phases, steps)| {
        let mut paper = Paper::new(phases);
        for (number, step) in steps.iter().enumerate() {
            paper.step(step).map_err(|broken| {
                TestCaseError::fail(format!("step {number}, {step:?}: {broken}\n{:#?}", paper.model))
            })?;
        }
        Ok(())
    });
    if let Err(broken) = outcome {
        panic!("{broken}");
    }
}

#[test]
fn the_histories_come_by_every_event_every_failure_and_every_refusal() {
    let mut events = BTreeSet::new();
    let mut failures = BTreeSet::new();
    let mut refused = BTreeSet::new();
    let mut runner = TestRunner::deterministic();
    for _ in 0..1_000 {
        let (phases, steps) = histories().new_tree(&mut runner).expect("a history").current();
        let mut paper = Paper::new(phases);
        for step in &steps {
            paper.step(step).expect("machine and model agree");
        }
        for event in &paper.log {
            events.insert(event.kind.name());
            if let EventKind::PhaseFailed { failure, .. } = &event.kind {
                failures.insert(failure.code.clone());
            }
        }
        refused.append(&mut paper.refused);
    }
    let missing: Vec<_> = EventType::ALL
        .iter()
        .filter(|event| !events.contains(event.as_str()))
        .collect();
    use EventType::{CampaignDeleted, ResourceRemoved, ResourceStored};
    assert_eq!(
        missing,
        [&CampaignDeleted, &ResourceStored, &ResourceRemoved],
        "the model has neither deletion nor the events of the store"
    );
    let codes = [
        "config_invalid",
        "crash_loop",
        "deadline_passed",
        "form_invalid",
        "input_changed",
        "interrupted",
        "rejected",
        "told_to",
    ];
    assert_eq!(failures, codes.map(str::to_owned).into());
    let missing: Vec<_> = Rejection::codes()
        .iter()
        .map(|known| known.code)
        .filter(|code| !refused.contains(code))
        .collect();
    assert_eq!(
        missing,
        ["pipeline_changed", "too_deep", "too_large", "unknown_phase"],
        "what no step asks for"
    );
}
