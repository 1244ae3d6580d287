//! What somebody asks for.

use phasegate_core::{Mode, PhaseStatus};

use super::{Answer, Model, ModelIntent, ModelSkip};
use crate::simulation::rules::rules;
use crate::simulation::step::{ConfigChoice, Description};

use Answer::{Accepted, Refused};

impl Model {
    /// Gives another name or another tag.
    pub fn describe(&mut self, description: Description) -> Answer {
        self.describe_as(description)
    }

    /// Stores several configs, or none.
    pub fn configure(&mut self, configs: &[(usize, ConfigChoice)]) -> Answer {
        let locked = configs.iter().filter(|(index, _)| self.locked(*index)).count();
        let wrong = configs
            .iter()
            .any(|(index, choice)| !self.locked(*index) && !self.acceptable(*choice));
        match (locked, wrong) {
            (_, true) => Refused("config_invalid"),
            (0, false) => {
                configs
                    .iter()
                    .for_each(|(index, choice)| self.store(*index, *choice));
                Accepted
            }
            (1, false) => Refused("phase_locked"),
            (_, false) => Refused("config_invalid"),
        }
    }

    /// Removes a config.
    pub fn unconfigure(&mut self, index: usize) -> Answer {
        if self.phases[index].status != PhaseStatus::NotStarted {
            return Refused("phase_started");
        }
        self.phases[index].config = None;
        Accepted
    }

    /// Sets the mode.
    pub fn set_mode(&mut self, mode: Mode) -> Answer {
        self.mode = mode;
        Accepted
    }

    /// Sets the campaign's own policy for a phase, or takes it away. No policy has 0 tries.
    pub fn set_retry(&mut self, index: usize, tries: Option<u32>) -> Answer {
        let phase = &mut self.phases[index];
        if matches!(phase.status, PhaseStatus::Completed | PhaseStatus::Skipped) {
            return Refused("phase_locked");
        }
        if tries == Some(0) {
            return Refused("invalid_retry");
        }
        phase.own_tries = tries;
        Accepted
    }

    /// Starts a phase.
    pub fn start(&mut self, index: usize) -> Answer {
        let is_candidate = |index: &usize| {
            let phase = &self.phases[*index];
            !matches!(phase.status, PhaseStatus::Completed | PhaseStatus::Skipped) && phase.skip.is_none()
        };
        if (0..self.phases.len()).find(is_candidate) != Some(index) {
            return Refused("out_of_order");
        }
        let goes_on = match (self.phases[index].status, self.intent) {
            (PhaseStatus::Running, ModelIntent::Pause) => return Refused("pausing"),
            (PhaseStatus::Running, ModelIntent::Stop) => return Refused("stopping"),
            (PhaseStatus::Running | PhaseStatus::WaitingForReport, _) => {
                return Refused("already_running");
            }
            (PhaseStatus::Paused, _) => return Refused("paused"),
            (status, _) => status != PhaseStatus::NotStarted,
        };
        if !self.gate(index) {
            return Refused("preflight_failed");
        }
        self.pass_skips();
        if goes_on && self.continues(index) {
            self.launch_by_hand(index);
        } else {
            self.launch_afresh(index);
        }
        Accepted
    }

    /// Begins a phase afresh.
    pub fn restart(&mut self, index: usize, config: Option<ConfigChoice>) -> Answer {
        if self.is_busy() {
            return Refused("already_running");
        }
        if self.phases[index].status == PhaseStatus::NotStarted {
            return Refused("not_started");
        }
        if config.is_some_and(|choice| !self.acceptable(choice)) {
            return Refused("config_invalid");
        }
        let mut after = self.clone();
        if let Some(choice) = config {
            after.store(index, choice);
        }
        // What was skipped later is to be skipped again.
        for phase in &mut after.phases[index + 1..] {
            phase.status = PhaseStatus::NotStarted;
            (phase.wait, phase.failure) = (None, None);
        }
        after.phases[index].skip = None;
        if !after.gate(index) {
            return Refused("preflight_failed");
        }
        after.launch_afresh(index);
        *self = after;
        Accepted
    }

