//! The state diagram, drawn by walking the machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::attributes::Attributes;
use crate::campaign::{Activity, Campaign, Mode};
use crate::command::Command;
use crate::envelope::Envelope;
use crate::event::{Event, EventKind};
use crate::facts::{ConfigFacts, Facts, OutputFacts, RegisteredPhase};
use crate::failure::Failure;
use crate::ids::{CampaignId, PhaseName, PipelineId};
use crate::machine::decide;
use crate::options::{OnSkip, PhaseOptions};
use crate::problem::Problems;
use crate::retry::RetryPolicy;
use crate::signal::{Deferred, Input, Outcome, Signal};
use crate::status::CampaignStatus;
use crate::time::Timestamp;

/// How long the phases of the diagram wait for a retry or a report, in milliseconds.
const WAIT_MS: u64 = 1_000;

/// Draws the states of a campaign and the commands between them as a Mermaid `stateDiagram-v2`.
///
/// The walk asks `decide` and `apply` about every command in every state that a campaign of two phases can reach. The text is
/// the same every time.
pub fn mermaid() -> String {
    let mut edges: BTreeMap<(CampaignStatus, CampaignStatus), BTreeSet<String>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut open = VecDeque::from([fresh_campaign()]);
    while let Some(campaign) = open.pop_front() {
        if !seen.insert(shape(&campaign)) {
            continue;
        }
        let from = CampaignStatus::of(&campaign, &facts(&campaign));
        for (label, input) in inputs(&campaign) {
            let mut facts = facts(&campaign);
            if let Input::Command {
                command: Command::Configure { configs },
                ..
            } = &input
            {
                facts.proposed = configs
                    .keys()
                    .map(|phase| (phase.clone(), ConfigFacts::default()))
                    .collect();
            }
            let later = campaign.changed_at.plus_ms(WAIT_MS);
            let Ok(events) = decide(&campaign, &facts, &input, later) else {
                continue;
            };
            let mut next = campaign.clone();
            if events.is_empty() || events.iter().any(|event| next.apply(event).is_err()) {
                continue;
            }
            let to = CampaignStatus::of(&next, &self::facts(&next));
            let starts_next = events
                .iter()
                .any(|event| matches!(event.kind, EventKind::PhaseAutoStarted(_)));
            if from != to || starts_next {
                let label = if starts_next {
                    format!("{label}, next starts")
                } else {
                    label.to_owned()
                };
                edges.entry((from, to)).or_default().insert(label);
            }
            open.push_back(next);
        }
    }
    let mut text = String::from("stateDiagram-v2\n    [*] --> idle: create\n");
    for ((from, to), labels) in &edges {
        let labels = labels.iter().cloned().collect::<Vec<_>>().join(" / ");
        writeln!(text, "    {} --> {}: {labels}", from.as_str(), to.as_str())
            .expect("a String takes all text");
    }
    text.push_str("    completed --> [*]\n");
    text
}

fn phases() -> [PhaseName; 2] {
    ["first", "second"].map(|name| PhaseName::new(name).expect("a valid phase name"))
}

fn fresh_campaign() -> Campaign {
    let kind = EventKind::CampaignCreated {
        name: "diagram".to_owned(),
        pipeline: PipelineId::new("diagram").expect("a valid pipeline id"),
        phases: phases().to_vec(),
        mode: Mode::StepByStep,
        attributes: Attributes::new(),
    };
    let event = Event {
        timestamp: Timestamp::default(),
        envelope: Envelope::none(),
        kind,
    };
    Campaign::created(CampaignId::from_u128(1), &event).expect("a log begins with a creation")
}

fn facts(campaign: &Campaign) -> Facts {
    let retry = RetryPolicy {
        initial_delay_ms: WAIT_MS,
        jitter: 0.0,
        ..RetryPolicy::new(2)
    };
    let registered = phases().map(|name| RegisteredPhase {
        name,
        options: PhaseOptions {
            retry: Some(retry.clone()),
            max_recoveries: None,
            on_skip: OnSkip::PassThrough,
        },
    });
    let mut facts = Facts {
        output: Some(OutputFacts::default()),
        can_continue: Some(true),
        released: Some(true),
        form: Some(Problems::none()),
        answer: Some(Problems::none()),
        ..Facts::of_pipeline(registered.into())
    };
    for slot in &campaign.phases {
        if let Some(pin) = &slot.config {
            let checked = ConfigFacts {
                revision: Some(pin.revision),
                ..ConfigFacts::default()
            };
            facts.stored.insert(slot.phase.clone(), checked);
        }
    }
    facts
}

