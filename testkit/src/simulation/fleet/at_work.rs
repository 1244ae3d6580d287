//! Who is at work: each runner is watched from its first poll to its end.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use phasegate::core::{Digest, Ticket};
use phasegate::{
    FieldProblem, InputChange, PhaseRunner, Pipeline, Resources, RunContext, RunError, RunOutcome,
};
use serde_json::Value;

use super::witness::Witness;
use crate::world_time::WorldTime;

/// The runners at work, in all processes.
#[derive(Clone)]
pub(super) struct AtWork {
    time: WorldTime,
    witness: Witness,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    seats: Vec<(Ticket, Seat)>,
    begun: Vec<Begun>,
    answered: BTreeSet<Ticket>,
}

/// An attempt that a runner has begun, and what it was given.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub(super) ticket: Ticket,
    pub(super) config: Digest,
    pub(super) resources: Resources,
}

/// A process, as its runners know it.
#[derive(Clone, Default)]
pub(super) struct Seat {
    /// Whether it was ever stopped, or its clock ever off: then it can't know when its leases end.
    pub(super) is_disturbed: Arc<AtomicBool>,
}

impl AtWork {
    pub(super) fn new(time: WorldTime, witness: Witness) -> Self {
        Self {
            time,
            witness,
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that somebody else answers for an attempt, whose runner may learn of it later.
    pub(super) fn is_answered(&self, ticket: &Ticket) {
        self.state().answered.insert(ticket.clone());
    }

    /// Whether somebody else has answered for an attempt, or tried to.
    pub(super) fn was_answered(&self, ticket: &Ticket) -> bool {
        self.state().answered.contains(ticket)
    }

    /// Every attempt that a runner has begun.
    pub(super) fn begun(&self) -> Vec<Begun> {
        self.state().begun.clone()
    }

    fn enter(&self, ctx: &RunContext, seat: &Seat) -> Leaves {
        let ticket = ctx.ticket().clone();
        let mut state = self.state();
        let latest = self.witness.latest_launch(ticket.campaign);
        for (other, its_seat) in &state.seats {
            if other.campaign != ticket.campaign {
                continue;
            }
            // An engine may learn of its own launch after that attempt is over.
            let (stale, seat) = match latest.as_ref() == Some(&ticket) {
                true => (other, its_seat),
                false => (&ticket, seat),
            };
            let may_not_know = self.time.is_skewed()
                || seat.is_disturbed.load(Ordering::SeqCst)
                || state.answered.contains(stale);
            if !may_not_know {
                self.witness.broken(format!(
                    "one engine at most works on a campaign, but {ticket} begins while {other} is at work"
                ));
            }
        }
        state.seats.push((ticket.clone(), seat.clone()));
        state.begun.push(Begun {
            ticket: ticket.clone(),
            config: Digest::of(ctx.config()),
            resources: ctx.resources().clone(),
        });
        drop(state);
        Leaves {
            at_work: self.clone(),
            ticket,
        }
    }

    /// The pipeline with every runner watched.
    pub(super) fn watch(&self, pipeline: &Pipeline, seat: &Seat) -> Pipeline {
        let definition = pipeline.definition();
        let mut builder = Pipeline::builder(definition.id.as_str()).title(definition.title.as_str());
        for kind in &definition.resource_kinds {
            builder = builder.resource_kind(&kind.kind, kind.title.as_str(), kind.schema.clone());
            if let Some(probe) = pipeline.probe(&kind.kind) {
                builder = builder.probe(&kind.kind, probe);
            }
        }
        for phase in &definition.phases {
            let runner = pipeline.runner(&phase.name).expect("each phase has a runner");
            let watched = Watched {
                runner,
                at_work: self.clone(),
                seat: seat.clone(),
            };
            builder = builder.runner(phase.clone(), watched);
        }
        builder.build().expect("it was built before")
    }
}

struct Leaves {
    at_work: AtWork,
    ticket: Ticket,
}

impl Drop for Leaves {
    fn drop(&mut self) {
        let mut state = self.at_work.state();
        state.seats.retain(|(ticket, _)| *ticket != self.ticket);
    }
}

struct Watched {
    runner: Arc<dyn PhaseRunner>,
    at_work: AtWork,
    seat: Seat,
}

#[async_trait]
impl PhaseRunner for Watched {
    async fn check(&self, config: &Value, resources: &Resources) -> Vec<FieldProblem> {
        self.runner.check(config, resources).await
    }

    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        let _at_work = self.at_work.enter(&ctx, &self.seat);
        self.runner.run(ctx).await
    }

    async fn can_continue(&self, change: InputChange<'_>) -> bool {
        self.runner.can_continue(change).await
    }
}
