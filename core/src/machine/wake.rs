//! A moment that has come: a retry, or a deadline.

use super::fail::Asks;
use super::{Decided, Decision};
use crate::campaign::Activity;
use crate::event::EventKind;
use crate::facts::PipelineMatch;
use crate::failure::Failure;
use crate::rejection::Rejection;

impl Decision<'_> {
    pub(super) fn wake(&self) -> Decided {
        let (Some(due), Some(phase)) = (self.campaign.due(), self.current()) else {
            return self.nothing();
        };
        if self.now < due {
            return self.nothing();
        }
        match &self.campaign.activity {
            Activity::Failed { run, .. } => {
                let pipeline = self.campaign.pipeline.clone();
                match self.known.pipeline() {
                    // The host that has the pipeline tries it again.
                    PipelineMatch::Unknown => return Err(Rejection::UnknownPipeline { pipeline }),
                    PipelineMatch::Changed => {
                        let failure = Failure::new(
                            "pipeline_changed",
                            Rejection::PipelineChanged { pipeline }.to_string(),
                        );
                        return self.one(self.failed_for_good(phase, run, failure));
                    }
                    PipelineMatch::Same => {}
                }
                if let Some(barrier) = self.barrier(run) {
                    return self.one(self.failed_for_good(phase, run, barrier.failure()));
                }
                let mut draft = self.draft();
                let launch = self.launch_next_attempt(&mut draft, run);
                draft.push(EventKind::PhaseRetried(launch));
                Ok(draft.events())
            }
            Activity::Running { run, .. } | Activity::Paused { run, .. } => {
                let failure = Failure::new("deadline_passed", format!("nobody reported it before {due}"));
                let progress = self.known.output().progress;
                self.one(self.failed(phase, run, failure, Asks::Nobody, progress, None))
            }
            Activity::Idle { .. } | Activity::Stopped { .. } => self.nothing(),
        }
    }
}
