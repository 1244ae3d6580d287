//! Turns commands into events. Each rule here is a row of `core/tests/command_table.txt`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::campaign::{Activity, Campaign, Intent, Mode, RunState, StopReason};
use crate::command::{Command, CreateCampaign, Outcome};
use crate::event::{Event, EventKind, Launch};
use crate::facts::{Facts, PipelineMatch};
use crate::failure::Failure;
use crate::ids::{Attempt, PhaseName, PipelineId, Revision, Run, Ticket, Version};
use crate::json::Digest;
use crate::limits::MAX_NAME_CHARS;
use crate::measure::Part;
use crate::preflight::PreflightReport;
use crate::problem::{Problem, Problems};
use crate::rejection::Rejection;
use crate::status::{CampaignStatus, PhaseStatus};
use crate::time::Timestamp;

/// The events of one decision, numbered as they will stand in the log.
struct Draft {
    version: Version,
    now: Timestamp,
    events: Vec<Event>,
}

impl Draft {
    fn after(campaign: &Campaign, now: Timestamp) -> Self {
        Self {
            version: campaign.version,
            now,
            events: Vec::new(),
        }
    }

    fn push(&mut self, kind: EventKind) {
        self.version = self.version.next();
        self.events.push(Event {
            timestamp: self.now,
            kind,
        });
    }

    /// A config's revision is the number of the event that stores it, so no other config ever has it.
    fn configure(&mut self, phase: PhaseName, digest: Digest) -> Revision {
        let revision = Revision(self.version.next().0);
        self.push(EventKind::PhaseConfigured {
            phase,
            revision,
            digest,
        });
        revision
    }
}

/// Decides the creation of a campaign of `pipeline`, which has these `phases`, in order.
///
/// `facts.proposed` holds the check of each config that comes with it.
///
/// # Errors
///
/// [`Rejection::InvalidName`], [`Rejection::UnknownPhase`], [`Rejection::ConfigInvalid`], or [`Rejection::TooLarge`] or
/// [`Rejection::TooDeep`] where nothing else is wrong.
pub fn create(
    command: &CreateCampaign,
    pipeline: &PipelineId,
    phases: &[PhaseName],
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let chars = command.name.chars().count();
    if !(1..=MAX_NAME_CHARS).contains(&chars) || command.name.trim().is_empty() {
        return Err(Rejection::InvalidName { chars });
    }
    let mut draft = Draft {
        version: Version(0),
        now,
        events: Vec::new(),
    };
    draft.push(EventKind::CampaignCreated {
        name: command.name.clone(),
        pipeline: pipeline.clone(),
        phases: phases.to_vec(),
        mode: command.mode,
    });
    for phase in command.configs.keys() {
        if !phases.contains(phase) {
            return Err(Rejection::UnknownPhase {
                phase: phase.clone(),
                phases: phases.to_vec(),
            });
        }
    }
    let in_order = phases
        .iter()
        .filter_map(|phase| Some((phase, command.configs.get(phase)?)));
    let digests = digest_configs(in_order.collect(), facts, Vec::new())?;
    for (phase, digest) in digests {
        draft.configure(phase, digest);
    }
    Ok(draft.events)
}

/// Decides what `command` does to `campaign`, given the facts of the moment.
///
/// No event means that the command succeeds and changes nothing. The function is pure and total.
///
/// # Errors
///
/// The [`Rejection`] that says why, and what to do.
pub fn decide(
    campaign: &Campaign,
    facts: &Facts,
    command: &Command,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let decision = Decision { campaign, facts, now };
    match command {
        Command::Configure { configs } => decision.configure(configs),
        Command::Unconfigure { phase } => decision.unconfigure(phase),
        Command::SetMode { mode } => decision.set_mode(*mode),
        Command::Start { phase } => decision.start(phase),
        Command::Restart { phase, config } => decision.restart(phase, config.as_ref()),
        Command::Report { ticket, outcome } => decision.report(ticket, outcome),
        Command::Quiet { ticket } => decision.quiet(ticket),
        Command::Pause => decision.pause(),
        Command::Resume => decision.resume(),
        Command::Stop => decision.stop(),
        Command::Recover { ticket } => decision.recover(ticket),
        Command::Delete => decision.one(EventKind::CampaignDeleted {}),
    }
}

