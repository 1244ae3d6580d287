//! What a campaign does at its position, as a part of its snapshot.

use minicbor::{Decode, Encode};

use super::form::Fault;
use super::number::Numbered;
use super::part::{
    Failed, HashBytes, Names, Often, Pin, RunOf, after, count, digest, hash_bytes, ms_after, often, pins,
    resource_pins,
};
use crate::campaign::{Activity, Deferral, Doing, Intent, StopReason, Trigger};
use crate::ids::{Attempt, PhaseName, Revision, Run, Version};
use crate::run_state::{Pins, RunState};
use crate::time::Timestamp;

#[derive(Encode, Decode)]
#[cbor(flat)]
pub(super) enum Activity1<'b> {
    #[n(0)]
    Idle {
        #[n(0)]
        held: bool,
    },
    #[n(1)]
    Working {
        #[b(0)]
        run: Run1<'b>,
        #[n(1)]
        trigger: u8,
        #[n(2)]
        intent: u8,
    },
    #[n(2)]
    Waiting {
        #[b(0)]
        run: Run1<'b>,
        #[n(1)]
        trigger: u8,
        #[n(2)]
        deferral: Deferral1,
    },
    #[n(3)]
    Paused {
        #[b(0)]
        run: Run1<'b>,
        #[n(1)]
        deferral: Option<Deferral1>,
    },
    #[n(4)]
    Failed {
        #[b(0)]
        run: Run1<'b>,
        #[b(1)]
        failure: Failed<'b>,
        #[n(2)]
        recorded: Option<HashBytes>,
        #[n(3)]
        retry_at: Option<i64>,
    },
    #[n(5)]
    Stopped {
        #[b(0)]
        run: Run1<'b>,
        #[n(1)]
        reason: u8,
    },
}

#[derive(Encode, Decode)]
pub(super) struct Run1<'b> {
    #[n(0)]
    run: u32,
    #[n(1)]
    attempt: u32,
    #[n(2)]
    token_attempt: u32,
    #[n(3)]
    started_at: i64,
    #[n(4)]
    config: u64,
    #[n(5)]
    upstream: Option<RunOf>,
    #[b(6)]
    #[cbor(skip_if = "Vec::is_empty")]
    resources: Vec<Pin<'b>>,
    #[n(7)]
    tries: Option<Often>,
    #[n(8)]
    recoveries: Option<Often>,
}

#[derive(Encode, Decode)]
pub(super) struct Deferral1 {
    #[n(0)]
    event: u64,
    #[n(1)]
    has_form: bool,
    #[n(2)]
    deadline_at: Option<i64>,
}

impl<'b> Activity1<'b> {
    pub(super) fn new(activity: &'b Activity, base: Timestamp, names: &mut Names<'b>) -> Self {
        match activity {
            Activity::Idle { held } => Self::Idle { held: *held },
            Activity::Running { run, trigger, doing } => {
                let (run, trigger) = (Run1::new(run, base, names), trigger.number());
                match doing {
                    Doing::Working { intent } => Self::Working {
                        run,
                        trigger,
                        intent: intent.number(),
                    },
                    Doing::Waiting { deferral } => Self::Waiting {
                        run,
                        trigger,
                        deferral: Deferral1::new(deferral, base),
                    },
                }
            }
            Activity::Paused { run, deferral } => Self::Paused {
                run: Run1::new(run, base, names),
                deferral: deferral.as_ref().map(|one| Deferral1::new(one, base)),
            },
            Activity::Failed {
                run,
                failure,
                recorded,
                retry_at,
            } => Self::Failed {
                run: Run1::new(run, base, names),
                failure: Failed::new(failure),
                recorded: recorded.as_ref().map(hash_bytes),
                retry_at: retry_at.map(|at| ms_after(base, at)),
            },
            Activity::Stopped { run, reason } => Self::Stopped {
                run: Run1::new(run, base, names),
                reason: reason.number(),
            },
        }
    }

    pub(super) fn activity(self, base: Timestamp, names: &[PhaseName]) -> Result<Activity, Fault> {
        Ok(match self {
            Self::Idle { held } => Activity::Idle { held },
            Self::Working { run, trigger, intent } => Activity::Running {
                run: run.run(base, names)?,
                trigger: Trigger::of_number(trigger)?,
                doing: Doing::Working {
                    intent: Intent::of_number(intent)?,
                },
            },
            Self::Waiting {
                run,
                trigger,
                deferral,
            } => Activity::Running {
                run: run.run(base, names)?,
                trigger: Trigger::of_number(trigger)?,
                doing: Doing::Waiting {
                    deferral: deferral.deferral(base)?,
                },
            },
            Self::Paused { run, deferral } => Activity::Paused {
                run: run.run(base, names)?,
                deferral: deferral.map(|one| one.deferral(base)).transpose()?,
            },
            Self::Failed {
                run,
                failure,
                recorded,
                retry_at,
            } => Activity::Failed {
                run: run.run(base, names)?,
                failure: failure.failure(),
                recorded: recorded.map(digest),
                retry_at: retry_at.map(|ms| after(base, ms)).transpose()?,
            },
            Self::Stopped { run, reason } => Activity::Stopped {
                run: run.run(base, names)?,
                reason: StopReason::of_number(reason)?,
            },
        })
    }
}

impl<'b> Run1<'b> {
    fn new(state: &'b RunState, base: Timestamp, names: &mut Names<'b>) -> Self {
        Self {
            run: state.run.0,
            attempt: state.attempt.0,
            token_attempt: state.token_attempt.0,
            started_at: ms_after(base, state.started_at),
            config: state.pins.config.0,
            upstream: state.pins.upstream.as_ref().map(|run| RunOf::new(run, names)),
            resources: pins(&state.pins.resources),
            tries: often(state.tries),
            recoveries: often(state.recoveries),
        }
    }

    fn run(self, base: Timestamp, names: &[PhaseName]) -> Result<RunState, Fault> {
        let upstream = self.upstream.map(|run| run.run_ref(names)).transpose()?;
        Ok(RunState {
            run: Run(self.run),
            attempt: Attempt(self.attempt),
            token_attempt: Attempt(self.token_attempt),
            pins: Pins {
                config: Revision(self.config),
                resources: resource_pins(&self.resources)?,
                upstream,
            },
            started_at: after(base, self.started_at)?,
            tries: count(self.tries),
            recoveries: count(self.recoveries),
        })
    }
}

impl Deferral1 {
    fn new(deferral: &Deferral, base: Timestamp) -> Self {
        Self {
            event: deferral.event.0,
            has_form: deferral.has_form,
            deadline_at: deferral.deadline_at.map(|at| ms_after(base, at)),
        }
    }

    fn deferral(&self, base: Timestamp) -> Result<Deferral, Fault> {
        Ok(Deferral {
            event: Version(self.event),
            has_form: self.has_form,
            deadline_at: self.deadline_at.map(|ms| after(base, ms)).transpose()?,
        })
    }
}
