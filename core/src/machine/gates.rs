//! The gates before a launch, and the launch itself.

use super::{Decision, Draft};
use crate::campaign::{Campaign, Mode};
use crate::event::Launch;
use crate::facts::PipelineMatch;
use crate::failure::Failure;
use crate::ids::{Attempt, PhaseName, Revision, Run};
use crate::preflight::PreflightReport;
use crate::rejection::Rejection;
use crate::run_state::RunState;

/// Why an attempt can't go on from where its run stands.
pub(super) enum Barrier {
    /// Its config, or a resource of it, no longer holds.
    Config(PreflightReport),
    /// Its inputs changed, and the runner can't continue with them.
    Input,
}

impl Barrier {
    /// It as the failure of a phase that nobody asked to go on.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Config(report) => {
                Failure::new("config_invalid", format!("its config no longer holds: {report}"))
            }
            Self::Input => {
                let message = "a config or resource that it works with has changed, and it can't continue with the change: \
                               start it to begin afresh";
                Failure::new("input_changed", message)
            }
        }
    }
}

impl Decision<'_> {
    pub(super) fn same_pipeline(&self) -> Result<(), Rejection> {
        let pipeline = self.campaign.pipeline.clone();
        match self.known.pipeline() {
            PipelineMatch::Same => Ok(()),
            PipelineMatch::Changed => Err(Rejection::PipelineChanged { pipeline }),
            PipelineMatch::Unknown => Err(Rejection::UnknownPipeline { pipeline }),
        }
    }

    /// The gate of start and restart, with `campaign` as it would be just before the launch: the phase at the position alone in
    /// `step_by_step`, every remaining one that is not to be skipped in `full_sequence`.
    pub(super) fn preflight(&self, campaign: &Campaign) -> Result<(), Rejection> {
        let report = match campaign.mode {
            Mode::FullSequence => self.known.preflight(campaign),
            Mode::StepByStep => {
                let slot = campaign.current();
                let check = slot.map(|slot| self.known.check(&slot.phase, slot.config.as_ref()));
                PreflightReport::new(check.into_iter().collect())
            }
        };
        if report.is_ready() {
            Ok(())
        } else {
            Err(Rejection::PreflightFailed { report })
        }
    }

    /// The gate of a run that goes on by itself or after a pause: its own phase, and inputs that it can continue with.
    pub(super) fn barrier(&self, run: &RunState) -> Option<Barrier> {
        let slot = self.campaign.current()?;
        let check = self.known.check(&slot.phase, slot.config.as_ref());
        if !check.is_clean() {
            return Some(Barrier::Config(PreflightReport::new(vec![check])));
        }
        (!self.continues(run)).then_some(Barrier::Input)
    }

    /// Whether a run can continue from its checkpoint: nothing that it works with changed, or its runner agrees to the change.
    pub(super) fn continues(&self, run: &RunState) -> bool {
        let Some(slot) = self.campaign.current() else {
            return false;
        };
        let unchanged = slot
            .config
            .as_ref()
            .is_some_and(|pin| pin.revision == run.pins.config)
            && self.known.resources(&slot.phase) == run.pins.resources;
        unchanged || self.known.can_continue()
    }

    fn launch(&self, draft: &mut Draft<'_>, index: usize, run: Run, attempt: Attempt) -> Launch {
        let started_at = draft.at();
        let campaign = draft.campaign();
        let slot = &campaign.phases[index];
        Launch {
            phase: slot.phase.clone(),
            run,
            attempt,
            config_revision: slot.config.as_ref().map_or(Revision(0), |pin| pin.revision),
            resources: self.known.resources(&slot.phase),
            upstream: campaign.upstream_of(index),
            started_at,
        }
    }

    pub(super) fn launch_afresh(&self, draft: &mut Draft<'_>, index: usize) -> Launch {
        let run = draft.campaign().phases[index].latest_run.next();
        self.launch(draft, index, run, Attempt(1))
    }

    pub(super) fn launch_next_attempt(&self, draft: &mut Draft<'_>, run: &RunState) -> Launch {
        let index = draft.campaign().position();
        self.launch(draft, index, run.run, run.attempt.next())
    }

    /// Whether the phase could start right now by itself: its own config is clean, and the pipeline is the campaign's.
    pub(super) fn is_ready(&self, campaign: &Campaign, index: usize) -> bool {
        let Some(slot) = campaign.phases.get(index) else {
            return false;
        };
        self.known.pipeline() == PipelineMatch::Same
            && self.known.check(&slot.phase, slot.config.as_ref()).is_clean()
    }

    pub(super) fn already_running(&self, phase: &PhaseName) -> Rejection {
        Rejection::AlreadyRunning { phase: phase.clone() }
    }
}
