//! How a run ends, or waits for its end.

use crate::campaign::{Activity, Campaign, Completion, Deferral, Doing, Intent, Mark, Passed, Skip};
use crate::event::{Event, EventKind};
use crate::ids::{Attempt, PhaseName, Run, Version};
use crate::options::SkipReads;
use crate::run_state::Count;
use crate::time::Timestamp;

impl Campaign {
    pub(super) fn defer(
        &mut self,
        phase: &PhaseName,
        run: Run,
        attempt: Attempt,
        event: Version,
        has_form: bool,
        deadline_at: Option<Timestamp>,
    ) -> Result<(), &'static str> {
        self.attempt_of(phase, run, attempt)?;
        match &mut self.activity {
            Activity::Running {
                doing:
                    doing @ Doing::Working {
                        intent: Intent::None | Intent::Pause,
                    },
                ..
            } => {
                *doing = Doing::Waiting {
                    deferral: Deferral {
                        event,
                        has_form,
                        deadline_at,
                    },
                };
                Ok(())
            }
            _ => Err("only a runner that works, and is not to stop, leaves its outcome to somebody"),
        }
    }

    pub(super) fn complete(&mut self, event: &Event, version: Version) -> Result<(), &'static str> {
        let EventKind::PhaseCompleted {
            phase,
            run,
            attempt,
            records,
            digest,
            ..
        } = &event.kind
        else {
            return Err("it is no completion");
        };
        let state = self.attempt_of(phase, *run, *attempt)?;
        let completion = Completion {
            run: *run,
            attempt: *attempt,
            records: *records,
            outcome: *digest,
            event: version,
            started_at: state.started_at,
            completed_at: event.timestamp,
        };
        match &self.activity {
            Activity::Running { .. }
            | Activity::Paused {
                deferral: Some(_), ..
            } => {}
            _ => return Err("that phase is not running"),
        }
        self.activity = Activity::Idle { held: false };
        self.passed.push(Passed::Completed(completion));
        Ok(())
    }

    pub(super) fn fail(&mut self, event: &Event) -> Result<(), &'static str> {
        let EventKind::PhaseFailed {
            phase,
            run,
            attempt,
            failure,
            tries,
            base_batch,
            retry_at,
            digest,
        } = &event.kind
        else {
            return Err("it is no failure");
        };
        let mut run = self.attempt_of(phase, *run, *attempt)?.clone();
        let recorded = match &self.activity {
            Activity::Running { .. }
            | Activity::Paused {
                deferral: Some(_), ..
            } => *digest,
            // The wait for a retry has ended. What was reported before stays reported.
            Activity::Failed {
                recorded,
                retry_at: Some(_),
                ..
            } => *recorded,
            _ => return Err("only a phase that runs, waits or retries fails"),
        };
        run.tries = Count {
            count: *tries,
            base_batch: *base_batch,
        };
        self.activity = Activity::Failed {
            run,
            failure: failure.clone(),
            recorded,
            retry_at: *retry_at,
        };
        Ok(())
    }

    pub(super) fn skip(
        &mut self,
        phase: &PhaseName,
        reads: SkipReads,
        event: &Event,
    ) -> Result<(), &'static str> {
        self.expect_current(phase)?;
        let held = match &self.activity {
            Activity::Running { .. } => return Err("a running phase is not skipped"),
            Activity::Idle { held } => *held,
            Activity::Paused { .. } | Activity::Failed { .. } | Activity::Stopped { .. } => false,
        };
        let planned = self.slot(phase)?.mark.take();
        let mark = planned.unwrap_or_else(|| Mark {
            reads,
            reason: event.envelope.reason().map(str::to_owned),
        });
        if mark.reads != reads {
            return Err("a skip keeps to its plan");
        }
        self.passed.push(Passed::Skipped(Skip {
            mark,
            skipped_at: event.timestamp,
        }));
        self.activity = Activity::Idle { held };
        Ok(())
    }
}
