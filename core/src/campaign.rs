//! The state of a campaign: a position in its pipeline, and one activity at the position.

use crate::attributes::Attributes;
use crate::failure::Failure;
use crate::ids::{Attempt, CampaignId, PhaseName, PipelineId, Revision, Run, Ticket, Version};
use crate::json::Digest;
use crate::options::SkipReads;
use crate::retry::RetryPolicy;
use crate::run_state::{RunRef, RunState};
use crate::time::Timestamp;
use crate::word_type;

word_type! {
    /// How a campaign goes from one phase to the next.
    #[derive(Default)]
    pub enum Mode {
        /// Each phase is started by hand.
        #[default]
        StepByStep = "step_by_step",
        /// A completed phase starts the next by itself, in the same commit.
        FullSequence = "full_sequence",
    }
}

/// The stored config of a phase, by revision and digest. The snapshot doesn't hold its text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigPin {
    /// The number of the event that stored it.
    pub revision: Revision,
    /// The digest of its canonical JSON.
    pub digest: Digest,
}

/// The plan to skip a phase.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mark {
    /// What the phase after it will read, as its pipeline said when it was marked.
    pub reads: SkipReads,
    /// Why, if that was said.
    pub reason: Option<String>,
}

/// The part of a campaign's state that each phase has, at any position.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseSlot {
    /// The phase.
    pub phase: PhaseName,
    /// Its stored config, if any.
    pub config: Option<ConfigPin>,
    /// Its latest run, 0 before the first.
    pub latest_run: Run,
    /// Its latest run that is pruned, with all before it; 0 where none is.
    pub pruned: Run,
    /// The campaign's own retry policy for it, in place of the pipeline's.
    pub retry: Option<RetryPolicy>,
    /// The plan to skip it.
    pub mark: Option<Mark>,
}

impl PhaseSlot {
    pub(crate) fn new(phase: PhaseName) -> Self {
        Self {
            phase,
            config: None,
            latest_run: Run(0),
            pruned: Run(0),
            retry: None,
            mark: None,
        }
    }
}

/// A phase that is passed.
#[derive(Clone, Debug, PartialEq)]
pub enum Passed {
    /// It completed.
    Completed(Completion),
    /// It was skipped.
    Skipped(Skip),
}

/// A completed phase. Its summary stands in the event that completed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The run that completed.
    pub run: Run,
    /// The attempt of it.
    pub attempt: Attempt,
    /// How many records the run has.
    pub records: u64,
    /// The digest of its outcome, to know the same report again.
    pub outcome: Digest,
    /// The number of the event that completed it.
    pub event: Version,
    /// When the run was first started.
    pub started_at: Timestamp,
    /// When it was recorded.
    pub completed_at: Timestamp,
}

/// A skipped phase.
#[derive(Clone, Debug, PartialEq)]
pub struct Skip {
    /// What the phase after it reads, and why it was skipped. A restart of a phase before it plans the skip anew.
    pub mark: Mark,
    /// When it was passed.
    pub skipped_at: Timestamp,
}

word_type! {
    /// What started a running attempt.
    pub enum Trigger {
        /// Somebody started the phase.
        Start = "start",
        /// The completion or the skip of the phase before started it.
        Auto = "auto",
        /// Somebody resumed it.
        Resume = "resume",
        /// It was found running after a crash or a shutdown.
        Recovery = "recovery",
        /// Somebody began it afresh.
        Restart = "restart",
        /// Its retry policy tried it again.
        Retry = "retry",
    }
}

word_type! {
    /// The durable request to a running phase, which holds until the phase has come to rest.
    pub enum Intent {
        /// No request: the phase runs to its end.
        None = "none",
        /// The phase is to pause.
        Pause = "pause",
        /// The phase is to stop.
        Stop = "stop",
    }
}

word_type! {
    /// Why a phase is stopped.
    pub enum StopReason {
        /// Somebody stopped it.
        Requested = "requested",
        /// At recovery the pipeline had another phase list than the campaign.
        PipelineChanged = "pipeline_changed",
    }
}

