//! Bytes as a sequence of commands, each with facts of its own.

use std::collections::BTreeMap;

use phasegate::core::storage::{Cursor, LoggedEvent};
use phasegate::core::{
    Attributes, BatchNumber, Campaign, CampaignId, Command, ConfigFacts, Deferred, Envelope, Event,
    EventKind, Facts, Failure, Input, Mode, OnSkip, Outcome, OutputFacts, PhaseName, PhaseOptions,
    PipelineId, PipelineMatch, Problem, Problems, RegisteredPhase, RetryPolicy, Signal, Ticket, Timestamp,
    Told, Version, decide, view,
};
use phasegate_testkit::simulation::check_log;
use serde_json::json;

const PHASES: usize = 3;

/// Reads choices off the front of some bytes; 0 when they are used up.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn one_in(&mut self, many: u8) -> bool {
        self.next().is_multiple_of(many)
    }

    fn phase(&mut self) -> PhaseName {
        name(usize::from(self.next()) % PHASES)
    }

    fn mode(&mut self) -> Mode {
        if self.one_in(2) {
            Mode::StepByStep
        } else {
            Mode::FullSequence
        }
    }
}

fn name(index: usize) -> PhaseName {
    PhaseName::new(format!("phase_{index}")).expect("a valid phase name")
}

fn input(choices: &mut Choices<'_>, campaign: &Campaign) -> Input {
    let forged = Ticket {
        campaign: campaign.id,
        phase: choices.phase(),
        run: Default::default(),
        attempt: Default::default(),
    };
    let ticket = campaign.ticket().filter(|_| !choices.one_in(8)).unwrap_or(forged);
    let report = |outcome| Signal::Report {
        ticket: ticket.clone(),
        outcome,
        last_batch: None,
        envelope: Envelope::none(),
    };
    let command = match choices.next() % 20 {
        0 => Command::Configure {
            configs: BTreeMap::from([(choices.phase(), json!({ "value": choices.next() }))]),
        },
        1 => Command::Unconfigure {
            phase: choices.phase(),
        },
        2 => Command::SetMode { mode: choices.mode() },
        3 => Command::Start {
            phase: choices.phase(),
        },
        4 => {
            let config = choices.one_in(2).then(|| json!({ "value": choices.next() }));
            Command::Restart {
                phase: choices.phase(),
                config,
            }
        }
        5 | 6 => return report(Outcome::Completed(json!(choices.next()))).into(),
        7 => return report(Outcome::Failed(Failure::new("code", "message"))).into(),
        8 => return Signal::Settled { ticket }.into(),
        9 => Command::Pause {},
        10 => Command::Resume {},
        11 => Command::Stop {},
        12 => return Signal::Recover { ticket }.into(),
        13 => {
            let deferred = Deferred {
                note: None,
                form: choices.one_in(2).then(|| json!({ "type": "string" })),
                deadline_ms: choices.one_in(2).then(|| u64::from(choices.next())),
            };
            return report(Outcome::Deferred(deferred)).into();
        }
        14 | 15 => return Signal::Wake.into(),
        16 => Command::Skip {
            phase: choices.phase(),
        },
        17 => Command::Unskip {
            phase: choices.phase(),
        },
        18 => Command::SetRetry {
            phase: choices.phase(),
            policy: choices
                .one_in(2)
                .then(|| RetryPolicy::new(u32::from(choices.next()))),
        },
        _ => Command::Prune {
            keep_runs: u32::from(choices.next() % 3),
            phase: None,
        },
    };
    command.into()
}

