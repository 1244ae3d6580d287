//! Attempts without a runner: those that came to rest, and those that were found.

use super::fail::Asks;
use super::rest::stopped;
use super::{Decided, Decision};
use crate::campaign::{Activity, Doing, Intent, StopReason};
use crate::event::EventKind;
use crate::facts::PipelineMatch;
use crate::failure::Failure;
use crate::ids::{PhaseName, Ticket};
use crate::options::DEFAULT_MAX_RECOVERIES;
use crate::rejection::Rejection;
use crate::run_state::RunState;

impl Decision<'_> {
    pub(super) fn settled(&self, ticket: &Ticket) -> Decided {
        let Activity::Running { run, doing, .. } = &self.campaign.activity else {
            return Err(self.stale(ticket));
        };
        if self.campaign.ticket().as_ref() != Some(ticket) {
            return Err(self.stale(ticket));
        }
        let phase = ticket.phase.clone();
        match doing {
            // Its runner has told so itself.
            Doing::Waiting { .. } => self.nothing(),
            Doing::Working { intent: Intent::None } => {
                let message = "the phase gave up although nobody asked it to pause or stop";
                let failure = Failure::new("interrupted", message);
                let progress = self.known.output().progress;
                self.one(self.failed(phase, run, failure, Asks::Policy, progress, None))
            }
            Doing::Working { intent } => self.at_rest(phase, run, *intent),
        }
    }

    /// A pause or a stop that has become a fact.
    fn at_rest(&self, phase: PhaseName, run: &RunState, intent: Intent) -> Decided {
        self.one(match intent {
            Intent::Stop => stopped(phase, run, StopReason::Requested),
            Intent::Pause | Intent::None => EventKind::PhasePaused {
                phase,
                run: run.run,
                attempt: run.attempt,
            },
        })
    }

    pub(super) fn recover(&self, ticket: &Ticket) -> Decided {
        let Activity::Running { run, doing, .. } = &self.campaign.activity else {
            return Err(self.stale(ticket));
        };
        if self.campaign.ticket().as_ref() != Some(ticket) {
            return Err(self.stale(ticket));
        }
        let Doing::Working { intent } = doing else {
            return self.nothing();
        };
        // The host that has the pipeline recovers the phase, and its intent.
        if self.known.pipeline() == PipelineMatch::Unknown {
            let pipeline = self.campaign.pipeline.clone();
            return Err(Rejection::UnknownPipeline { pipeline });
        }
        let phase = ticket.phase.clone();
        if *intent != Intent::None {
            return self.at_rest(phase, run, *intent);
        }
        if self.known.pipeline() == PipelineMatch::Changed {
            return self.one(stopped(phase, run, StopReason::PipelineChanged));
        }
        let progress = self.known.output().progress;
        if let Some(barrier) = self.barrier(run) {
            return self.one(self.failed(phase, run, barrier.failure(), Asks::Nobody, progress, None));
        }
        let recoveries = if self.known.released() {
            run.recoveries.so_far(progress)
        } else {
            let counted = run.recoveries.once_more(progress);
            if counted.count > self.max_recoveries(&phase) {
                let message = format!(
                    "its process ended {} times in a row without progress of the phase: find out why before you start it again",
                    counted.count
                );
                let failure = Failure::new("crash_loop", message);
                return self.one(self.failed(phase, run, failure, Asks::Nobody, progress, None));
            }
            counted
        };
        let mut draft = self.draft();
        let launch = self.launch_next_attempt(&mut draft, run);
        draft.push(EventKind::PhaseRecovered {
            launch,
            recoveries: recoveries.count,
            base_batch: recoveries.base_batch,
        });
        Ok(draft.events())
    }

    fn max_recoveries(&self, phase: &PhaseName) -> u32 {
        let said = self
            .known
            .options(phase)
            .and_then(|options| options.max_recoveries);
        said.unwrap_or(DEFAULT_MAX_RECOVERIES)
    }
}
