//! The state diagram, drawn by walking the machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::campaign::{Campaign, Mode};
use crate::command::{Command, Outcome};
use crate::event::{Event, EventKind};
use crate::facts::{ConfigFacts, Facts};
use crate::failure::Failure;
use crate::ids::{CampaignId, PhaseName, PipelineId};
use crate::machine::decide;
use crate::status::CampaignStatus;
use crate::time::Timestamp;

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
        for (label, command) in commands(&campaign) {
            let mut facts = facts(&campaign);
            if let Command::Configure { configs } = &command {
                facts.proposed = configs
                    .keys()
                    .map(|phase| (phase.clone(), ConfigFacts::default()))
                    .collect();
            }
            let Ok(events) = decide(&campaign, &facts, &command, Timestamp::default()) else {
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
    };
    let event = Event {
        timestamp: Timestamp::default(),
        kind,
    };
    Campaign::created(CampaignId::from_u128(1), &event).expect("a log begins with a creation")
}

fn facts(campaign: &Campaign) -> Facts {
    let mut facts = Facts::new();
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
    let configured: Vec<bool> = campaign.phases.iter().map(|slot| slot.config.is_some()).collect();
    let status = CampaignStatus::of(campaign, &facts(campaign));
    let held = matches!(campaign.activity, crate::campaign::Activity::Idle { held: true });
    format!(
        "{status} {held} {} {configured:?} {}",
        campaign.position(),
        campaign.mode
    )
}

fn commands(campaign: &Campaign) -> Vec<(&'static str, Command)> {
    let mut commands = vec![
        ("pause", Command::Pause),
        ("resume", Command::Resume),
        ("stop", Command::Stop),
        (
            "set mode",
            Command::SetMode {
                mode: Mode::FullSequence,
            },
        ),
        (
            "set mode",
            Command::SetMode {
                mode: Mode::StepByStep,
            },
        ),
    ];
    for phase in phases() {
        let configs: BTreeMap<PhaseName, Value> = [(phase.clone(), json!({}))].into();
        commands.push(("configure", Command::Configure { configs }));
        commands.push(("unconfigure", Command::Unconfigure { phase: phase.clone() }));
        commands.push(("start", Command::Start { phase: phase.clone() }));
        commands.push(("restart", Command::Restart { phase, config: None }));
    }
    if let Some(ticket) = campaign.ticket() {
        let completed = Outcome::Completed(Value::Null);
        let failed = Outcome::Failed(Failure::new("failed", "it failed"));
        commands.push((
            "phase completed",
            Command::Report {
                ticket: ticket.clone(),
                outcome: completed,
            },
        ));
        commands.push((
            "phase failed",
            Command::Report {
                ticket: ticket.clone(),
                outcome: failed,
            },
        ));
        if campaign_is_asked_to_rest(campaign) {
            commands.push(("runner is quiet", Command::Quiet { ticket }));
        }
    }
    commands
}

fn campaign_is_asked_to_rest(campaign: &Campaign) -> bool {
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
            "running --> failed: phase failed",
            "pausing --> paused: phase completed / runner is quiet",
        ] {
            assert!(text.contains(edge), "{edge} is not in\n{text}");
        }
        assert!(
            !text.contains("failed --> completed"),
            "a failed phase advances in\n{text}"
        );
    }
}