/// Whether a phase's config may be stored now.
pub(crate) fn configurable(campaign: &Campaign, facts: &Facts, phase: &PhaseName) -> Result<(), Rejection> {
    Decision {
        campaign,
        facts,
        now: campaign.changed_at,
    }
    .configurable(phase)
}

/// Whether a phase's config may be taken away now.
pub(crate) fn unconfigurable(campaign: &Campaign, facts: &Facts, phase: &PhaseName) -> Result<(), Rejection> {
    Decision {
        campaign,
        facts,
        now: campaign.changed_at,
    }
    .unconfigurable(phase)
}

type Decided = Result<Vec<Event>, Rejection>;

struct Decision<'a> {
    campaign: &'a Campaign,
    facts: &'a Facts,
    now: Timestamp,
}

impl Decision<'_> {
    fn nothing(&self) -> Decided {
        Ok(Vec::new())
    }

    fn one(&self, kind: EventKind) -> Decided {
        Ok(vec![Event {
            timestamp: self.now,
            kind,
        }])
    }

    fn index(&self, phase: &PhaseName) -> Result<usize, Rejection> {
        self.campaign
            .index_of(phase)
            .ok_or_else(|| Rejection::UnknownPhase {
                phase: phase.clone(),
                phases: self
                    .campaign
                    .phases
                    .iter()
                    .map(|slot| slot.phase.clone())
                    .collect(),
            })
    }

    fn same_pipeline(&self) -> Result<(), Rejection> {
        let pipeline = self.campaign.pipeline.clone();
        match self.facts.pipeline {
            PipelineMatch::Same => Ok(()),
            PipelineMatch::Changed => Err(Rejection::PipelineChanged { pipeline }),
            PipelineMatch::Unknown => Err(Rejection::UnknownPipeline { pipeline }),
        }
    }

    fn status(&self) -> CampaignStatus {
        CampaignStatus::of(self.campaign, self.facts)
    }

    /// The name of the phase at the position; there is one whenever the activity is not idle.
    fn current(&self) -> Option<PhaseName> {
        self.campaign.current().map(|slot| slot.phase.clone())
    }

    fn configurable(&self, phase: &PhaseName) -> Result<(), Rejection> {
        self.same_pipeline()?;
        let status = PhaseStatus::of(self.campaign, self.index(phase)?);
        match status {
            PhaseStatus::NotStarted | PhaseStatus::Failed | PhaseStatus::Stopped => Ok(()),
            PhaseStatus::Running | PhaseStatus::Paused | PhaseStatus::Completed => {
                Err(Rejection::PhaseLocked {
                    phase: phase.clone(),
                    status,
                })
            }
        }
    }

    fn unconfigurable(&self, phase: &PhaseName) -> Result<(), Rejection> {
        match PhaseStatus::of(self.campaign, self.index(phase)?) {
            PhaseStatus::NotStarted => Ok(()),
            status => Err(Rejection::PhaseStarted {
                phase: phase.clone(),
                status,
            }),
        }
    }

    fn configure(&self, configs: &BTreeMap<PhaseName, Value>) -> Decided {
        let mut locked = Vec::new();
        for phase in configs.keys() {
            match self.configurable(phase) {
                Ok(()) => {}
                Err(rejection @ Rejection::PhaseLocked { .. }) => locked.push((phase.clone(), rejection)),
                Err(rejection) => return Err(rejection),
            }
        }
        let open = self.campaign.phases.iter().filter_map(|slot| {
            let config = configs.get(&slot.phase)?;
            (!locked.iter().any(|(phase, _)| *phase == slot.phase)).then_some((&slot.phase, config))
        });
        let digests = digest_configs(open.collect(), self.facts, locked)?;
        let mut draft = Draft::after(self.campaign, self.now);
        for (phase, digest) in digests {
            if !self.stores(&phase, &digest) {
                draft.configure(phase, digest);
            }
        }
        Ok(draft.events)
    }

    /// Whether this config is stored already.
    fn stores(&self, phase: &PhaseName, digest: &Digest) -> bool {
        let slot = self.campaign.phases.iter().find(|slot| slot.phase == *phase);
        slot.and_then(|slot| slot.config.as_ref())
            .is_some_and(|pin| pin.digest == *digest)
    }

    fn unconfigure(&self, phase: &PhaseName) -> Decided {
        self.unconfigurable(phase)?;
        let index = self.index(phase)?;
        match self.campaign.phases[index].config {
            None => self.nothing(),
            Some(_) => self.one(EventKind::PhaseConfigRemoved { phase: phase.clone() }),
        }
    }

    fn set_mode(&self, mode: Mode) -> Decided {
        if self.campaign.mode == mode {
            self.nothing()
        } else {
            self.one(EventKind::ModeChanged { mode })
        }
    }

    /// The gate of start and restart: one phase in `step_by_step`, every remaining one in `full_sequence`.
    fn preflight(&self, from: usize) -> Result<(), Rejection> {
        let report = match self.campaign.mode {
            Mode::FullSequence => self.facts.preflight_from(self.campaign, from),
            Mode::StepByStep => {
                let slot = self.campaign.phases.get(from);
                let check = slot.map(|slot| self.facts.check(&slot.phase, slot.config.as_ref()));
                PreflightReport::new(check.into_iter().collect())
            }
        };
        if report.is_ready() {
            Ok(())
        } else {
            Err(Rejection::PreflightFailed { report })
        }
    }

    fn launch(&self, index: usize, run: Run, attempt: Attempt) -> Launch {
        let slot = &self.campaign.phases[index];
        Launch {
            phase: slot.phase.clone(),
            run,
            attempt,
            config_revision: slot.config.as_ref().map_or(Revision(0), |pin| pin.revision),
            resources: self.facts.resources(&slot.phase),
            started_at: self.now,
        }
    }

    fn launch_afresh(&self, index: usize) -> Launch {
        self.launch(index, self.campaign.phases[index].latest_run.next(), Attempt(1))
    }

    fn launch_next_attempt(&self, run: &RunState) -> Launch {
        self.launch(self.campaign.position(), run.run, run.attempt.next())
    }

    fn start(&self, phase: &PhaseName) -> Decided {
        let index = self.index(phase)?;
        if index != self.campaign.position() {
            return Err(Rejection::OutOfOrder {
                phase: phase.clone(),
                status: PhaseStatus::of(self.campaign, index),
                expected: self.current(),
            });
        }
        match &self.campaign.activity {
            Activity::Running { .. } => {
                return Err(Rejection::AlreadyRunning { phase: phase.clone() });
            }
            Activity::Paused { .. } => {
                return Err(Rejection::Paused { phase: phase.clone() });
            }
            Activity::Idle { .. } | Activity::Failed { .. } | Activity::Stopped { .. } => {}
        }
        self.same_pipeline()?;
        self.preflight(index)?;
        let launch = match self.campaign.activity.run() {
            Some(run) if self.continues(run) => self.launch_next_attempt(run),
            _ => self.launch_afresh(index),
        };
        self.one(EventKind::PhaseStarted(launch))
    }

    /// Whether a failed or stopped run continues from its checkpoint. Otherwise it begins afresh.
    fn continues(&self, run: &RunState) -> bool {
        let Some(slot) = self.campaign.current() else {
            return false;
        };
        let unchanged = slot.config.as_ref().is_some_and(|pin| pin.revision == run.config)
            && self.facts.resources(&slot.phase) == run.resources;
        unchanged || self.facts.can_continue
    }

    fn restart(&self, phase: &PhaseName, config: Option<&Value>) -> Decided {
        let index = self.index(phase)?;
        if let (Activity::Running { .. }, Some(running)) = (&self.campaign.activity, self.current()) {
            return Err(Rejection::AlreadyRunning { phase: running });
        }
        if self.campaign.current_run(phase).is_none() {
            return Err(Rejection::NotStarted { phase: phase.clone() });
        }
        self.same_pipeline()?;
        let mut launch = self.launch_afresh(index);
        let mut draft = Draft::after(self.campaign, self.now);
        let proposed = config.map(|config| (phase, config)).into_iter().collect();
        for (phase, digest) in digest_configs(proposed, self.facts, Vec::new())? {
            if !self.stores(&phase, &digest) {
                launch.config_revision = draft.configure(phase, digest);
            }
        }
        self.preflight(index)?;
        draft.push(EventKind::PhaseRestarted(launch));
        Ok(draft.events)
    }

    fn stale(&self, ticket: &Ticket) -> Rejection {
        Rejection::StaleTicket {
            ticket: ticket.clone(),
            current: self.campaign.ticket(),
        }
    }

    fn report(&self, ticket: &Ticket, outcome: &Outcome) -> Decided {
        if self.campaign.ticket().as_ref() != Some(ticket) {
            return if self.recorded(ticket, outcome) {
                self.nothing()
            } else {
                Err(self.stale(ticket))
            };
        }
        let Activity::Running { run, intent, .. } = &self.campaign.activity else {
            return Err(self.stale(ticket));
        };
        let mut draft = Draft::after(self.campaign, self.now);
        let phase = ticket.phase.clone();
        match outcome {
            Outcome::Failed(failure) => {
                let failure = Failure::new(failure.code.clone(), failure.message.clone());
                draft.push(EventKind::PhaseFailed {
                    phase,
                    run: run.run,
                    failure,
                });
            }
            Outcome::Completed(summary) => {
                Part::Summary(&phase).measure(summary)?;
                draft.push(EventKind::PhaseCompleted {
                    phase,
                    run: run.run,
                    summary: summary.clone(),
                });
                if let Some(next) = self.after_completion(*intent) {
                    draft.push(next);
                }
            }
        }
        Ok(draft.events)
    }

    /// What follows the completion of the phase at the position, in the same commit.
    fn after_completion(&self, intent: Intent) -> Option<EventKind> {
        let index = self.campaign.position() + 1;
        let Some(next) = self.campaign.phases.get(index) else {
            return Some(EventKind::CampaignCompleted {});
        };
        match (self.campaign.mode, intent) {
            (Mode::StepByStep, _) | (Mode::FullSequence, Intent::Stop) => None,
            (Mode::FullSequence, Intent::Pause) => Some(EventKind::CampaignHeld {
                phase: next.phase.clone(),
            }),
            (Mode::FullSequence, Intent::None) => {
                let clean = self.facts.check(&next.phase, next.config.as_ref()).is_clean();
                let same = self.facts.pipeline == PipelineMatch::Same;
                (clean && same).then(|| EventKind::PhaseAutoStarted(self.launch_afresh(index)))
            }
        }
    }

    /// Whether this outcome of this attempt is recorded already.
    fn recorded(&self, ticket: &Ticket, outcome: &Outcome) -> bool {
        if ticket.campaign != self.campaign.id {
            return false;
        }
        let is_ticket = |run: &RunState| (run.run, run.attempt) == (ticket.run, ticket.attempt);
        let index = self.campaign.index_of(&ticket.phase);
        match (outcome, &self.campaign.activity) {
            (Outcome::Completed(summary), _) => index
                .and_then(|index| self.campaign.completed.get(index))
                .is_some_and(|completion| is_ticket(&completion.run) && completion.summary == *summary),
            (Outcome::Failed(told), Activity::Failed { run, failure }) => {
                index == Some(self.campaign.position())
                    && is_ticket(run)
                    && Failure::new(told.code.clone(), told.message.clone()) == *failure
            }
            (Outcome::Failed(_), _) => false,
        }
    }

    fn quiet(&self, ticket: &Ticket) -> Decided {
        match &self.campaign.activity {
            Activity::Running { run, intent, .. } if self.campaign.ticket().as_ref() == Some(ticket) => {
                let phase = ticket.phase.clone();
                self.one(match intent {
                    Intent::Pause => EventKind::PhasePaused { phase },
                    Intent::Stop => EventKind::PhaseStopped {
                        phase,
                        reason: StopReason::Requested,
                    },
                    Intent::None => {
                        let message = "the phase gave up although nobody asked it to pause or stop";
                        EventKind::PhaseFailed {
                            phase,
                            run: run.run,
                            failure: Failure::new("interrupted", message),
                        }
                    }
                })
            }
            _ => Err(self.stale(ticket)),
        }
    }

    fn pause(&self) -> Decided {
        match (&self.campaign.activity, self.current()) {
            (
                Activity::Running {
                    intent: Intent::None, ..
                },
                Some(phase),
            ) => self.one(EventKind::PhasePauseRequested { phase }),
            (
                Activity::Running {
                    intent: Intent::Pause,
                    ..
                }
                | Activity::Paused { .. },
                _,
            )
            | (Activity::Idle { held: true }, _) => self.nothing(),
            _ => Err(Rejection::NotRunning {
                status: self.status(),
            }),
        }
    }

    fn resume(&self) -> Decided {
        let Some(slot) = self.campaign.current() else {
            return Err(Rejection::NotPaused {
                status: self.status(),
            });
        };
        let phase = slot.phase.clone();
        match &self.campaign.activity {
            Activity::Paused { run } => {
                self.same_pipeline()?;
                let check = self.facts.check(&phase, slot.config.as_ref());
                if !check.is_clean() {
                    let problems = PreflightReport::new(vec![check]).problems();
                    return Err(Rejection::ConfigInvalid { problems });
                }
                self.one(EventKind::PhaseResumed(self.launch_next_attempt(run)))
            }
            Activity::Idle { held: true } => self.start(&phase),
            Activity::Running {
                intent: Intent::None, ..
            } => self.nothing(),
            Activity::Running {
                intent: Intent::Pause,
                ..
            } => Err(Rejection::Pausing { phase }),
            Activity::Running {
                intent: Intent::Stop, ..
            } => Err(Rejection::Stopping { phase }),
            Activity::Idle { held: false } | Activity::Failed { .. } | Activity::Stopped { .. } => {
                Err(Rejection::NotPaused {
                    status: self.status(),
                })
            }
        }
    }

    fn stop(&self) -> Decided {
        match (&self.campaign.activity, self.current()) {
            (
                Activity::Running {
                    intent: Intent::None | Intent::Pause,
                    ..
                },
                Some(phase),
            ) => self.one(EventKind::PhaseStopRequested { phase }),
            (Activity::Paused { .. }, Some(phase)) => self.one(EventKind::PhaseStopped {
                phase,
                reason: StopReason::Requested,
            }),
            (Activity::Idle { held: true }, Some(phase)) => self.one(EventKind::CampaignReleased { phase }),
            (
                Activity::Running {
                    intent: Intent::Stop, ..
                }
                | Activity::Stopped { .. },
                _,
            ) => self.nothing(),
            _ => Err(Rejection::NotRunning {
                status: self.status(),
            }),
        }
    }

    fn recover(&self, ticket: &Ticket) -> Decided {
        let Activity::Running { run, intent, .. } = &self.campaign.activity else {
            return Err(self.stale(ticket));
        };
        let (true, Some(slot)) = (
            self.campaign.ticket().as_ref() == Some(ticket),
            self.campaign.current(),
        ) else {
            return Err(self.stale(ticket));
        };
        let phase = ticket.phase.clone();
        // The host that has the pipeline recovers the phase, and its intent.
        if self.facts.pipeline == PipelineMatch::Unknown {
            let pipeline = self.campaign.pipeline.clone();
            return Err(Rejection::UnknownPipeline { pipeline });
        }
        if *intent != Intent::None {
            return self.quiet(ticket);
        }
        if self.facts.pipeline != PipelineMatch::Same {
            return self.one(EventKind::PhaseStopped {
                phase,
                reason: StopReason::PipelineChanged,
            });
        }
        let check = self.facts.check(&phase, slot.config.as_ref());
        if !check.is_clean() {
            let message = PreflightReport::new(vec![check]).to_string();
            let failure = Failure::new("config_invalid", format!("its config no longer holds: {message}"));
            return self.one(EventKind::PhaseFailed {
                phase,
                run: run.run,
                failure,
            });
        }
        self.one(EventKind::PhaseRecovered(self.launch_next_attempt(run)))
    }
}