/// A runner has left its outcome to somebody else. Its note and its form stand in the event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deferral {
    /// The number of the event that says so.
    pub event: Version,
    /// Whether an answer must fit a form.
    pub has_form: bool,
    /// When it is too late.
    pub deadline_at: Option<Timestamp>,
}

/// What a running attempt does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Doing {
    /// Its runner works.
    Working {
        /// The request to it since its launch.
        intent: Intent,
    },
    /// Nobody works: somebody will report its outcome.
    Waiting {
        /// What it waits for.
        deferral: Deferral,
    },
}

/// What a campaign does at its position.
#[derive(Clone, Debug, PartialEq)]
pub enum Activity {
    /// Nothing runs.
    Idle {
        /// A pause fell between two phases: the chain waits for a resume.
        held: bool,
    },
    /// The phase at the position is running.
    Running {
        /// The attempt.
        run: RunState,
        /// How it was started.
        trigger: Trigger,
        /// What it does.
        doing: Doing,
    },
    /// The phase at the position is paused.
    Paused {
        /// The attempt that was paused.
        run: RunState,
        /// What it waits for all the same, if its outcome is somebody else's.
        deferral: Option<Deferral>,
    },
    /// The phase at the position failed.
    Failed {
        /// The attempt that failed.
        run: RunState,
        /// Why.
        failure: Failure,
        /// The digest of the reported outcome; `None` where nobody reported it.
        recorded: Option<Digest>,
        /// When it is tried again by itself.
        retry_at: Option<Timestamp>,
    },
    /// The phase at the position was stopped.
    Stopped {
        /// The attempt that was stopped.
        run: RunState,
        /// Why.
        reason: StopReason,
    },
}

impl Activity {
    /// The run at the position; `None` while idle.
    pub fn run(&self) -> Option<&RunState> {
        match self {
            Self::Idle { .. } => None,
            Self::Running { run, .. }
            | Self::Paused { run, .. }
            | Self::Failed { run, .. }
            | Self::Stopped { run, .. } => Some(run),
        }
    }

    /// What it waits for, if the outcome of the phase is left to somebody else.
    pub fn deferral(&self) -> Option<&Deferral> {
        match self {
            Self::Running {
                doing: Doing::Waiting { deferral },
                ..
            } => Some(deferral),
            Self::Paused { deferral, .. } => deferral.as_ref(),
            _ => None,
        }
    }
}

/// The run whose records are the current ones of a phase.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CurrentRun {
    /// The run.
    pub run: Run,
    /// Its latest attempt.
    pub attempt: Attempt,
    /// When it was first started.
    pub started_at: Timestamp,
}

/// One instance of a pipeline: the fold of its log.
///
/// The position is the number of passed phases, each completed or skipped. So every phase after it is not started. A phase at the
/// position is marked to be skipped only at position 0, before anything has run.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Its name, 1 to 200 characters; not unique.
    pub name: String,
    /// Its attributes.
    pub attributes: Attributes,
    /// The pipeline it is an instance of.
    pub pipeline: PipelineId,
    /// How it advances.
    pub mode: Mode,
    /// The phases pinned at its creation, in order.
    pub phases: Vec<PhaseSlot>,
    /// The passed phases, in order; as many as the position.
    pub passed: Vec<Passed>,
    /// What it does at its position.
    pub activity: Activity,
    /// How many events its log holds.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its latest event happened.
    pub changed_at: Timestamp,
}

impl Campaign {
    /// How many phases are passed.
    pub fn position(&self) -> usize {
        self.passed.len()
    }

    /// The phase at the position, or `None` when all are passed.
    pub fn current(&self) -> Option<&PhaseSlot> {
        self.phases.get(self.position())
    }

    /// Whether every phase is passed.
    pub fn is_completed(&self) -> bool {
        self.position() >= self.phases.len()
    }

    /// The index of a phase, or `None` for one it doesn't have.
    pub fn index_of(&self, phase: &PhaseName) -> Option<usize> {
        self.phases.iter().position(|slot| slot.phase == *phase)
    }

