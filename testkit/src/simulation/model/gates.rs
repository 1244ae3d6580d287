//! Which phases are ready, what a run works with, and how a phase is launched or passed.

use phasegate_core::{Mode, PhaseStatus, SkipReads};

use super::{Model, ModelConfig, ModelInputs, ModelIntent};
use crate::simulation::rules::can_continue;
use crate::simulation::step::ConfigChoice;

impl Model {
    pub(super) fn clean(&self, index: usize) -> bool {
        let stored = self.phases[index].config;
        stored.is_some_and(|stored| self.acceptable(stored.choice))
    }

    pub(super) fn acceptable(&self, choice: ConfigChoice) -> bool {
        match choice {
            ConfigChoice::Valid(_) => true,
            ConfigChoice::WithResource(_) => self.resource_enabled,
            ConfigChoice::Invalid => false,
        }
    }

    /// The gate of a start at `from`: its own phase, or in `full_sequence` every one from there that is not to be skipped.
    pub(super) fn gate(&self, from: usize) -> bool {
        let remaining = from..self.phases.len();
        match self.mode {
            Mode::StepByStep => self.clean(from),
            Mode::FullSequence => remaining
                .into_iter()
                .all(|index| self.phases[index].skip.is_some() || self.clean(index)),
        }
    }

    fn inputs(&self, index: usize) -> Option<ModelInputs> {
        let stored = self.phases[index].config?;
        let resource =
            matches!(stored.choice, ConfigChoice::WithResource(_)).then_some(self.resource_revision);
        Some(ModelInputs {
            storing: stored.storing,
            resource,
        })
    }

    /// Whether the run of a phase can go on with what is stored now.
    pub(super) fn continues(&self, index: usize) -> bool {
        let phase = &self.phases[index];
        phase.inputs == self.inputs(index) || phase.config.is_some_and(|stored| can_continue(stored.choice))
    }

    /// The run that a phase reads: of the phase before, if that completed, or what that one would have read.
    fn upstream(&self, index: usize) -> Option<(usize, u32)> {
        let before = index.checked_sub(1)?;
        let phase = &self.phases[before];
        match phase.skip {
            None => Some((before, phase.run)),
            Some(skip) if skip.reads == SkipReads::Empty => None,
            Some(_) => self.upstream(before),
        }
    }

    pub(super) fn launch_afresh(&mut self, index: usize) {
        let phase = &mut self.phases[index];
        phase.run += 1;
        phase.attempt = 0;
        phase.records = 0;
        phase.has_checkpoint = false;
        self.launch_by_hand(index);
    }

    /// The next attempt of the run, set going by a person: both counts begin anew.
    pub(super) fn launch_by_hand(&mut self, index: usize) {
        let phase = &mut self.phases[index];
        (phase.failed_tries, phase.recoveries) = (0, 0);
        self.launch(index);
    }

    /// The next attempt of the run.
    pub(super) fn launch(&mut self, index: usize) {
        let (inputs, upstream) = (self.inputs(index), self.upstream(index));
        let phase = &mut self.phases[index];
        phase.attempt += 1;
        phase.inputs = inputs;
        phase.upstream = upstream;
        phase.wait = None;
        phase.failure = None;
        phase.status = PhaseStatus::Running;
        self.intent = ModelIntent::Nothing;
        self.held = false;
    }

    pub(super) fn store(&mut self, index: usize, choice: ConfigChoice) {
        if self.phases[index].config.map(|stored| stored.choice) != Some(choice) {
            self.storings += 1;
            self.phases[index].config = Some(ModelConfig {
                choice,
                storing: self.storings,
            });
        }
    }

    pub(super) fn locked(&self, index: usize) -> bool {
        match self.phases[index].status {
            PhaseStatus::NotStarted | PhaseStatus::Failed | PhaseStatus::Retrying | PhaseStatus::Stopped => {
                false
            }
            PhaseStatus::Running
            | PhaseStatus::WaitingForReport
            | PhaseStatus::Paused
            | PhaseStatus::Completed
            | PhaseStatus::Skipped => true,
        }
    }

    /// Passes the phases that are to be skipped next.
    pub(super) fn pass_skips(&mut self) {
        while let Some(next) = self.next()
            && self.phases[next].skip.is_some()
        {
            let phase = &mut self.phases[next];
            phase.status = PhaseStatus::Skipped;
            (phase.wait, phase.failure) = (None, None);
        }
    }

    /// What follows when a phase was passed, or is to be skipped where the campaign has come to it.
    pub(super) fn go_on(&mut self, intent: ModelIntent) {
        self.pass_skips();
        let Some(next) = self.next() else {
            self.held = false;
            return;
        };
        if self.mode == Mode::StepByStep || self.held {
            return;
        }
        match intent {
            ModelIntent::Nothing if self.clean(next) => self.launch_afresh(next),
            ModelIntent::Nothing | ModelIntent::Stop => {}
            ModelIntent::Pause => self.held = true,
        }
    }
}