/// Checks proposed configs against their facts and sizes, and digests them.
///
/// All problems of all configs are reported together, those of the `refused` configs included. A single refused config keeps
/// its own rejection if nothing else is wrong.
fn digest_configs(
    configs: Vec<(&PhaseName, &Value)>,
    facts: &Facts,
    mut refused: Vec<(PhaseName, Rejection)>,
) -> Result<Vec<(PhaseName, Digest)>, Rejection> {
    let mut digests = Vec::new();
    let mut problems = Problems::none();
    for (phase, config) in configs {
        if let Err(excess) = Part::Config(phase).measure(config) {
            refused.push((phase.clone(), excess.into()));
            continue;
        }
        digests.push((phase.clone(), Digest::of(config)));
        match facts.proposed.get(phase) {
            Some(checked) => problems.append(checked.problems.clone()),
            None => problems.push(Problem::new(
                phase.clone(),
                "",
                "unchecked",
                "it was not checked: try again",
            )),
        }
    }
    match refused.len() {
        0 if problems.is_empty() => Ok(digests),
        1 if problems.is_empty() => Err(refused.remove(0).1),
        _ => {
            let as_problem =
                |(phase, why): (PhaseName, Rejection)| Problem::new(phase, "", why.code(), why.to_string());
            problems.append(refused.into_iter().map(as_problem).collect());
            Err(Rejection::ConfigInvalid { problems })
        }
    }
}
