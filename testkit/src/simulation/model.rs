//! The reference model: the rules of a campaign, written as plainly as possible, and in another way than the machine's.
//!
//! It keeps a status per phase; the machine keeps a position and one activity. It has no events, no revisions and no store. If
//! both agree over many random histories, both are probably right.

use phasegate_core::{CampaignStatus, Mode, PhaseStatus};

use super::step::ConfigChoice;

/// The model's answer to a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It is accepted.
    Accepted,
    /// It is refused with this code.
    Refused(&'static str),
}

use Answer::{Accepted, Refused};

/// A config in the model: its choice, and the number of the time it was stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct ModelConfig {
    choice: ConfigChoice,
    storing: u32,
}

/// The inputs of a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct ModelInputs {
    storing: u32,
    resource: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
struct ModelPhase {
    status: PhaseStatus,
    config: Option<ModelConfig>,
    run: u32,
    attempt: u32,
    inputs: Option<ModelInputs>,
    records: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ModelIntent {
    Nothing,
    Pause,
    Stop,
}

/// The model of one campaign and the resource it may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    mode: Mode,
    phases: Vec<ModelPhase>,
    intent: ModelIntent,
    held: bool,
    storings: u32,
    resource_enabled: bool,
    resource_revision: u32,
}

/// The view of one phase in the model: status, configured, run, attempt and records of the current run.
pub type ShownPhase = (PhaseStatus, bool, Option<u32>, Option<u32>, u64);

impl Model {
    /// A new campaign of this many phases, in `step_by_step`.
    pub fn new(phases: usize) -> Self {
        let phase = ModelPhase {
            status: PhaseStatus::NotStarted,
            config: None,
            run: 0,
            attempt: 0,
            inputs: None,
            records: 0,
        };
        Self {
            mode: Mode::StepByStep,
            phases: vec![phase; phases],
            intent: ModelIntent::Nothing,
            held: false,
            storings: 0,
            resource_enabled: true,
            resource_revision: 1,
        }
    }

    fn next(&self) -> Option<usize> {
        self.phases
            .iter()
            .position(|phase| phase.status != PhaseStatus::Completed)
    }

    /// The running phase with its run and attempt.
    pub fn running(&self) -> Option<(usize, u32, u32)> {
        let index = self
            .phases
            .iter()
            .position(|phase| phase.status == PhaseStatus::Running)?;
        Some((index, self.phases[index].run, self.phases[index].attempt))
    }

    /// Whether the running phase was asked to pause or stop.
    pub fn is_asked_to_rest(&self) -> bool {
        self.intent != ModelIntent::Nothing
    }

    fn clean(&self, index: usize) -> bool {
        match self.phases[index].config.map(|stored| stored.choice) {
            None | Some(ConfigChoice::Invalid) => false,
            Some(ConfigChoice::Valid(_)) => true,
            Some(ConfigChoice::WithResource(_)) => self.resource_enabled,
        }
    }

    fn acceptable(&self, choice: ConfigChoice) -> bool {
        match choice {
            ConfigChoice::Valid(_) => true,
            ConfigChoice::WithResource(_) => self.resource_enabled,
            ConfigChoice::Invalid => false,
        }
    }

