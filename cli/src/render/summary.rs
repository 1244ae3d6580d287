//! The complete state of a campaign.

use phasegate::core::{CommandKind, PhaseView, Timestamp};
use phasegate::{CampaignStatus, CampaignView, PhaseStatus};

use super::tables::{WARNING, between, count, duration, members, preflight, table};
use crate::target::{ShownCampaign, StoreLocation};

/// The width of the table of phases without a terminal, in characters. Its summaries are long.
const WIDTH: u16 = 120;

/// The phases as a table: status, records, time and summary of each.
pub fn phases(shown: &ShownCampaign) -> String {
    let mut table = table(["Phase", "Status", "Records", "Time", "Summary"]);
    if table.width().is_none() {
        table.set_width(WIDTH);
    }
    for phase in &shown.view.phases {
        let records = match phase.run {
            Some(_) => count(shown.records.get(&phase.phase).copied().unwrap_or(0)),
            None => String::new(),
        };
        let time = match (phase.started_at, phase.completed_at) {
            (Some(from), Some(to)) => duration(between(from, to)),
            _ => String::new(),
        };
        let told = match (&phase.summary, &phase.failure) {
            (Some(summary), _) => members(summary),
            (None, Some(failure)) => failure.to_string(),
            (None, None) if phase.skip.is_some() => skipped(phase),
            (None, None) if !phase.configured => "no config".to_owned(),
            (None, None) if !phase.problems.is_empty() => "its config has problems".to_owned(),
            (None, None) => String::new(),
        };
        table.add_row([
            phase.phase.to_string(),
            phase.status.spoken(),
            records,
            time,
            told,
        ]);
    }
    table.to_string()
}

/// The phases as a table of their statuses.
pub fn statuses(view: &CampaignView) -> String {
    let mut table = table(["Phase", "Status"]);
    for phase in &view.phases {
        let marked = phase.skip.is_some() && phase.status != PhaseStatus::Skipped;
        let mark = if marked { ", to be skipped" } else { "" };
        table.add_row([
            phase.phase.to_string(),
            format!("{}{mark}", phase.status.spoken()),
        ]);
    }
    table.to_string()
}

/// The attributes of a campaign on a line; `None` without any.
pub fn attributes(view: &CampaignView) -> Option<String> {
    let all = view.attributes.iter();
    let all: Vec<_> = all.map(|(key, value)| format!("{key}={value}")).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// What the phases warn of in their summaries, a line each.
pub fn warnings(view: &CampaignView) -> Vec<String> {
    let phases = view.phases.iter();
    phases
        .filter_map(|phase| {
            let warning = phase.summary.as_ref()?.get(WARNING)?.as_str()?;
            Some(format!("Warning: {}: {warning}.", phase.phase))
        })
        .collect()
}

/// The problems that block a campaign, one row each.
pub fn blockers(view: &CampaignView) -> Option<String> {
    (!view.preflight.is_ready()).then(|| preflight(&view.preflight))
}

/// One sentence on the state of a campaign and what to do next.
pub fn sentence(view: &CampaignView, location: StoreLocation) -> String {
    let name = &view.name;
    let time = |to: Timestamp| duration(between(view.created_at, to));
    match view.status {
        CampaignStatus::Completed => format!(
            "{name} is completed, {} after it was created.",
            time(view.changed_at)
        ),
        CampaignStatus::WaitingForConfiguration => {
            let missing: Vec<_> = view
                .preflight
                .missing_phases()
                .iter()
                .map(ToString::to_string)
                .collect();
            format!(
                "{name} waits for configuration of {}: 'phasegate configure' stores it, 'phasegate start' goes on.",
                missing.join(", ")
            )
        }
        CampaignStatus::WaitingForReport => {
            let phase = view
                .current_phase
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            format!("{name} waits for somebody to report {phase}.")
        }
        CampaignStatus::Retrying => {
            let at = view.due_at.map(|at| at.to_string()).unwrap_or_default();
            format!("{name} has failed and is tried again at {at}: 'phasegate start' does it now.")
        }
        CampaignStatus::Paused => format!("{name} is paused: 'phasegate resume' carries on."),
        CampaignStatus::Failed => format!(
            "{name} has failed: mend the cause, then 'phasegate start' goes on from the last checkpoint."
        ),
        CampaignStatus::Stopped => format!("{name} is stopped: 'phasegate start' goes on."),
        CampaignStatus::Running if location == StoreLocation::Server => {
            format!("{name} is running: 'phasegate resume' follows it, 'phasegate pause' pauses it.")
        }
        CampaignStatus::Pausing | CampaignStatus::Stopping if location == StoreLocation::Server => {
            format!("{name} is {}.", view.status.spoken())
        }
        CampaignStatus::Running | CampaignStatus::Pausing | CampaignStatus::Stopping => format!(
            "{name} was running when its process ended: 'phasegate resume' goes on from the last checkpoint."
        ),
        CampaignStatus::Idle => match &view.current_phase {
            Some(phase) if view.position > 0 => {
                format!("{name} waits for its next phase, {phase}: 'phasegate start' starts it.")
            }
            Some(phase) => format!("{name} has not started: 'phasegate start' starts {phase}."),
            None => format!("{name} has no phase left."),
        },
    }
}

/// The allowed commands as they are typed, without those that are always allowed.
pub fn allowed(view: &CampaignView, location: StoreLocation) -> Vec<String> {
    let next = view.next.iter().filter(|next| next.allowed);
    let typed = next.filter_map(|next| {
        let phase = next.phase.as_ref();
        let verb = match next.command {
            CommandKind::Start => "start",
            CommandKind::Restart => "restart",
            CommandKind::Resume if view.status != CampaignStatus::Running => "resume",
            CommandKind::Pause if location == StoreLocation::Server => "pause",
            CommandKind::Stop => "stop",
            CommandKind::Unconfigure if phase_is(view, phase?, PhaseStatus::NotStarted) => "unconfigure",
            CommandKind::Configure => "configure",
            CommandKind::Skip => "skip",
            CommandKind::Unskip if is_marked(view, phase?) => "unskip",
            _ => return None,
        };
        let file = if verb == "configure" { " FILE" } else { "" };
        let phase = phase.map(|phase| format!(" {phase}")).unwrap_or_default();
        Some(format!(
            "phasegate {verb} {}{phase}{file}",
            shell_word(&view.name)
        ))
    });
    typed.collect()
}

/// What is said of a phase that is skipped, or is to be.
fn skipped(phase: &PhaseView) -> String {
    let said = match phase.status {
        PhaseStatus::Skipped => "skipped",
        _ => "to be skipped",
    };
    match phase.skip.as_ref().and_then(|skip| skip.reason.as_ref()) {
        Some(reason) => format!("{said}: {reason}"),
        None => said.to_owned(),
    }
}

fn is_marked(view: &CampaignView, phase: &phasegate::PhaseName) -> bool {
    view.phases
        .iter()
        .any(|one| one.phase == *phase && one.skip.is_some())
}

fn phase_is(view: &CampaignView, phase: &phasegate::PhaseName, status: PhaseStatus) -> bool {
    view.phases
        .iter()
        .any(|one| one.phase == *phase && one.status == status && one.configured)
}

/// A name quoted as one word for a POSIX shell.
pub fn shell_word(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./".contains(c);
    if !name.starts_with('-') && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_only_where_a_shell_needs_it() {
        assert_eq!(shell_word("lead-generation"), "lead-generation");
        assert_eq!(shell_word("it's spring"), r"'it'\''s spring'");
        assert_eq!(shell_word("$(date)"), "'$(date)'");
    }
}