/// The part of a campaign that makes a state of the diagram: everything but numbers and times.
fn shape(campaign: &Campaign) -> String {
    let configured: Vec<(bool, bool)> = campaign
        .phases
        .iter()
        .map(|slot| (slot.config.is_some(), slot.mark.is_some()))
        .collect();
    let status = CampaignStatus::of(campaign, &facts(campaign));
    let held = campaign.activity == (Activity::Idle { held: true });
    let waits = campaign.activity.deferral().is_some();
    let tries = campaign.activity.run().map_or(0, |run| run.tries.count);
    format!(
        "{status} {held} {waits} {tries} {} {configured:?} {}",
        campaign.position(),
        campaign.mode
    )
}

fn inputs(campaign: &Campaign) -> Vec<(&'static str, Input)> {
    let mode = |mode| ("set mode", Command::SetMode { mode });
    let mut commands = vec![
        ("pause", Command::Pause {}),
        ("resume", Command::Resume {}),
        ("stop", Command::Stop {}),
        mode(Mode::FullSequence),
        mode(Mode::StepByStep),
    ];
    for phase in phases() {
        let configs: BTreeMap<PhaseName, Value> = [(phase.clone(), json!({}))].into();
        commands.push(("configure", Command::Configure { configs }));
        commands.push(("unconfigure", Command::Unconfigure { phase: phase.clone() }));
        commands.push(("start", Command::Start { phase: phase.clone() }));
        commands.push(("skip", Command::Skip { phase: phase.clone() }));
        commands.push(("unskip", Command::Unskip { phase: phase.clone() }));
        commands.push(("restart", Command::Restart { phase, config: None }));
    }
    let mut inputs: Vec<(&'static str, Input)> = commands
        .into_iter()
        .map(|(label, command)| (label, command.into()))
        .collect();
    if let Some(ticket) = campaign.ticket() {
        let report = |outcome| Signal::Report {
            ticket: ticket.clone(),
            outcome,
            last_batch: None,
            envelope: Envelope::none(),
        };
        let failure = Failure::new("failed", "it failed");
        inputs.push(("phase completed", report(Outcome::Completed(Value::Null)).into()));
        inputs.push(("phase failed", report(Outcome::Failed(failure)).into()));
        let deferred = Deferred {
            deadline_ms: Some(WAIT_MS),
            ..Deferred::default()
        };
        inputs.push(("phase defers", report(Outcome::Deferred(deferred)).into()));
        if is_asked_to_rest(campaign) {
            inputs.push(("runner is quiet", Signal::Settled { ticket }.into()));
        }
    }
    inputs.push(("its time has come", Signal::Wake.into()));
    inputs
}

fn is_asked_to_rest(campaign: &Campaign) -> bool {
    matches!(
        CampaignStatus::of(campaign, &facts(campaign)),
        CampaignStatus::Pausing | CampaignStatus::Stopping
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagram_shows_the_promises_and_is_the_same_every_time() {
        let text = mermaid();
        assert_eq!(text, mermaid());
        for edge in [
            "running --> running: phase completed, next starts",
            "running --> waiting_for_configuration: phase completed",
            "running --> retrying: phase failed",
            "running --> failed: phase failed",
            "running --> waiting_for_report: phase defers",
            "retrying --> running: its time has come",
            "waiting_for_report --> failed: its time has come / phase failed",
            "pausing --> paused: phase completed / phase defers / runner is quiet",
        ] {
            assert!(text.contains(edge), "{edge} is not in\n{text}");
        }
        let by_skip = "failed --> completed: skip\n";
        assert!(
            text.contains(by_skip) && text.matches("failed --> completed").count() == 1,
            "a failed phase advances in\n{text}"
        );
    }
}
