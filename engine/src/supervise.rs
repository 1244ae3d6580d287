//! Launching runners, watching over them, and recording how they end.

use std::sync::Arc;
use std::time::Duration;

use phasegate_core::storage::StorageError;
use phasegate_core::{
    Attempt, Campaign, Envelope, Failure, LastBatch, Outcome, OutputFacts, Rejection, Signal, Ticket,
};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinError, JoinHandle};
use tracing::Instrument;

use crate::attempts::{InterruptReason, Reservation};
use crate::commit::Terms;
use crate::context::{AttemptState, DurableOutput, RunContext};
use crate::error::EngineError;
use crate::faults::retry_waits;
use crate::metrics::{AttemptEnd, RunningAttempt};
use crate::panics::{caught, panic_text};
use crate::pipeline::Pipeline;
use crate::runner::{Resources, RunError, RunOutcome};
use crate::state::EngineState;

/// How often it is tried again to record the end of an attempt: for about six minutes, since a store that must be opened anew may report
/// only that it is unavailable.
const RETRIES: usize = 20;

/// A committed attempt, ready to run.
pub(crate) struct Launched {
    pub(crate) ticket: Ticket,
    pub(crate) campaign: Arc<Campaign>,
    pub(crate) pipeline: Pipeline,
    pub(crate) config: Value,
    pub(crate) resources: Resources,
}

/// How an attempt ended, as the machine needs to know it.
enum RunnerEnd {
    Reported(Outcome),
    /// The runner came to rest, as requested or not, or was dropped and fenced.
    Quiet,
    /// There is nothing to record: the attempt is over already, or the process shuts down.
    Unrecorded,
    /// There is nothing to record, and the run is to be taken up again: the store has failed it.
    StoreFailed(StorageError),
}

/// Runs an attempt to its end and records the end. It holds the reservation until then.
pub(crate) async fn supervise(inner: Arc<EngineState>, launched: Launched, reservation: Reservation) {
    let ticket = launched.ticket.clone();
    let running = RunningAttempt::new(launched.pipeline.id().clone(), ticket.phase.clone());
    let span = tracing::info_span!("run", campaign = %ticket.campaign, phase = %ticket.phase, run = ticket.run.0, attempt = ticket.attempt.0);
    async {
        let (end, terms) = run(&inner, launched, &reservation).await;
        let took = running.elapsed();
        inner.board.clear(&ticket);
        let signal = match end {
            RunnerEnd::Reported(outcome) => Signal::Report {
                ticket: ticket.clone(),
                outcome,
                last_batch: terms.output.as_ref().map(|output| LastBatch {
                    records: output.records.len() as u64,
                    is_progress: !output.records.is_empty() || output.checkpoint.is_some(),
                }),
                envelope: Envelope::none(),
            },
            RunnerEnd::Quiet => Signal::Settled {
                ticket: ticket.clone(),
            },
            RunnerEnd::Unrecorded => {
                let reason = reservation.attempt.reason();
                // A lease that is lost may be there still, where it was only not renewed in time.
                if reason != Some(InterruptReason::Over) {
                    inner.give_up_in_the_end(&ticket).await;
                }
                return running.ended(took, unrecorded(reason));
            }
            RunnerEnd::StoreFailed(error) => {
                inner.leave(&reservation, &error).await;
                return running.ended(took, AttemptEnd::LeftRunning);
            }
        };
        // Boxed, so that a run takes no memory for its end while it works.
        let end = Box::pin(record(&inner, &reservation, signal, terms)).await;
        running.ended(took, end);
    }
    .instrument(span)
    .await;
    drop(reservation);
}

/// Records the end of an attempt. It tries again while the store is unavailable.
async fn record(
    inner: &Arc<EngineState>,
    reservation: &Reservation,
    mut signal: Signal,
    terms: Terms,
) -> AttemptEnd {
    let ticket = reservation.ticket();
    // Read before the commit, since the commit tells every attempt that it is over.
    let reason = reservation.attempt.reason();
    let mut waits = retry_waits().take(RETRIES);
    let failed = loop {
        let input = signal.clone().into();
        match caught(inner.execute(ticket.campaign, &input, &terms)).await {
            Ok(_) => return recorded(&signal, reason),
            Err(error) if error.is_gone_or_stale() => return AttemptEnd::Superseded,
            Err(EngineError::Storage(StorageError::StaleTicket { .. })) => return AttemptEnd::Superseded,
            Err(EngineError::Rejected(rejection)) => match *rejection {
                // The summary is beyond a limit, and the run must end nevertheless.
                excess @ (Rejection::TooLarge { .. } | Rejection::TooDeep { .. }) => {
                    let failure = Failure::new(excess.code(), excess.to_string());
                    if let Signal::Report { outcome, .. } = &mut signal {
                        *outcome = Outcome::Failed(failure);
                    }
                }
                other => break EngineError::from(other),
            },
            Err(EngineError::Storage(error @ StorageError::Unavailable { .. })) => {
                let Some(wait) = waits.next() else {
                    break error.into();
                };
                let retry_s = wait.as_secs_f64();
                tracing::warn!(%ticket, %error, retry_s, "the end of a run could not be recorded yet");
                tokio::select! {
                    biased;
                    () = inner.shutdown.cancelled() => break error.into(),
                    () = tokio::time::sleep(wait) => {}
                }
            }
            Err(error) => break error,
        }
    };
    tracing::error!(%ticket, error = %failed, "the end of a run could not be recorded");
    inner.leave(reservation, &failed).await;
    AttemptEnd::LeftRunning
}

