//! The walk along a log, event by event.

use std::collections::BTreeMap;

use phasegate_core::{Campaign, Digest, Event, EventKind, Launch, Mode, PhaseName, Resumed, Run, Timestamp};

use super::attempts::{Attempts, Doing};
use super::passed::PassedPhases;

#[derive(Default)]
pub(super) struct LogWalk {
    mode: Mode,
    configured: BTreeMap<PhaseName, Digest>,
    phases: PassedPhases,
    attempts: Attempts,
    held: bool,
    pruned: BTreeMap<PhaseName, Run>,
    at: Timestamp,
}

type Step = Result<(), &'static str>;

impl LogWalk {
    pub(super) fn check(mut self, events: &[Event], snapshot: &Campaign) -> Result<(), String> {
        let mut before: Option<&EventKind> = None;
        for event in events {
            if event.timestamp < self.at {
                return Err(format!("a log goes forward in time: {event:?}"));
            }
            self.at = event.timestamp;
            self.step(before, &event.kind)
                .map_err(|broken| format!("{broken}: {:?}", event.kind))?;
            before = Some(&event.kind);
        }
        if self.phases.next().is_none() && before.is_some_and(passes) {
            return Err("the log ends without the completion of the campaign".to_owned());
        }
        let due = match self.attempts.current.map(|current| current.doing) {
            Some(Doing::Retries(at)) => Some(at),
            Some(Doing::Waits(deadline) | Doing::PausedWaiting(deadline)) => deadline,
            Some(Doing::Works | Doing::Rests) | None => None,
        };
        if snapshot.due() != due {
            return Err(format!(
                "the campaign is due at {:?}, not {due:?}",
                snapshot.due()
            ));
        }
        Ok(())
    }

    fn step(&mut self, before: Option<&EventKind>, kind: &EventKind) -> Step {
        let told = matches!(kind, EventKind::CampaignCompleted {});
        let completes = before.is_some_and(passes) && self.phases.next().is_none();
        if told != completes {
            return Err("the completion of the campaign follows the passing of the last phase, once");
        }
        if let Some(launch) = kind.launch() {
            self.launch(before, kind, launch)?;
        }
        match kind {
            EventKind::CampaignCreated { phases, mode, .. } => {
                self.phases.order.clone_from(phases);
                self.mode = *mode;
            }
            EventKind::PhaseConfigured { phase, digest, .. } => {
                let before = self.configured.insert(phase.clone(), *digest);
                if before.as_ref() == Some(digest) {
                    return Err("configuring a phase with the config that it has is not a change");
                }
            }
            EventKind::PhaseConfigRemoved { phase } => {
                self.configured.remove(phase);
            }
            EventKind::ModeChanged { mode } => self.mode = *mode,
            EventKind::PhaseSkipPlanned { phase, reads } => self.phases.plan(phase, *reads)?,
            EventKind::PhaseSkipWithdrawn { phase } => self.phases.withdraw(phase)?,
            EventKind::PhaseSkipped {
                phase,
                reads,
                upstream,
            } => {
                if let Some(Doing::Works | Doing::Waits(_)) = self.doing() {
                    return Err("a running phase is not skipped");
                }
                self.phases.skip(phase, *reads, upstream.as_ref())?;
                self.attempts.current = None;
            }
            EventKind::CampaignHeld { phase } => {
                if self.mode == Mode::StepByStep || self.phases.next() != Some(phase) {
                    return Err("only a full sequence is held, before its next phase");
                }
                self.held = true;
            }
            EventKind::CampaignReleased { .. } => {
                if !std::mem::take(&mut self.held) {
                    return Err("only a held chain is released");
                }
            }
            EventKind::CampaignCompleted {} => self.held = false,
            EventKind::RunPruned { phase, run } => self.prune(phase, *run)?,
            other => self.attempt(other)?,
        }
        Ok(())
    }

    fn doing(&self) -> Option<Doing> {
        self.attempts.current.as_ref().map(|current| current.doing)
    }

