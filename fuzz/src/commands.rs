//! Bytes as a sequence of commands, each with facts of its own.

use std::collections::BTreeMap;

use phasegate::core::storage::{Cursor, LoggedEvent};
use phasegate::core::{
    Campaign, CampaignId, Command, ConfigFacts, Event, EventKind, Facts, Failure, Mode, Outcome, PhaseName,
    PipelineId, PipelineMatch, Problem, Ticket, Timestamp, Version, decide, view,
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

fn command(choices: &mut Choices<'_>, campaign: &Campaign) -> Command {
    let forged = Ticket {
        campaign: campaign.id,
        phase: choices.phase(),
        run: Default::default(),
        attempt: Default::default(),
    };
    let ticket = campaign.ticket().filter(|_| !choices.one_in(8)).unwrap_or(forged);
    match choices.next() % 12 {
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
        5 | 6 => Command::Report {
            ticket,
            outcome: Outcome::Completed(json!(choices.next())),
        },
        7 => Command::Report {
            ticket,
            outcome: Outcome::Failed(Failure::new("code", "message")),
        },
        8 => Command::Quiet { ticket },
        9 => Command::Pause,
        10 => Command::Resume,
        _ if choices.one_in(2) => Command::Stop,
        _ => Command::Recover { ticket },
    }
}

fn facts(choices: &mut Choices<'_>, campaign: &Campaign, command: &Command) -> Facts {
    let mut facts = Facts::new();
    facts.can_continue = choices.one_in(4);
    facts.pipeline = match choices.next() {
        0 => PipelineMatch::Changed,
        1 => PipelineMatch::Unknown,
        _ => PipelineMatch::Same,
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
    let proposed: Vec<&PhaseName> = match command {
        Command::Configure { configs } => configs.keys().collect(),
        Command::Restart {
            phase,
            config: Some(_),
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
        assert_eq!(facts.pipeline, PipelineMatch::Same, "{event:?}");
        assert!(is_clean(&launch.phase), "{event:?}");
        let asked = matches!(
            event.kind,
            EventKind::PhaseStarted(_) | EventKind::PhaseRestarted(_)
        );
        if asked && before.mode == Mode::FullSequence {
            let mut chain = before.phases.iter().map(|slot| &slot.phase);
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
    };
    let created = Event {
        timestamp: Timestamp::default(),
        kind,
    };
    let id = CampaignId::from_u128(1);
    let mut campaign = Campaign::created(id, &created).expect("a log begins with a creation");
    let mut log = vec![created];
    while !choices.0.is_empty() && log.len() < 500 {
        let command = command(&mut choices, &campaign);
        let facts = facts(&mut choices, &campaign, &command);
        match decide(&campaign, &facts, &command, Timestamp::default()) {
            Ok(events) => {
                check_gates(&campaign, &facts, &events);
                for event in events {
                    campaign.apply(&event).expect("what was decided can be applied");
                    log.push(event);
                }
            }
            Err(rejection) => assert!(!rejection.to_string().is_empty() && !rejection.code().is_empty()),
        }
        let shown = view(&campaign, &facts);
        assert_eq!(shown.phases.len(), PHASES);
    }
    let logged: Vec<LoggedEvent> = log
        .into_iter()
        .enumerate()
        .map(|(index, event)| LoggedEvent {
            cursor: Cursor::from_text(""),
            seq: Version(index as u64 + 1),
            campaign_id: id,
            event,
        })
        .collect();
    check_log(&logged, &campaign).expect("the log keeps its invariants");
}