fn recorded(signal: &Signal, reason: Option<InterruptReason>) -> AttemptEnd {
    match signal {
        Signal::Report {
            outcome: Outcome::Completed(_),
            ..
        } => AttemptEnd::Completed,
        Signal::Report {
            outcome: Outcome::Deferred(_),
            ..
        } => AttemptEnd::Deferred,
        Signal::Settled { .. } if reason.is_some() => AttemptEnd::Interrupted,
        // The machine turns the end of a runner that gave up unasked into a failure.
        _ => AttemptEnd::Failed,
    }
}

fn unrecorded(reason: Option<InterruptReason>) -> AttemptEnd {
    match reason {
        Some(InterruptReason::Over | InterruptReason::Lost) => AttemptEnd::Superseded,
        _ => AttemptEnd::LeftRunning,
    }
}

/// Runs the attempt, and gives its end with the batch that is to be committed with it.
async fn run(inner: &Arc<EngineState>, launched: Launched, reservation: &Reservation) -> (RunnerEnd, Terms) {
    let attempt = &reservation.attempt;
    let permit = tokio::select! {
        biased;
        () = attempt.cancellation.cancelled() => return (interrupted(attempt.reason()), Terms::default()),
        permit = permit(inner) => permit,
    };
    let timeout = launched.pipeline.timeout(&launched.ticket.phase);
    let begun = tokio::select! {
        biased;
        // A store that answers late must not begin what is to be at rest, or is another engine's by now.
        () = attempt.cancellation.cancelled() => return (interrupted(attempt.reason()), Terms::default()),
        begun = caught(begin(inner, launched, reservation)) => begun,
    };
    let (mut task, state) = match begun {
        Ok(begun) => begun,
        Err(error) => return (RunnerEnd::StoreFailed(error), Terms::default()),
    };
    tokio::select! {
        biased;
        ended = &mut task => return with_last(end_of(ended, attempt.reason(), &state), &state).await,
        () = attempt.cancellation.cancelled() => {}
        () = sleep(timeout) => attempt.interrupt(InterruptReason::Timeout),
    }
    // The runner was asked to come to rest. A later command may still change the reason.
    let end = tokio::select! {
        biased;
        ended = &mut task => end_of(ended, attempt.reason(), &state),
        () = tokio::time::sleep(inner.grace) => {
            task.abort();
            outstayed(inner, reservation)
        }
    };
    drop(permit);
    let end = match (end, attempt.reason()) {
        (RunnerEnd::Quiet | RunnerEnd::Reported(Outcome::Deferred(_)), Some(InterruptReason::Timeout)) => {
            timed_out(timeout)
        }
        (end, _) => end,
    };
    with_last(end, &state).await
}

/// Adds the batch that the runner kept for its outcome, or appends it where there is none to report.
async fn with_last(end: RunnerEnd, state: &AttemptState) -> (RunnerEnd, Terms) {
    match end {
        RunnerEnd::Reported(_) => {
            let (output, written) = state.take_last().await;
            let terms = Terms {
                output,
                written: Some(written),
                ..Terms::default()
            };
            (end, terms)
        }
        RunnerEnd::Quiet | RunnerEnd::Unrecorded | RunnerEnd::StoreFailed(_) => {
            // An attempt that is over appends nothing more, and what is lost here is redone by the next one.
            if let Err(error) = Box::pin(state.append_last()).await {
                tracing::debug!(%error, "the last batch of an interrupted run was not appended");
            }
            (end, Terms::default())
        }
    }
}

async fn permit(inner: &EngineState) -> Option<OwnedSemaphorePermit> {
    match &inner.permits {
        None => None,
        // The semaphore is never closed, so this always gives a permit.
        Some(permits) => Arc::clone(permits).acquire_owned().await.ok(),
    }
}