    /// The first phase that is neither passed nor marked to be skipped.
    pub fn next_unmarked(&self) -> Option<usize> {
        (self.position()..self.phases.len()).find(|index| self.phases[*index].mark.is_none())
    }

    /// The run with the current records of a phase; `None` if it has not started, or is skipped.
    pub fn current_run(&self, phase: &PhaseName) -> Option<CurrentRun> {
        let index = self.index_of(phase)?;
        match self.passed.get(index) {
            Some(Passed::Completed(completion)) => Some(CurrentRun {
                run: completion.run,
                attempt: completion.attempt,
                started_at: completion.started_at,
            }),
            Some(Passed::Skipped(_)) => None,
            None if index == self.position() => self.activity.run().map(|run| CurrentRun {
                run: run.run,
                attempt: run.attempt,
                started_at: run.started_at,
            }),
            None => None,
        }
    }

    /// The run that the phase at `index` reads from: that of the phase before, or where that was skipped as `pass_through` what it
    /// would have read. The phases before it must be passed.
    pub fn upstream_of(&self, index: usize) -> Option<RunRef> {
        for before in (0..index).rev() {
            match self.passed.get(before)? {
                Passed::Completed(completion) => {
                    return Some(RunRef {
                        phase: self.phases.get(before)?.phase.clone(),
                        run: completion.run,
                    });
                }
                Passed::Skipped(skip) => match skip.mark.reads {
                    SkipReads::Empty => return None,
                    SkipReads::PassThrough => {}
                },
            }
        }
        None
    }

    /// The request to the running phase, or `None` if no runner works.
    pub fn intent(&self) -> Option<Intent> {
        match &self.activity {
            Activity::Running {
                doing: Doing::Working { intent },
                ..
            } => Some(*intent),
            _ => None,
        }
    }

    /// The ticket whose outcome may be reported: of a running phase, or of a paused one that waits for a report.
    pub fn ticket(&self) -> Option<Ticket> {
        match &self.activity {
            Activity::Running { run, .. } => self.ticket_of(run),
            Activity::Paused {
                run,
                deferral: Some(_),
            } => self.ticket_of(run),
            _ => None,
        }
    }

    /// The ticket of an attempt that a runner works on, or should: only it may append, and it needs a lease.
    pub fn working_ticket(&self) -> Option<Ticket> {
        match &self.activity {
            Activity::Running {
                run,
                doing: Doing::Working { .. },
                ..
            } => self.ticket_of(run),
            _ => None,
        }
    }

    /// Whether nothing of it is under way: no phase runs, waits for a report, or is to be tried again by itself.
    pub fn is_at_rest(&self) -> bool {
        !matches!(
            self.activity,
            Activity::Running { .. }
                | Activity::Failed {
                    retry_at: Some(_),
                    ..
                }
        )
    }

    /// When it wants a [`Signal::Wake`](crate::Signal::Wake) although nobody asks for anything: a retry, or a deadline. It may
    /// change with every event.
    pub fn due(&self) -> Option<Timestamp> {
        match &self.activity {
            Activity::Failed { retry_at, .. } => *retry_at,
            activity => activity.deferral().and_then(|deferral| deferral.deadline_at),
        }
    }

    pub(crate) fn ticket_of(&self, run: &RunState) -> Option<Ticket> {
        let phase = self.current()?.phase.clone();
        Some(Ticket {
            campaign: self.id,
            phase,
            run: run.run,
            attempt: run.attempt,
        })
    }

    /// Undoes every phase from `index` on: none of them is passed, and what was skipped after `index` is planned to be again.
    pub(crate) fn undo_from(&mut self, index: usize) {
        for (later, passed) in self.passed.iter().enumerate().skip(index + 1) {
            if let Passed::Skipped(skip) = passed
                && let Some(slot) = self.phases.get_mut(later)
            {
                slot.mark = Some(skip.mark.clone());
            }
        }
        self.passed.truncate(index);
        if let Some(slot) = self.phases.get_mut(index) {
            slot.mark = None;
        }
        self.activity = Activity::Idle { held: false };
    }
}
