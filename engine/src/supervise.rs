//! Launching runners, watching over them, and recording how they end.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use phasegate_core::storage::{RunOutput, StorageError};
use phasegate_core::{Activity, Campaign, Command, Failure, Intent, Outcome, Rejection, Ticket};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinError, JoinHandle};
use tracing::Instrument;

use crate::attempts::{InterruptReason, Reservation};
use crate::context::{AttemptState, DurableOutput, RunContext};
use crate::error::EngineError;
use crate::execute::EngineState;
use crate::metrics::{AttemptEnd, RunningAttempt};
use crate::pipeline::Pipeline;
use crate::runner::{Resources, RunError, RunOutcome};

/// The longest wait between two tries to record the end of an attempt.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A committed attempt, ready to run.
pub(crate) struct Launched {
    pub(crate) ticket: Ticket,
    pub(crate) campaign: Campaign,
    pub(crate) pipeline: Pipeline,
    pub(crate) config: Value,
    pub(crate) resources: Resources,
}

/// How an attempt ended, as the machine needs to know it.
enum RunnerEnd {
    Reported(Outcome),
    /// The runner came to rest as requested.
    Quiet,
    /// Somebody will report the ticket later.
    Deferred,
    /// There is nothing to record: the attempt is over already, or the process shuts down.
    Unrecorded,
}

/// Runs an attempt to its end and records the end. It holds the reservation until then.
pub(crate) async fn supervise(inner: Arc<EngineState>, launched: Launched, reservation: Reservation) {
    let ticket = launched.ticket.clone();
    let running = RunningAttempt::new(launched.pipeline.id().clone(), ticket.phase.clone());
    let span = tracing::info_span!("run", campaign = %ticket.campaign, phase = %ticket.phase, run = ticket.run.0, attempt = ticket.attempt.0);
    async {
        let end = run(&inner, launched, &reservation).await;
        let end = match end {
            RunnerEnd::Deferred => {
                reservation.attempt.cancellation.cancelled().await;
                match reservation.attempt.reason() {
                    Some(InterruptReason::Rest) => RunnerEnd::Quiet,
                    _ => RunnerEnd::Unrecorded,
                }
            }
            other => other,
        };
        let took = running.elapsed();
        inner.board.clear(&ticket);
        let command = match end {
            RunnerEnd::Reported(outcome) => Command::Report {
                ticket: ticket.clone(),
                outcome,
            },
            RunnerEnd::Quiet => Command::Quiet {
                ticket: ticket.clone(),
            },
            RunnerEnd::Deferred | RunnerEnd::Unrecorded => {
                return running.ended(took, unrecorded(reservation.attempt.reason()));
            }
        };
        let end = record(&inner, &reservation, command).await;
        running.ended(took, end);
    }
    .instrument(span)
    .await;
    drop(reservation);
}

