//! The invariants of every log.

use std::collections::{BTreeMap, BTreeSet};

use phasegate_core::storage::LoggedEvent;
use phasegate_core::{Campaign, CampaignId, Digest, Event, EventKind, Mode, PhaseName, Version};

/// Checks a campaign's whole log, and that its snapshot is the fold of the log.
///
/// # Errors
///
/// A sentence that names the invariant and the event that breaks it.
pub fn check_log(log: &[LoggedEvent], snapshot: &Campaign) -> Result<(), String> {
    for (index, logged) in log.iter().enumerate() {
        if logged.seq != Some(Version(index as u64 + 1)) {
            return Err(format!(
                "numbers are gapless from 1, but event {index} has {:?}",
                logged.seq
            ));
        }
    }
    let events: Vec<Event> = log.iter().map(|logged| logged.event.clone()).collect();
    match Campaign::fold(snapshot.id, &events) {
        Err(misfit) => return Err(misfit.to_string()),
        Ok(folded) if folded.as_ref() != Some(snapshot) => {
            return Err(format!(
                "the snapshot is not the fold of its log:\n{snapshot:#?}\n{folded:#?}"
            ));
        }
        Ok(_) => {}
    }
    each_changes_something(snapshot.id, &events)?;
    LogWalk::default().check(&events)
}

/// Checks that every event changes something.
fn each_changes_something(id: CampaignId, events: &[Event]) -> Result<(), String> {
    let mut before: Option<Campaign> = None;
    for (index, event) in events.iter().enumerate() {
        let after = match before.clone() {
            None => Campaign::created(id, event),
            Some(mut campaign) => campaign.apply(event).map(|()| campaign),
        };
        let after = after.map_err(|misfit| misfit.to_string())?;
        if let Some(before) = &mut before {
            (before.version, before.changed_at) = (after.version, after.changed_at);
            let told = matches!(event.kind, EventKind::CampaignCompleted {});
            if *before == after && !told {
                return Err(format!(
                    "every event changes something, but event {index} doesn't: {event:?}"
                ));
            }
        }
        before = Some(after);
    }
    Ok(())
}

#[derive(Default)]
struct LogWalk {
    order: Vec<PhaseName>,
    mode: Mode,
    configured: BTreeMap<PhaseName, Digest>,
    running: Option<(PhaseName, u32)>,
    completed: Vec<PhaseName>,
    completed_runs: BTreeSet<(PhaseName, u32)>,
    launches: BTreeMap<(PhaseName, u32), u32>,
}

impl LogWalk {
    fn check(mut self, events: &[Event]) -> Result<(), String> {
        let mut before: Option<&EventKind> = None;
        for event in events {
            self.step(before, &event.kind)
                .map_err(|broken| format!("{broken}: {:?}", event.kind))?;
            before = Some(&event.kind);
        }
        match before {
            Some(EventKind::PhaseCompleted { .. }) if self.completed == self.order => {
                Err("the log ends without the completion of the campaign".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn step(&mut self, before: Option<&EventKind>, kind: &EventKind) -> Result<(), &'static str> {
        if let Some(launch) = kind.launch() {
            if !self.configured.contains_key(&launch.phase) {
                return Err("no phase starts without a stored config");
            }
            if matches!(kind, EventKind::PhaseRestarted(_)) {
                let index = self
                    .order
                    .iter()
                    .position(|phase| *phase == launch.phase)
                    .unwrap_or_default();
                self.completed.truncate(index);
            }
            if self.order.get(self.completed.len()) != Some(&launch.phase) {
                return Err("a phase starts only after its predecessors are completed");
            }
            let recovery = matches!(kind, EventKind::PhaseRecovered { .. });
            if self.running.is_some() != recovery {
                return Err("at most one phase of a campaign is running");
            }
            let attempts = self
                .launches
                .entry((launch.phase.clone(), launch.run.0))
                .or_default();
            *attempts += 1;
            if *attempts != launch.attempt.0 {
                return Err("attempts of a run are numbered from 1 and launched once");
            }
            self.running = Some((launch.phase.clone(), launch.run.0));
        }
        let told = matches!(kind, EventKind::CampaignCompleted {});
        let completes =
            matches!(before, Some(EventKind::PhaseCompleted { .. })) && self.completed == self.order;
        if told != completes {
            return Err("the completion of the campaign follows the completion of the last phase, once");
        }
        match kind {
            EventKind::CampaignCreated { phases, mode, .. } => {
                self.order.clone_from(phases);
                self.mode = *mode;
            }
            EventKind::PhaseConfigured { phase, digest, .. } => {
                let before = self.configured.insert(phase.clone(), digest.clone());
                if before.as_ref() == Some(digest) {
                    return Err("configuring a phase with the config that it has is not a change");
                }
            }
            EventKind::PhaseConfigRemoved { phase } => {
                self.configured.remove(phase);
            }
            EventKind::ModeChanged { mode } => self.mode = *mode,
            EventKind::PhaseAutoStarted(launch) => {
                if self.mode == Mode::StepByStep {
                    return Err("step_by_step never starts a phase that nobody asked for");
                }
                let Some(EventKind::PhaseCompleted { phase, .. }) = before else {
                    return Err("only a completion starts the next phase by itself");
                };
                if self.completed.last() != Some(phase) || launch.attempt.0 != 1 {
                    return Err("a completion starts the next phase, in its first attempt");
                }
            }
            EventKind::PhaseCompleted { phase, run, .. } => {
                if self.running.take() != Some((phase.clone(), run.0)) {
                    return Err("only the running run completes");
                }
                if !self.completed_runs.insert((phase.clone(), run.0)) {
                    return Err("a run is completed at most once");
                }
                self.completed.push(phase.clone());
            }
            EventKind::PhaseFailed { .. } | EventKind::PhasePaused { .. } => self.running = None,
            EventKind::PhaseStopped { .. } => self.running = None,
            _ => {}
        }
        Ok(())
    }
}