fn facts(choices: &mut Choices<'_>, campaign: &Campaign, input: &Input) -> Facts {
    let on_skip = [OnSkip::Forbidden, OnSkip::Empty, OnSkip::PassThrough];
    let mut registered = |index: usize| RegisteredPhase {
        name: name(index),
        options: PhaseOptions {
            retry: choices.one_in(2).then(|| RetryPolicy::new(3)),
            max_recoveries: Some(2),
            on_skip: on_skip[usize::from(choices.next()) % on_skip.len()],
        },
    };
    let mut phases: Vec<RegisteredPhase> = (0..PHASES).map(&mut registered).collect();
    let pipeline = match choices.next() {
        0 => None,
        1 => {
            phases.pop();
            Some(phases.into())
        }
        _ => Some(phases.into()),
    };
    let wrong = |is_wrong: bool| match is_wrong {
        true => [Problem::new(name(0), "", "type", "it is wrong")]
            .into_iter()
            .collect(),
        false => Problems::none(),
    };
    let mut facts = Facts {
        pipeline,
        can_continue: Some(choices.one_in(4)),
        output: Some(OutputFacts {
            batch: BatchNumber(u64::from(choices.next())),
            progress: BatchNumber(u64::from(choices.next())),
            records: 1,
        }),
        released: Some(choices.one_in(2)),
        form: Some(wrong(choices.one_in(4))),
        answer: Some(wrong(choices.one_in(4))),
        ..Facts::default()
    };
    let mut checked = |phase: &PhaseName, revision| {
        let broken = choices
            .one_in(8)
            .then(|| Problem::new(phase.clone(), "/value", "minimum", "too small"));
        ConfigFacts {
            revision,
            problems: broken.into_iter().collect(),
            resources: Vec::new(),
        }
    };
    for slot in &campaign.phases {
        if let Some(pin) = &slot.config {
            facts
                .stored
                .insert(slot.phase.clone(), checked(&slot.phase, Some(pin.revision)));
        }
    }
    let proposed: Vec<&PhaseName> = match input {
        Input::Command {
            command: Command::Configure { configs },
            ..
        } => configs.keys().collect(),
        Input::Command {
            command: Command::Restart {
                phase,
                config: Some(_),
            },
            ..
        } => vec![phase],
        _ => Vec::new(),
    };
    for phase in proposed {
        facts.proposed.insert(phase.clone(), checked(phase, None));
    }
    facts
}

/// What a decision launches is configured and clean, and so is all that follows where somebody starts a chain.
fn check_gates(before: &Campaign, facts: &Facts, events: &[Event]) {
    let is_clean = |phase: &PhaseName| {
        let checked = facts.proposed.get(phase).or_else(|| facts.stored.get(phase));
        checked.is_some_and(|checked| checked.problems.is_empty())
    };
    for event in events {
        let Some(launch) = event.kind.launch() else {
            continue;
        };
        assert_eq!(facts.pipeline_match(before), PipelineMatch::Same, "{event:?}");
        assert!(is_clean(&launch.phase), "{event:?}");
        let asked = matches!(
            event.kind,
            EventKind::PhaseStarted(_) | EventKind::PhaseRestarted(_)
        );
        if asked && before.mode == Mode::FullSequence {
            let mut after = before.clone();
            events
                .iter()
                .for_each(|event| after.apply(event).expect("what was decided can be applied"));
            let mut chain = after
                .phases
                .iter()
                .filter(|slot| slot.mark.is_none())
                .map(|slot| &slot.phase);
            let mut later = chain.by_ref().skip_while(|phase| **phase != launch.phase);
            assert!(later.all(is_clean), "{event:?}");
        }
    }
}

/// Runs the bytes as commands: whatever is decided can be applied, and the log keeps its invariants.
///
/// # Panics
///
/// When they don't hold: that is the finding.
pub fn commands(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let kind = EventKind::CampaignCreated {
        name: "fuzzed".to_owned(),
        pipeline: PipelineId::new("fuzzed").expect("a valid id"),
        phases: (0..PHASES).map(name).collect(),
        mode: choices.mode(),
        attributes: Attributes::new(),
    };
    let created = Event {
        timestamp: Timestamp::default(),
        envelope: Envelope::none(),
        kind,
    };
    let id = CampaignId::from_u128(1);
    let mut campaign = Campaign::created(id, &created).expect("a log begins with a creation");
    let mut log = vec![created];
    let mut now = Timestamp::default();
    while !choices.0.is_empty() && log.len() < 500 {
        let input = input(&mut choices, &campaign);
        let facts = facts(&mut choices, &campaign, &input);
        now = now.plus_ms(u64::from(choices.next()) * 10);
        match decide(&campaign, &facts, &input, now) {
            Ok(events) => {
                check_gates(&campaign, &facts, &events);
                for event in events {
                    campaign.apply(&event).expect("what was decided can be applied");
                    log.push(event);
                }
            }
            Err(rejection) => assert!(!rejection.to_string().is_empty() && !rejection.code().is_empty()),
        }
        let shown = view(&campaign, &facts, &Told::default());
        assert_eq!(shown.phases.len(), PHASES);
    }
    let logged: Vec<LoggedEvent> = log
        .into_iter()
        .enumerate()
        .map(|(index, event)| LoggedEvent {
            cursor: Cursor::from_text(""),
            seq: Some(Version(index as u64 + 1)),
            campaign_id: Some(id),
            event,
        })
        .collect();
    check_log(&logged, &campaign).expect("the log keeps its invariants");
}