/// Records the end of an attempt. It tries again while the store is unavailable.
async fn record(inner: &Arc<EngineState>, reservation: &Reservation, mut command: Command) -> AttemptEnd {
    let ticket = reservation.ticket();
    // Read before the commit, since the commit tells every attempt that it is over.
    let reason = reservation.attempt.reason();
    let mut waits = retry_waits();
    let failed = loop {
        match inner.execute(ticket.campaign, &command).await {
            Ok(_) => return recorded(&command, reason),
            Err(EngineError::NotFound { .. }) => return AttemptEnd::Superseded,
            Err(EngineError::Rejected(rejection)) => match *rejection {
                Rejection::StaleTicket { .. } => return AttemptEnd::Superseded,
                // The summary is beyond a limit, and the run must end nevertheless.
                excess @ (Rejection::TooLarge { .. } | Rejection::TooDeep { .. }) => {
                    let failure = Failure::new(excess.code(), excess.to_string());
                    command = Command::Report {
                        ticket: ticket.clone(),
                        outcome: Outcome::Failed(failure),
                    };
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
    tracing::error!(%ticket, error = %failed, "the end of a run could not be recorded; recover() will take it up");
    AttemptEnd::LeftRunning
}

fn recorded(command: &Command, reason: Option<InterruptReason>) -> AttemptEnd {
    match command {
        Command::Report {
            outcome: Outcome::Completed(_),
            ..
        } => AttemptEnd::Completed,
        Command::Quiet { .. } if reason.is_some() => AttemptEnd::Interrupted,
        // The machine turns the end of a runner that gave up unasked into a failure.
        _ => AttemptEnd::Failed,
    }
}

fn unrecorded(reason: Option<InterruptReason>) -> AttemptEnd {
    match reason {
        Some(InterruptReason::Over) => AttemptEnd::Superseded,
        _ => AttemptEnd::LeftRunning,
    }
}

/// How long to wait before each retry: twice as long each time, about six minutes in all.
///
/// The retries end, since a store that must be opened anew may report only that it is unavailable.
fn retry_waits() -> impl Iterator<Item = Duration> {
    (0..20).map(|retry| Duration::from_millis(100 << retry).min(LONGEST_WAIT))
}

async fn run(inner: &Arc<EngineState>, launched: Launched, reservation: &Reservation) -> RunnerEnd {
    let attempt = &reservation.attempt;
    let permit = tokio::select! {
        biased;
        () = attempt.cancellation.cancelled() => return interrupted(attempt.reason()),
        permit = permit(inner) => permit,
    };
    let timeout = launched.pipeline.timeout(&launched.ticket.phase);
    let mut task = match begin(inner, launched, reservation).await {
        Ok(task) => task,
        Err(error) => return failed("storage", format!("the run could not begin: {error}")),
    };
    tokio::select! {
        biased;
        ended = &mut task => return end_of(ended, attempt.reason()),
        () = attempt.cancellation.cancelled() => {}
        () = sleep(timeout) => attempt.interrupt(InterruptReason::Timeout),
    }
    // The runner was asked to come to rest. A later command may still change the reason.
    let end = tokio::select! {
        biased;
        ended = &mut task => end_of(ended, attempt.reason()),
        () = tokio::time::sleep(inner.grace) => {
            task.abort();
            outstayed(inner, reservation).await
        }
    };
    drop(permit);
    match (end, attempt.reason()) {
        (RunnerEnd::Quiet | RunnerEnd::Deferred, Some(InterruptReason::Timeout)) => timed_out(timeout),
        (end, _) => end,
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
) -> Result<JoinHandle<Result<RunOutcome, RunError>>, StorageError> {
    let Launched {
        ticket,
        campaign,
        pipeline,
        config,
        resources,
    } = launched;
    let start: RunOutput = inner
        .storage
        .run_output(ticket.campaign, &ticket.phase, ticket.run)
        .await?
        .unwrap_or_default();
    let upstream = campaign.position().checked_sub(1).and_then(|before| {
        let phase = campaign.phases.get(before)?.phase.clone();
        Some((phase, campaign.completed.get(before)?.run.run))
    });
    inner.board.open(&ticket, start.progress);
    let runner = pipeline.runner(&ticket.phase);
    let context = RunContext::new(AttemptState {
        written: tokio::sync::Mutex::new(DurableOutput {
            batch: start.batch,
            records: start.records,
        }),
        ticket,
        config,
        resources,
        upstream,
        start,
        cancellation: reservation.attempt.cancellation.clone(),
        storage: Arc::clone(&inner.storage),
        board: inner.board.clone(),
        handle: inner.handle.clone(),
    });
    let run = async move {
        match runner {
            Some(runner) => runner.run(context).await,
            None => Err(RunError::failed(
                "no_runner",
                "the pipeline has no runner for this phase",
            )),
        }
    };
    Ok(inner.handle.spawn(run.in_current_span()))
}

fn end_of(
    ended: Result<Result<RunOutcome, RunError>, JoinError>,
    reason: Option<InterruptReason>,
) -> RunnerEnd {
    match ended {
        Ok(Ok(RunOutcome::Completed(summary))) => RunnerEnd::Reported(Outcome::Completed(summary)),
        Ok(Ok(RunOutcome::Failed(failure)) | Err(RunError::Failed(failure))) => {
            RunnerEnd::Reported(Outcome::Failed(failure))
        }
        Ok(Ok(RunOutcome::Deferred)) => RunnerEnd::Deferred,
        // A runner may be wrong about being fenced. Its phase must not stay running without a runner, so the machine decides.
        Ok(Err(RunError::Interrupted | RunError::Fenced)) => interrupted(reason),
        Ok(Err(RunError::Excess(excess))) => failed(excess.code(), excess.to_string()),
        Ok(Err(RunError::Storage(error))) => failed("storage", error.to_string()),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => failed("panicked", format!("the phase panicked: {}", panic_text(&*panic))),
            // The runtime is going down.
            Err(_) => RunnerEnd::Unrecorded,
        },
    }
}

/// The text of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

fn interrupted(reason: Option<InterruptReason>) -> RunnerEnd {
    match reason {
        // Without a reason the runner gave up unasked; the machine turns that into a failure.
        None | Some(InterruptReason::Rest | InterruptReason::Timeout) => RunnerEnd::Quiet,
        Some(InterruptReason::Over | InterruptReason::Shutdown) => RunnerEnd::Unrecorded,
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

/// Ends an attempt whose runner did not come to rest within the grace period. The runner is dropped and fenced.
async fn outstayed(inner: &EngineState, reservation: &Reservation) -> RunnerEnd {
    let grace = inner.grace.as_secs_f64();
    tracing::warn!(
        grace_s = grace,
        "a runner ignored its cancellation and was dropped"
    );
    match reservation.attempt.reason() {
        Some(InterruptReason::Over | InterruptReason::Shutdown) => RunnerEnd::Unrecorded,
        Some(InterruptReason::Timeout) => RunnerEnd::Quiet,
        None | Some(InterruptReason::Rest) => {
            match inner.storage.campaign(reservation.ticket().campaign).await {
                Ok(Some(Campaign {
                    activity:
                        Activity::Running {
                            intent: Intent::Stop, ..
                        },
                    ..
                })) => RunnerEnd::Quiet,
                _ => failed(
                    "cancellation_ignored",
                    format!("the phase did not come to rest within {grace} s of a pause"),
                ),
            }
        }
    }
}
