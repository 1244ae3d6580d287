//! The report of how an attempt ended.

use serde_json::Value;

use super::fail::Asks;
use super::rest::stopped;
use super::{Decided, Decision};
use crate::campaign::{Activity, Doing, Intent, Passed, StopReason};
use crate::event::EventKind;
use crate::facts::PipelineMatch;
use crate::failure::{Failure, cut};
use crate::ids::{BatchNumber, PhaseName, Ticket};
use crate::json::Digest;
use crate::limits::MAX_NOTE_CHARS;
use crate::measure::Part;
use crate::rejection::Rejection;
use crate::run_state::RunState;
use crate::signal::{Deferred, LastBatch, Outcome};

/// A running or waiting attempt, as a report finds it.
struct Reported<'a> {
    phase: PhaseName,
    run: &'a RunState,
    /// The pause or stop that its end meets.
    intent: Intent,
    is_waiting: bool,
    has_form: bool,
}

impl Decision<'_> {
    pub(super) fn stale(&self, ticket: &Ticket) -> Rejection {
        Rejection::StaleTicket {
            ticket: ticket.clone(),
            current: self.campaign.ticket(),
        }
    }

    pub(super) fn report(
        &self,
        ticket: &Ticket,
        outcome: &Outcome,
        last_batch: Option<LastBatch>,
    ) -> Decided {
        let Some(reported) = self.reported(ticket) else {
            return if self.recorded(ticket, outcome) {
                self.nothing()
            } else {
                Err(self.stale(ticket))
            };
        };
        match outcome {
            Outcome::Completed(summary) => self.completed(&reported, outcome, summary, last_batch),
            Outcome::Failed(failure) => self.reported_failure(&reported, outcome, failure, last_batch),
            Outcome::Deferred(_) if reported.is_waiting => self.nothing(),
            Outcome::Deferred(deferred) => self.deferred(&reported, deferred, last_batch),
        }
    }

    /// The attempt of this ticket, if it may report.
    fn reported(&self, ticket: &Ticket) -> Option<Reported<'_>> {
        if self.campaign.ticket().as_ref() != Some(ticket) {
            return None;
        }
        let reported = |run, intent| Reported {
            phase: ticket.phase.clone(),
            run,
            intent,
            is_waiting: self.campaign.activity.deferral().is_some(),
            has_form: self
                .campaign
                .activity
                .deferral()
                .is_some_and(|deferral| deferral.has_form),
        };
        match &self.campaign.activity {
            Activity::Running {
                run,
                doing: Doing::Working { intent },
                ..
            } => Some(reported(run, *intent)),
            Activity::Running { run, .. } => Some(reported(run, Intent::None)),
            Activity::Paused { run, .. } => Some(reported(run, Intent::Pause)),
            _ => None,
        }
    }

    fn completed(
        &self,
        reported: &Reported<'_>,
        outcome: &Outcome,
        summary: &Value,
        last_batch: Option<LastBatch>,
    ) -> Decided {
        let phase = &reported.phase;
        if self.known.pipeline() == PipelineMatch::Unknown {
            return Err(Rejection::UnknownPipeline {
                pipeline: self.campaign.pipeline.clone(),
            });
        }
        Part::Summary(phase).measure(summary)?;
        if reported.has_form {
            let problems = self.known.answer(phase);
            if !problems.is_empty() {
                return Err(Rejection::AnswerInvalid { problems });
            }
        }
        let records = self.known.output().records + last_batch.map_or(0, |batch| batch.records);
        let mut draft = self.draft();
        draft.push(EventKind::PhaseCompleted {
            phase: phase.clone(),
            run: reported.run.run,
            attempt: reported.run.attempt,
            records,
            summary: summary.clone(),
            digest: outcome.digest(),
        });
        self.go_on(&mut draft, reported.intent);
        Ok(draft.events())
    }

    fn reported_failure(
        &self,
        reported: &Reported<'_>,
        outcome: &Outcome,
        failure: &Failure,
        last_batch: Option<LastBatch>,
    ) -> Decided {
        let asks = match (reported.is_waiting, reported.intent) {
            (false, Intent::None) => Asks::Policy,
            // A gate that says no has said so, and who asked for a pause or a stop wants nothing tried again.
            _ => Asks::Nobody,
        };
        let failure = failure.within_limits();
        let progress = self.progress(last_batch);
        let digest: Option<Digest> = Some(outcome.digest());
        self.one(self.failed(
            reported.phase.clone(),
            reported.run,
            failure,
            asks,
            progress,
            digest,
        ))
    }

    /// The latest batch with progress, that of this commit included.
    pub(super) fn progress(&self, last_batch: Option<LastBatch>) -> BatchNumber {
        let output = self.known.output();
        match last_batch {
            Some(batch) if batch.is_progress => output.batch.next(),
            _ => output.progress,
        }
    }

    fn deferred(
        &self,
        reported: &Reported<'_>,
        deferred: &Deferred,
        last_batch: Option<LastBatch>,
    ) -> Decided {
        let (phase, run) = (reported.phase.clone(), reported.run);
        if reported.intent == Intent::Stop {
            return self.one(stopped(phase, run, StopReason::Requested));
        }
        if let Some(form) = &deferred.form {
            let problem = match Part::Form(&phase).measure(form) {
                Err(excess) => Some(excess.to_string()),
                Ok(_) => self
                    .known
                    .form(&phase)
                    .items()
                    .first()
                    .map(|problem| problem.message.clone()),
            };
            if let Some(problem) = problem {
                let failure = Failure::new(
                    "form_invalid",
                    format!("the form of its answer can't be used: {problem}"),
                );
                let progress = self.progress(last_batch);
                return self.one(self.failed(phase, run, failure, Asks::Nobody, progress, None));
            }
        }
        let mut draft = self.draft();
        draft.push(EventKind::PhaseDeferred {
            phase: phase.clone(),
            run: run.run,
            attempt: run.attempt,
            note: deferred.note.clone().map(|note| cut(note, MAX_NOTE_CHARS)),
            form: deferred.form.clone(),
            deadline_at: deferred.deadline_ms.map(|ms| self.now.plus_ms(ms)),
        });
        if reported.intent == Intent::Pause {
            draft.push(EventKind::PhasePaused {
                phase,
                run: run.run,
                attempt: run.attempt,
            });
        }
        Ok(draft.events())
    }

    /// Whether this outcome of this attempt is recorded already.
    fn recorded(&self, ticket: &Ticket, outcome: &Outcome) -> bool {
        if ticket.campaign != self.campaign.id {
            return false;
        }
        let Some(index) = self.campaign.index_of(&ticket.phase) else {
            return false;
        };
        let recorded = match (self.campaign.passed.get(index), &self.campaign.activity) {
            (Some(Passed::Completed(completion)), _) => {
                Some((completion.run, completion.attempt, &completion.outcome))
            }
            (
                None,
                Activity::Failed {
                    run,
                    recorded: Some(recorded),
                    ..
                },
            ) if index == self.campaign.position() => Some((run.run, run.attempt, recorded)),
            _ => None,
        };
        recorded.is_some_and(|(run, attempt, digest)| {
            (run, attempt) == (ticket.run, ticket.attempt) && *digest == outcome.digest()
        })
    }
}