    /// Skips a phase at once, or plans to, for the reason of this number.
    pub fn skip(&mut self, index: usize, reason: u8) -> Answer {
        let status = self.phases[index].status;
        match status {
            PhaseStatus::Completed | PhaseStatus::Skipped => return Refused("phase_locked"),
            PhaseStatus::Running | PhaseStatus::WaitingForReport => return Refused("already_running"),
            _ if self.phases[index].skip.is_some() => return Accepted,
            _ => {}
        }
        let Some(reads) = rules(index).on_skip.reads() else {
            return Refused("skip_forbidden");
        };
        let nothing_passed = self.next() == Some(0);
        let others = (0..self.phases.len()).filter(|other| *other != index);
        if nothing_passed
            && status == PhaseStatus::NotStarted
            && others.into_iter().all(|other| self.phases[other].skip.is_some())
        {
            return Refused("nothing_left");
        }
        self.phases[index].skip = Some(ModelSkip { reads, reason });
        let is_here = self.next() == Some(index);
        match status {
            PhaseStatus::NotStarted if !is_here || nothing_passed => {}
            PhaseStatus::Paused => self.go_on(ModelIntent::Pause),
            _ => self.go_on(ModelIntent::Nothing),
        }
        Accepted
    }

    /// Withdraws the plan to skip a phase.
    pub fn unskip(&mut self, index: usize) -> Answer {
        let phase = &mut self.phases[index];
        if matches!(phase.status, PhaseStatus::Completed | PhaseStatus::Skipped) {
            return Refused("phase_locked");
        }
        phase.skip = None;
        Accepted
    }

    /// Asks for a pause.
    pub fn pause(&mut self) -> Answer {
        let at_once = self
            .with_status(PhaseStatus::WaitingForReport)
            .or(self.with_status(PhaseStatus::Retrying));
        if let Some(index) = at_once {
            self.phases[index].status = PhaseStatus::Paused;
            self.phases[index].failure = None;
            return Accepted;
        }
        match (self.running(), self.intent) {
            (Some(_), ModelIntent::Nothing) => {
                self.intent = ModelIntent::Pause;
                Accepted
            }
            (Some(_), ModelIntent::Pause) => Accepted,
            (Some(_), ModelIntent::Stop) => Refused("not_running"),
            (None, _) if self.held || self.with_status(PhaseStatus::Paused).is_some() => Accepted,
            (None, _) => Refused("not_running"),
        }
    }

    /// Asks for a resume.
    pub fn resume(&mut self) -> Answer {
        let Some(index) = self.next() else {
            return Refused("not_paused");
        };
        match (self.phases[index].status, self.intent) {
            (PhaseStatus::Running, ModelIntent::Pause) => Refused("pausing"),
            (PhaseStatus::Running, ModelIntent::Stop) => Refused("stopping"),
            (PhaseStatus::Running | PhaseStatus::WaitingForReport, _) => Accepted,
            (PhaseStatus::Paused, _) if self.phases[index].wait.is_some() => {
                self.phases[index].status = PhaseStatus::WaitingForReport;
                Accepted
            }
            (PhaseStatus::Paused, _) if !self.clean(index) => Refused("config_invalid"),
            (PhaseStatus::Paused, _) if !self.continues(index) => Refused("input_changed"),
            (PhaseStatus::Paused, _) => {
                self.launch_by_hand(index);
                Accepted
            }
            _ if self.held => self.start(index),
            _ => Refused("not_paused"),
        }
    }

    /// Asks for a stop.
    pub fn stop(&mut self) -> Answer {
        let Some(index) = self.next() else {
            return Refused("not_running");
        };
        let phase = &mut self.phases[index];
        match phase.status {
            PhaseStatus::Running => self.intent = ModelIntent::Stop,
            PhaseStatus::WaitingForReport | PhaseStatus::Paused | PhaseStatus::Retrying => {
                phase.status = PhaseStatus::Stopped;
                (phase.wait, phase.failure) = (None, None);
            }
            PhaseStatus::Stopped => {}
            _ if self.held => self.held = false,
            _ => return Refused("not_running"),
        }
        Accepted
    }

    /// Hides the older runs of a phase, or of all. A current run always stays.
    pub fn prune(&mut self, keep_runs: u32, index: Option<usize>) -> Answer {
        for (of, phase) in self.phases.iter_mut().enumerate() {
            if index.is_none_or(|index| index == of) {
                let keep = keep_runs.max(u32::from(phase.has_current_run()));
                phase.pruned = phase.pruned.max(phase.run.saturating_sub(keep));
            }
        }
        Accepted
    }
}