    fn gate(&self, from: usize) -> bool {
        match self.mode {
            Mode::StepByStep => self.clean(from),
            Mode::FullSequence => (from..self.phases.len()).all(|index| self.clean(index)),
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

    fn launch_afresh(&mut self, index: usize) {
        let inputs = self.inputs(index);
        let phase = &mut self.phases[index];
        phase.run += 1;
        phase.attempt = 1;
        phase.records = 0;
        phase.inputs = inputs;
        phase.status = PhaseStatus::Running;
        self.intent = ModelIntent::Nothing;
        self.held = false;
    }

    fn launch_again(&mut self, index: usize) {
        let inputs = self.inputs(index);
        let phase = &mut self.phases[index];
        phase.attempt += 1;
        phase.inputs = inputs;
        phase.status = PhaseStatus::Running;
        self.intent = ModelIntent::Nothing;
    }

    fn store(&mut self, index: usize, choice: ConfigChoice) {
        if self.phases[index].config.map(|stored| stored.choice) != Some(choice) {
            self.storings += 1;
            self.phases[index].config = Some(ModelConfig {
                choice,
                storing: self.storings,
            });
        }
    }

    fn locked(&self, index: usize) -> bool {
        matches!(
            self.phases[index].status,
            PhaseStatus::Running | PhaseStatus::Paused | PhaseStatus::Completed
        )
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

    /// Starts a phase.
    pub fn start(&mut self, index: usize) -> Answer {
        if self.next() != Some(index) {
            return Refused("out_of_order");
        }
        match self.phases[index].status {
            PhaseStatus::Running => return Refused("already_running"),
            PhaseStatus::Paused => return Refused("paused"),
            _ => {}
        }
        if !self.gate(index) {
            return Refused("preflight_failed");
        }
        let retried = matches!(
            self.phases[index].status,
            PhaseStatus::Failed | PhaseStatus::Stopped
        );
        if retried && self.phases[index].inputs == self.inputs(index) {
            self.launch_again(index);
        } else {
            self.launch_afresh(index);
        }
        Accepted
    }

    /// Begins a phase afresh.
    pub fn restart(&mut self, index: usize, config: Option<ConfigChoice>) -> Answer {
        if self.running().is_some() {
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
        if !after.gate(index) {
            return Refused("preflight_failed");
        }
        for phase in &mut after.phases[index + 1..] {
            phase.status = PhaseStatus::NotStarted;
        }
        after.launch_afresh(index);
        *self = after;
        Accepted
    }

    /// Asks for a pause.
    pub fn pause(&mut self) -> Answer {
        match (self.running(), self.intent) {
            (Some(_), ModelIntent::Nothing) => {
                self.intent = ModelIntent::Pause;
                Accepted
            }
            (Some(_), ModelIntent::Pause) => Accepted,
            (Some(_), ModelIntent::Stop) => Refused("not_running"),
            (None, _) if self.held || self.any(PhaseStatus::Paused) => Accepted,
            (None, _) => Refused("not_running"),
        }
    }

    /// Asks for a resume.
    pub fn resume(&mut self) -> Answer {
        match (self.next(), self.intent) {
            (Some(index), intent) if self.phases[index].status == PhaseStatus::Running => match intent {
                ModelIntent::Nothing => Accepted,
                ModelIntent::Pause => Refused("pausing"),
                ModelIntent::Stop => Refused("stopping"),
            },
            (Some(index), _) if self.phases[index].status == PhaseStatus::Paused => {
                if !self.clean(index) {
                    return Refused("config_invalid");
                }
                self.launch_again(index);
                Accepted
            }
            (Some(index), _) if self.held => self.start(index),
            _ => Refused("not_paused"),
        }
    }

    /// Asks for a stop.
    pub fn stop(&mut self) -> Answer {
        let paused = self
            .phases
            .iter()
            .position(|phase| phase.status == PhaseStatus::Paused);
        if self.running().is_some() {
            self.intent = ModelIntent::Stop;
        } else if let Some(index) = paused {
            self.phases[index].status = PhaseStatus::Stopped;
        } else if self.held {
            self.held = false;
        } else if !self.any(PhaseStatus::Stopped) {
            return Refused("not_running");
        }
        Accepted
    }

    fn any(&self, status: PhaseStatus) -> bool {
        self.phases.iter().any(|phase| phase.status == status)
    }

    /// The runner commits records.
    pub fn commit(&mut self, records: u64) {
        if let Some((index, ..)) = self.running() {
            self.phases[index].records += records;
        }
    }

    /// The runner completes.
    pub fn complete(&mut self) {
        let Some((index, ..)) = self.running() else { return };
        self.phases[index].status = PhaseStatus::Completed;
        let intent = std::mem::replace(&mut self.intent, ModelIntent::Nothing);
        if index + 1 == self.phases.len() || self.mode == Mode::StepByStep {
            return;
        }
        match intent {
            ModelIntent::Nothing if self.clean(index + 1) => self.launch_afresh(index + 1),
            ModelIntent::Nothing | ModelIntent::Stop => {}
            ModelIntent::Pause => self.held = true,
        }
    }

    /// The runner fails.
    pub fn fail(&mut self) {
        if let Some((index, ..)) = self.running() {
            self.phases[index].status = PhaseStatus::Failed;
            self.intent = ModelIntent::Nothing;
        }
    }

    /// The runner comes to rest.
    pub fn rest(&mut self) {
        if let Some((index, ..)) = self.running() {
            self.phases[index].status = match self.intent {
                ModelIntent::Pause => PhaseStatus::Paused,
                ModelIntent::Stop => PhaseStatus::Stopped,
                // It gave up although nobody asked it to.
                ModelIntent::Nothing => PhaseStatus::Failed,
            };
            self.intent = ModelIntent::Nothing;
        }
    }

    /// The resource is disabled, or enabled again. Both give it another revision.
    pub fn toggle_resource(&mut self) {
        self.resource_enabled = !self.resource_enabled;
        self.resource_revision += 1;
    }

    /// Whether the resource may be used.
    pub fn resource_enabled(&self) -> bool {
        self.resource_enabled
    }

    /// Another process has opened the store and recovered.
    pub fn recover(&mut self) {
        let Some((index, ..)) = self.running() else { return };
        match self.intent {
            ModelIntent::Nothing if self.clean(index) => self.launch_again(index),
            ModelIntent::Nothing => self.fail(),
            ModelIntent::Pause | ModelIntent::Stop => self.rest(),
        }
    }

    /// A process without the pipeline has opened the store and recovered: nothing changes, and it learns of a running phase.
    pub fn recover_without(&self) -> Answer {
        match self.running() {
            Some(_) => Refused("unknown_pipeline"),
            None => Accepted,
        }
    }

    /// The status of the campaign.
    pub fn status(&self) -> CampaignStatus {
        let Some(index) = self.next() else {
            return CampaignStatus::Completed;
        };
        match (self.phases[index].status, self.intent) {
            (PhaseStatus::Running, ModelIntent::Nothing) => CampaignStatus::Running,
            (PhaseStatus::Running, ModelIntent::Pause) => CampaignStatus::Pausing,
            (PhaseStatus::Running, ModelIntent::Stop) => CampaignStatus::Stopping,
            (PhaseStatus::Paused, _) => CampaignStatus::Paused,
            (PhaseStatus::Failed, _) => CampaignStatus::Failed,
            (PhaseStatus::Stopped, _) => CampaignStatus::Stopped,
            _ if self.held => CampaignStatus::Paused,
            _ if self.mode == Mode::FullSequence && index > 0 && !self.gate(index) => {
                CampaignStatus::WaitingForConfiguration
            }
            _ => CampaignStatus::Idle,
        }
    }

    /// The views of its phases.
    pub fn shown(&self) -> Vec<ShownPhase> {
        let shown = |phase: &ModelPhase| {
            let started = phase.status != PhaseStatus::NotStarted;
            let run = started.then_some(phase.run);
            let records = if started { phase.records } else { 0 };
            (
                phase.status,
                phase.config.is_some(),
                run,
                started.then_some(phase.attempt),
                records,
            )
        };
        self.phases.iter().map(shown).collect()
    }

    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The stored config of each phase.
    pub fn configs(&self) -> Vec<Option<ConfigChoice>> {
        let choice = |phase: &ModelPhase| phase.config.map(|stored| stored.choice);
        self.phases.iter().map(choice).collect()
    }

    /// Whether the recorded outcome of this attempt is still part of the campaign.
    pub fn stands(&self, index: usize, run: u32, attempt: u32, status: PhaseStatus) -> bool {
        let phase = &self.phases[index];
        (phase.status, phase.run, phase.attempt) == (status, run, attempt)
    }
}