async fn sleep(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// Reads where the run stands and spawns its runner.
async fn begin(
    inner: &Arc<EngineState>,
    launched: Launched,
    reservation: &Reservation,
) -> Result<(JoinHandle<Result<RunOutcome, RunError>>, Arc<AttemptState>), StorageError> {
    let Launched {
        ticket,
        campaign,
        pipeline,
        config,
        resources,
    } = launched;
    let start = match ticket.attempt {
        // Nobody has written anything before.
        Attempt(1) => None,
        _ => {
            let storage = &inner.storage;
            storage
                .run_output(ticket.campaign, &ticket.phase, ticket.run)
                .await?
        }
    };
    let start = start.unwrap_or_default();
    let upstream = campaign.activity.run().and_then(|run| run.pins.upstream.clone());
    inner.board.open(&ticket, start.progress);
    let runner = pipeline.runner(&ticket.phase);
    let context = RunContext::new(AttemptState {
        written: tokio::sync::Mutex::new(DurableOutput {
            facts: OutputFacts::from(&start),
            last: None,
            is_over: false,
        }),
        fault: std::sync::Mutex::default(),
        ticket,
        config,
        resources,
        upstream,
        start,
        cancellation: reservation.attempt.cancellation.clone(),
        progressed: reservation.attempt.progressed.clone(),
        storage: Arc::clone(&inner.storage),
        board: inner.board.clone(),
        handle: inner.handle.clone(),
    });
    let state = context.state();
    let run = async move {
        match runner {
            Some(runner) => runner.run(context).await,
            None => Err(RunError::failed(
                "no_runner",
                "the pipeline has no runner for this phase",
            )),
        }
    };
    Ok((inner.handle.spawn(run.in_current_span()), state))
}

fn end_of(
    ended: Result<Result<RunOutcome, RunError>, JoinError>,
    reason: Option<InterruptReason>,
    state: &AttemptState,
) -> RunnerEnd {
    let end = match ended {
        Ok(Ok(RunOutcome::Completed(summary))) => RunnerEnd::Reported(Outcome::Completed(summary)),
        Ok(Ok(RunOutcome::Failed(failure)) | Err(RunError::Failed(failure))) => {
            RunnerEnd::Reported(Outcome::Failed(failure))
        }
        Ok(Ok(RunOutcome::Deferred(deferred))) => RunnerEnd::Reported(Outcome::Deferred(deferred)),
        // A runner may be wrong about being fenced. Its phase must not stay running without a runner, so the machine decides.
        Ok(Err(RunError::Interrupted | RunError::Fenced)) => interrupted(reason),
        Ok(Err(RunError::Excess(excess))) => failed(excess.code(), excess.to_string()),
        Ok(Err(RunError::Storage(error))) => RunnerEnd::StoreFailed(error),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => failed("panicked", format!("the phase panicked: {}", panic_text(&*panic))),
            // The runtime is going down.
            Err(_) => RunnerEnd::Unrecorded,
        },
    };
    let end = match (end, state.fault()) {
        // A runner may tell of the store's fault in words of its own.
        (RunnerEnd::Reported(Outcome::Failed(_)) | RunnerEnd::Quiet, Some(error)) => {
            RunnerEnd::StoreFailed(error)
        }
        (end, _) => end,
    };
    match (end, reason) {
        // What fails once everything around it goes down is no failure of the phase.
        (
            RunnerEnd::Reported(Outcome::Failed(_)),
            Some(InterruptReason::Shutdown | InterruptReason::Lost),
        ) => RunnerEnd::Unrecorded,
        // It was to come to rest, and is quiet now.
        (RunnerEnd::StoreFailed(_), Some(_)) => interrupted(reason),
        (end, _) => end,
    }
}

fn interrupted(reason: Option<InterruptReason>) -> RunnerEnd {
    match reason {
        // Without a reason the runner gave up unasked; the machine turns that into a failure.
        None | Some(InterruptReason::Rest | InterruptReason::Timeout) => RunnerEnd::Quiet,
        Some(InterruptReason::Over | InterruptReason::Lost | InterruptReason::Shutdown) => {
            RunnerEnd::Unrecorded
        }
    }
}

fn failed(code: &str, message: String) -> RunnerEnd {
    RunnerEnd::Reported(Outcome::Failed(Failure::new(code, message)))
}

fn timed_out(timeout: Option<Duration>) -> RunnerEnd {
    let seconds = timeout.unwrap_or_default().as_secs_f64();
    failed(
        "timed_out",
        format!("the phase took longer than its timeout of {seconds} s"),
    )
}

/// Ends an attempt whose runner did not come to rest within the grace period. The runner is dropped and fenced, and counts as
/// quiet.
fn outstayed(inner: &EngineState, reservation: &Reservation) -> RunnerEnd {
    let grace = inner.grace.as_secs_f64();
    tracing::warn!(
        grace_s = grace,
        "a runner ignored its cancellation and was dropped"
    );
    interrupted(reservation.attempt.reason())
}
