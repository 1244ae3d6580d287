//! What the engine says in its host's log of what campaigns do.

use phasegate_core::{Campaign, Command, Event, EventKind, Input, PhaseName, Rejection};

/// Phases in a line of the log.
pub(crate) fn names(phases: &[PhaseName]) -> String {
    phases
        .iter()
        .map(PhaseName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The refusal of a start. Others tell only whoever asked.
pub(crate) fn refusal(campaign: &Campaign, input: &Input, rejection: &Rejection) {
    if let (Rejection::PreflightFailed { report }, Input::Command { command, .. }) = (rejection, input) {
        let missing = names(&report.missing_phases());
        let command = Command::kind(command).as_str();
        tracing::info!(campaign = %campaign.id, command, missing_phases = missing, "start refused");
    }
}

/// What was committed.
pub(crate) fn events(campaign: &Campaign, events: &[Event]) {
    for (index, event) in events.iter().enumerate() {
        match &event.kind {
            EventKind::ModeChanged { mode } => {
                tracing::info!(campaign = %campaign.id, mode = mode.as_str(), "mode changed");
            }
            EventKind::PhaseAutoStarted(launch) => {
                let from = index
                    .checked_sub(1)
                    .and_then(|before| events[before].kind.phase());
                let from = from.map_or("", PhaseName::as_str);
                tracing::info!(campaign = %campaign.id, from_phase = from, to_phase = %launch.phase, "next phase started");
            }
            EventKind::PhaseFailed {
                phase,
                failure,
                retry_at,
                ..
            } => {
                let retry_at = retry_at.map(|at| at.to_string()).unwrap_or_default();
                tracing::warn!(campaign = %campaign.id, %phase, code = failure.code, reason = failure.message, retry_at, "phase failed");
            }
            other => tracing::debug!(campaign = %campaign.id, event = other.name(), "committed"),
        }
    }
}
