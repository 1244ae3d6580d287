//! A stage for runners: the test instructs every attempt, and the attempt does exactly that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use phasegate::{Batch, Deferred, Failure, PhaseRunner, RunContext, RunError, RunOutcome, Ticket};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, oneshot};

/// An instruction to an attempt on stage.
enum Instruction {
    Commit {
        records: u64,
        done: oneshot::Sender<Result<(), RunError>>,
    },
    Complete(Value),
    Fail(Failure),
    Defer(Deferred),
    Panic,
    Rest,
}

/// Where attempts wait for their instructions. Cloning it is cheap.
///
/// A runner works, or heeds a cancellation, only when it is told to. So a test can hold an attempt in any state for any time,
/// without a sleep.
#[derive(Clone, Default)]
pub struct Stage {
    inner: Arc<StageState>,
}

#[derive(Default)]
struct StageState {
    actors: Mutex<Actors>,
    arrival: Notify,
}

#[derive(Default)]
struct Actors {
    closed: bool,
    lines: HashMap<Ticket, mpsc::UnboundedSender<Instruction>>,
}

impl Stage {
    /// A runner on this stage. One runner serves all phases.
    pub fn runner(&self) -> impl PhaseRunner + use<> {
        Actor { stage: self.clone() }
    }

    fn cast<T>(&self, f: impl FnOnce(&mut Actors) -> T) -> T {
        f(&mut self.inner.actors.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The tickets of the launched attempts that were not told to end yet.
    pub fn on_stage(&self) -> Vec<Ticket> {
        self.cast(|cast| {
            let playing = cast.lines.iter().filter(|(_, line)| !line.is_closed());
            playing.map(|(ticket, _)| ticket.clone()).collect()
        })
    }

    /// How many attempts have been launched.
    pub fn launches(&self) -> usize {
        self.cast(|cast| cast.lines.len())
    }

    /// Waits until the attempt is on stage.
    pub async fn arrived(&self, ticket: &Ticket) {
        self.actor(ticket).await;
    }

    /// Waits until there is an attempt on stage that is wanted, and was not told to end yet; gives its ticket.
    pub async fn arrival(&self, is_wanted: impl Fn(&Ticket) -> bool) -> Ticket {
        self.found(|stage| stage.on_stage().into_iter().find(&is_wanted))
            .await
    }

    async fn actor(&self, ticket: &Ticket) -> mpsc::UnboundedSender<Instruction> {
        self.found(|stage| stage.cast(|cast| cast.lines.get(ticket).cloned()))
            .await
    }

    /// Waits until an arrival brings what is looked for.
    async fn found<T>(&self, look: impl Fn(&Self) -> Option<T>) -> T {
        loop {
            let arrival = self.inner.arrival.notified();
            tokio::pin!(arrival);
            arrival.as_mut().enable();
            if let Some(found) = look(self) {
                return found;
            }
            arrival.await;
        }
    }

    async fn line(&self, ticket: &Ticket, line: Instruction) {
        // An attempt that is gone takes no instruction. The test sees that from the state of its phase.
        let _ = self.actor(ticket).await.send(line);
    }

    /// Tells the attempt to commit this many records, numbered after the earlier ones, and returns the result.
    ///
    /// # Errors
    ///
    /// Those of [`RunContext::commit`], or [`RunError::Interrupted`] when the attempt is gone.
    pub async fn commit(&self, ticket: &Ticket, records: u64) -> Result<(), RunError> {
        let (done, answer) = oneshot::channel();
        self.line(ticket, Instruction::Commit { records, done }).await;
        answer.await.unwrap_or(Err(RunError::Interrupted))
    }

    /// Tells the attempt to complete with this summary.
    pub async fn complete(&self, ticket: &Ticket, summary: Value) {
        self.line(ticket, Instruction::Complete(summary)).await;
    }

    /// Tells the attempt to fail.
    pub async fn fail(&self, ticket: &Ticket, failure: Failure) {
        self.line(ticket, Instruction::Fail(failure)).await;
    }

    /// Tells the attempt to leave its outcome to a later report.
    pub async fn defer(&self, ticket: &Ticket) {
        self.defer_with(ticket, Deferred::default()).await;
    }

    /// Tells the attempt to leave its outcome to a later report, with a note, a form or a deadline.
    pub async fn defer_with(&self, ticket: &Ticket, deferred: Deferred) {
        self.line(ticket, Instruction::Defer(deferred)).await;
    }

    /// Tells the attempt to panic.
    pub async fn panic(&self, ticket: &Ticket) {
        self.line(ticket, Instruction::Panic).await;
    }

    /// Tells the attempt to come to rest, as a runner that heeds its cancellation does.
    pub async fn rest(&self, ticket: &Ticket) {
        self.line(ticket, Instruction::Rest).await;
    }

    /// Removes every attempt from the stage, later ones too, as the end of a process does.
    pub fn close(&self) {
        self.cast(|cast| {
            cast.closed = true;
            cast.lines.clear();
        });
    }
}

struct Actor {
    stage: Stage,
}

#[async_trait]
impl PhaseRunner for Actor {
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        let (lines, mut told) = mpsc::unbounded_channel();
        self.stage.cast(|cast| {
            if !cast.closed {
                cast.lines.insert(ctx.ticket().clone(), lines);
            }
        });
        self.stage.inner.arrival.notify_waiters();
        while let Some(line) = told.recv().await {
            match line {
                Instruction::Commit { records, done } => {
                    // The test may have given up waiting for the answer.
                    let _ = done.send(commit(&ctx, records).await);
                }
                Instruction::Complete(summary) => return Ok(RunOutcome::Completed(summary)),
                Instruction::Fail(failure) => return Ok(RunOutcome::Failed(failure)),
                Instruction::Defer(deferred) => return Ok(RunOutcome::Deferred(deferred)),
                Instruction::Panic => panic!("as the test told it to"),
                Instruction::Rest => return Err(RunError::Interrupted),
            }
        }
        Err(RunError::Interrupted)
    }
}

async fn commit(ctx: &RunContext, records: u64) -> Result<(), RunError> {
    let before = ctx.records_written().await;
    let mut batch = Batch::new();
    for number in before..before + records {
        batch.push(&json!({ "number": number }))?;
    }
    batch.set_checkpoint(&json!({ "records": before + records }))?;
    ctx.commit(batch).await
}
