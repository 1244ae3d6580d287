//! What happens to a campaign: its runner's doings, the answers of others, time, and the end of a process.

use phasegate_core::PhaseStatus;

use super::{Answer, Ending, Model, ModelIntent, ModelWait};
use crate::simulation::rules::rules;
use crate::simulation::step::{Deferral, Form, GivenAnswer};

use Answer::{Accepted, Refused};

impl Model {
    /// The runner commits records, and their number as its checkpoint.
    pub fn commit(&mut self, records: u64) {
        let Some((index, ..)) = self.running() else { return };
        let phase = &mut self.phases[index];
        phase.records += records;
        // Records are progress, and so is another checkpoint.
        if records > 0 || !phase.has_checkpoint {
            (phase.failed_tries, phase.recoveries) = (0, 0);
        }
        phase.has_checkpoint = true;
    }

    /// The runner completes.
    pub fn complete(&mut self) {
        if let Some((index, ..)) = self.running() {
            self.completed(index);
        }
    }

    fn completed(&mut self, index: usize) {
        let phase = &mut self.phases[index];
        let intent = match phase.status {
            PhaseStatus::Paused => ModelIntent::Pause,
            _ => self.intent,
        };
        phase.status = PhaseStatus::Completed;
        phase.wait = None;
        self.intent = ModelIntent::Nothing;
        self.go_on(intent);
    }

    /// The runner fails, for good or not.
    pub fn fail(&mut self, for_good: bool) {
        if let Some((index, ..)) = self.running() {
            if for_good {
                self.failed(index, "told_to");
            } else {
                self.tried(index, "told_to");
            }
        }
    }

    /// A failure that nothing tries again.
    fn failed(&mut self, index: usize, code: &'static str) {
        let phase = &mut self.phases[index];
        phase.status = PhaseStatus::Failed;
        phase.failure = Some(code);
        phase.wait = None;
        self.intent = ModelIntent::Nothing;
    }

    /// A failure that the policy is asked about, unless somebody wanted the phase to rest.
    fn tried(&mut self, index: usize, code: &'static str) {
        let asked_to_rest = self.is_asked_to_rest();
        self.failed(index, code);
        let phase = &mut self.phases[index];
        phase.failed_tries += 1;
        let max_tries = phase.own_tries.unwrap_or(rules(index).max_tries);
        if !asked_to_rest && phase.failed_tries < max_tries {
            phase.status = PhaseStatus::Retrying;
        }
    }

    /// The runner comes to rest.
    pub fn rest(&mut self) {
        let Some((index, ..)) = self.running() else { return };
        match self.intent {
            ModelIntent::Pause => self.phases[index].status = PhaseStatus::Paused,
            ModelIntent::Stop => self.phases[index].status = PhaseStatus::Stopped,
            // It gave up although nobody asked it to.
            ModelIntent::Nothing => self.tried(index, "interrupted"),
        }
        self.intent = ModelIntent::Nothing;
    }

    /// The runner leaves its outcome to somebody else.
    pub fn defer(&mut self, deferral: Deferral) {
        let Some((index, ..)) = self.running() else { return };
        let phase = &mut self.phases[index];
        match (self.intent, deferral.form) {
            (ModelIntent::Stop, _) => phase.status = PhaseStatus::Stopped,
            (_, Form::Broken) => return self.failed(index, "form_invalid"),
            (intent, form) => {
                phase.status = match intent {
                    ModelIntent::Pause => PhaseStatus::Paused,
                    _ => PhaseStatus::WaitingForReport,
                };
                phase.wait = Some(ModelWait {
                    form: form == Form::Asks,
                    deadline: deferral.deadline,
                });
            }
        }
        self.intent = ModelIntent::Nothing;
    }

    /// Somebody answers for the phase that waits, paused or not. Where none waits, nothing is answered.
    pub fn answer(&mut self, given: GivenAnswer) -> Answer {
        let Some((index, ..)) = self.waiting() else {
            return Accepted;
        };
        let phase = &mut self.phases[index];
        let has_form = phase.wait.is_some_and(|wait| wait.form);
        match given {
            GivenAnswer::Unfit if has_form => return Refused("answer_invalid"),
            GivenAnswer::Unfit => self.completed(index),
            GivenAnswer::Completed(records) => {
                phase.records += u64::from(records);
                self.completed(index);
            }
            // The answer of a gate is final.
            GivenAnswer::Failed => self.failed(index, "rejected"),
        }
        Accepted
    }

    /// So much time passes that whatever is waited for is due, and the campaign is woken.
    pub fn pass_time(&mut self) {
        let overdue = |phase: &super::ModelPhase| phase.wait.is_some_and(|wait| wait.deadline);
        if let Some(index) = self.with_status(PhaseStatus::Retrying) {
            if !self.clean(index) {
                self.failed(index, "config_invalid");
            } else if !self.continues(index) {
                self.failed(index, "input_changed");
            } else {
                self.launch(index);
            }
        } else if let Some(index) = self.phases.iter().position(overdue) {
            self.failed(index, "deadline_passed");
        }
    }

    /// The resource is disabled, or enabled again. Both give it another revision.
    pub fn toggle_resource(&mut self) {
        self.resource_enabled = !self.resource_enabled;
        self.resource_revision += 1;
    }

    /// Another process has opened the store and recovered, after one that ended so.
    pub fn recover(&mut self, ending: Ending) {
        let Some((index, ..)) = self.running() else { return };
        if self.is_asked_to_rest() {
            self.rest();
        } else if !self.clean(index) {
            self.failed(index, "config_invalid");
        } else if !self.continues(index) {
            self.failed(index, "input_changed");
        } else {
            let phase = &mut self.phases[index];
            phase.recoveries += u32::from(ending == Ending::Crashed);
            if ending == Ending::Crashed && phase.recoveries > rules(index).max_recoveries {
                self.failed(index, "crash_loop");
            } else {
                self.launch(index);
            }
        }
    }

    /// A process without the pipeline has opened the store and recovered: nothing changes, and it learns of a running phase.
    pub fn recover_without(&self) -> Answer {
        match self.running() {
            Some(_) => Refused("unknown_pipeline"),
            None => Accepted,
        }
    }
}