    fn launch(&mut self, before: Option<&EventKind>, kind: &EventKind, launch: &Launch) -> Step {
        if !self.configured.contains_key(&launch.phase) {
            return Err("no phase starts without a stored config");
        }
        if matches!(kind, EventKind::PhaseRestarted(_)) {
            if let Some(Doing::Works | Doing::Waits(_)) = self.doing() {
                return Err("nothing is restarted while a phase is running");
            }
            self.attempts.current = None;
            self.phases.undo_from(&launch.phase);
        }
        if self.phases.next() != Some(&launch.phase) {
            return Err("a phase starts only after its predecessors are passed");
        }
        if self.phases.is_planned(&launch.phase) {
            return Err("a phase that is to be skipped doesn't start");
        }
        if launch.upstream != self.phases.upstream() {
            return Err("a run reads the latest completed phase, up to one that was skipped as empty");
        }
        if let Some(Doing::Retries(due)) = self.doing()
            && matches!(kind, EventKind::PhaseRetried(_))
            && self.at < due
        {
            return Err("a retry waits until it is due");
        }
        self.attempts.launch(kind, launch)?;
        if matches!(kind, EventKind::PhaseAutoStarted(_)) {
            let passed = before.filter(|before| passes(before)).and_then(EventKind::phase);
            if self.mode == Mode::StepByStep || self.held {
                return Err("neither step_by_step nor a held chain starts a phase that nobody asked for");
            }
            if !passed.is_some_and(|passed| self.phases.is_last(passed)) || launch.attempt.0 != 1 {
                return Err("the passing of a phase starts the next one, in its first attempt");
            }
        }
        self.held = false;
        Ok(())
    }

    fn attempt(&mut self, kind: &EventKind) -> Step {
        match kind {
            EventKind::PhasePauseRequested { phase, run, attempt }
            | EventKind::PhaseStopRequested { phase, run, attempt }
                if self.attempts.doing(phase, *run, *attempt) != Some(Doing::Works) =>
            {
                return Err("only a runner that works is asked to rest");
            }
            EventKind::PhasePaused { phase, run, attempt } => {
                let doing = match self.attempts.doing(phase, *run, *attempt) {
                    Some(Doing::Works | Doing::Retries(_)) => Doing::Rests,
                    Some(Doing::Waits(deadline)) => Doing::PausedWaiting(deadline),
                    _ => return Err("only an attempt that runs or retries is paused"),
                };
                self.attempts.now(doing);
            }
            EventKind::PhaseResumed(Resumed::Waiting { phase, run, attempt }) => {
                let Some(Doing::PausedWaiting(deadline)) = self.attempts.doing(phase, *run, *attempt) else {
                    return Err("only a paused attempt that waits for a report waits on");
                };
                self.attempts.now(Doing::Waits(deadline));
            }
            EventKind::PhaseStopped {
                phase, run, attempt, ..
            } => {
                if self.attempts.doing(phase, *run, *attempt).is_none() {
                    return Err("only the attempt at the position is stopped");
                }
                self.attempts.now(Doing::Rests);
            }
            EventKind::PhaseDeferred {
                phase,
                run,
                attempt,
                deadline_at,
                ..
            } => {
                if self.attempts.doing(phase, *run, *attempt) != Some(Doing::Works) {
                    return Err("only a runner that works leaves its outcome to somebody, once");
                }
                self.attempts.now(Doing::Waits(*deadline_at));
            }
            EventKind::PhaseCompleted {
                phase, run, attempt, ..
            } => {
                let Some(Doing::Works | Doing::Waits(_) | Doing::PausedWaiting(_)) =
                    self.attempts.doing(phase, *run, *attempt)
                else {
                    return Err("only an attempt that runs, or waits for a report, completes");
                };
                self.attempts.complete(phase, *run)?;
                self.phases.complete(*run);
            }
            EventKind::PhaseFailed {
                phase,
                run,
                attempt,
                failure,
                tries,
                base_batch,
                retry_at,
                ..
            } => {
                let doing = self.attempts.doing(phase, *run, *attempt);
                match doing {
                    None => return Err("only the attempt at the position fails"),
                    Some(Doing::Waits(deadline) | Doing::PausedWaiting(deadline))
                        if failure.code == "deadline_passed" =>
                    {
                        if deadline.is_none_or(|deadline| self.at < deadline) {
                            return Err("a deadline passes when it is due");
                        }
                    }
                    Some(_) => {}
                }
                self.attempts.fail((*tries, *base_batch), *retry_at)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn prune(&mut self, phase: &PhaseName, run: Run) -> Step {
        let is_current = |current: (&PhaseName, Run)| current.0 == phase && current.1 <= run;
        let at_position = self.attempts.current.as_ref();
        if self.phases.current_runs().any(is_current)
            || at_position.is_some_and(|current| is_current((&current.phase, current.run)))
        {
            return Err("a current run, and what one reads, is never pruned");
        }
        let before = self.pruned.insert(phase.clone(), run).unwrap_or_default();
        if run <= before || run > self.attempts.runs(phase) {
            return Err("only runs that are there are pruned");
        }
        Ok(())
    }
}

/// Whether an event passes a phase.
const fn passes(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::PhaseCompleted { .. } | EventKind::PhaseSkipped { .. }
    )
}
