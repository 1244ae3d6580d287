//! Events in words.

use phasegate::core::{EventKind, Launch, Resumed, StopReason};
use phasegate::storage::LoggedEvent;

/// What happened, as a short sentence without the phase; empty for events that a person need not see.
pub fn happening(kind: &EventKind) -> String {
    match kind {
        EventKind::CampaignCreated {
            name, pipeline, mode, ..
        } => format!("{name:?} of {pipeline}, {mode}"),
        EventKind::PhaseConfigured { revision, .. } => format!("configured (revision {revision})"),
        EventKind::PhaseConfigRemoved { .. } => "config taken away".to_owned(),
        EventKind::ModeChanged { mode } => format!("now {mode}"),
        EventKind::PhaseStarted(launch) => launched("started", launch),
        EventKind::PhaseAutoStarted(launch) => launched("started by the chain", launch),
        EventKind::PhaseResumed(Resumed::Launched(launch)) => launched("resumed", launch),
        EventKind::PhaseResumed(Resumed::Waiting { .. }) => "waits on for its report".to_owned(),
        EventKind::PhaseRecovered { launch, .. } => launched("taken up again", launch),
        EventKind::PhaseRetried(launch) => launched("tried again", launch),
        EventKind::PhaseDeferred { note, .. } => match note {
            Some(note) => format!("waits for a report: {note}"),
            None => "waits for a report".to_owned(),
        },
        EventKind::PhaseRestarted(launch) => launched("begun afresh", launch),
        EventKind::PhasePauseRequested { .. } => "pausing".to_owned(),
        EventKind::PhasePaused { .. } => "paused".to_owned(),
        EventKind::PhaseStopRequested { .. } => "stopping".to_owned(),
        EventKind::PhaseStopped { stop_reason, .. } => match stop_reason {
            StopReason::PipelineChanged => "stopped, since the pipeline has other phases now".to_owned(),
            _ => "stopped".to_owned(),
        },
        EventKind::PhaseCompleted { .. } => "completed".to_owned(),
        EventKind::PhaseFailed {
            failure,
            retry_at: Some(at),
            ..
        } => format!("failed, to be tried again at {at}: {failure}"),
        EventKind::PhaseFailed { failure, .. } => format!("failed: {failure}"),
        EventKind::PhaseSkipPlanned { .. } => "to be skipped".to_owned(),
        EventKind::PhaseSkipWithdrawn { .. } => "not to be skipped".to_owned(),
        EventKind::PhaseSkipped { .. } => "skipped".to_owned(),
        EventKind::RunPruned { run, .. } => format!("runs up to {run} pruned"),
        EventKind::ResourceStored {
            kind, id, revision, ..
        } => format!("{kind} {id} (revision {revision})"),
        EventKind::ResourceRemoved { kind, id, .. } => format!("{kind} {id}"),
        EventKind::CampaignHeld { .. } => "held before it starts".to_owned(),
        EventKind::CampaignReleased { .. } => "held no more".to_owned(),
        EventKind::CampaignCompleted {} => "every phase is completed".to_owned(),
        EventKind::CampaignDeleted {} => "deleted".to_owned(),
        other => other.name().replace('_', " "),
    }
}

fn launched(how: &str, launch: &Launch) -> String {
    match (launch.run.0, launch.attempt.0) {
        (1, 1) => how.to_owned(),
        (run, attempt) => format!("{how} (run {run}, attempt {attempt})"),
    }
}

/// One event as a line: when, its number, what it is, its phase and what happened.
pub fn line(event: &LoggedEvent) -> String {
    let kind = &event.event.kind;
    let phase = kind.phase().map(|phase| format!("{phase} ")).unwrap_or_default();
    let seq = event.seq.map(|seq| seq.to_string()).unwrap_or_default();
    format!(
        "{}  {seq:>4}  {:<22} {phase}{}",
        event.event.timestamp,
        kind.name(),
        happening(kind)
    )
}
