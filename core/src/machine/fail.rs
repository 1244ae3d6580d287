//! The failure of the phase at the position, and whether it is tried again.

use super::Decision;
use crate::event::EventKind;
use crate::failure::Failure;
use crate::ids::{BatchNumber, PhaseName};
use crate::json::Digest;
use crate::retry::RetryPolicy;
use crate::run_state::{Count, RunState};
use crate::time::Timestamp;

/// Whether a failure may be tried again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Asks {
    /// Its retry policy says.
    Policy,
    /// It is final.
    Nobody,
}

impl Decision<'_> {
    /// The failure of a run whose latest batch with progress is `progress`.
    pub(super) fn failed(
        &self,
        phase: PhaseName,
        run: &RunState,
        failure: Failure,
        asks: Asks,
        progress: BatchNumber,
        digest: Option<Digest>,
    ) -> EventKind {
        let tries = run.tries.once_more(progress);
        let retry_at = match asks {
            Asks::Policy => self.retry_at(&phase, run, &failure, tries),
            Asks::Nobody => None,
        };
        EventKind::PhaseFailed {
            phase,
            run: run.run,
            attempt: run.attempt,
            failure,
            tries: tries.count,
            base_batch: tries.base_batch,
            retry_at,
            digest,
        }
    }

    /// A failure that ends the wait for a retry: no try has failed again.
    pub(super) fn failed_for_good(&self, phase: PhaseName, run: &RunState, failure: Failure) -> EventKind {
        EventKind::PhaseFailed {
            phase,
            run: run.run,
            attempt: run.attempt,
            failure,
            tries: run.tries.count,
            base_batch: run.tries.base_batch,
            retry_at: None,
            digest: None,
        }
    }

    /// The policy in force: the campaign's own, else the pipeline's.
    fn policy(&self, phase: &PhaseName) -> Option<&RetryPolicy> {
        let slot = self.campaign.phases.iter().find(|slot| slot.phase == *phase);
        let own = slot.and_then(|slot| slot.retry.as_ref());
        own.or_else(|| self.known.options(phase)?.retry.as_ref())
    }

    fn retry_at(
        &self,
        phase: &PhaseName,
        run: &RunState,
        failure: &Failure,
        tries: Count,
    ) -> Option<Timestamp> {
        let policy = self.policy(phase)?;
        if failure.is_final || tries.count >= policy.max_tries || !policy.covers(&failure.code) {
            return None;
        }
        let delay = match failure.retry_after_ms {
            Some(asked) => asked.min(policy.max_delay_ms),
            None => policy.delay_ms(tries.count, &self.campaign.ticket_of(run)?),
        };
        Some(self.now.plus_ms(delay))
    }
}
