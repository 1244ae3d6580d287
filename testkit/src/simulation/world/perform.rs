//! The steps, as the model takes them and as the engine is asked for them.

use std::collections::BTreeMap;

use phasegate::core::{AttributeChanges, Envelope, Ticket};
use phasegate::storage::{ChangeScope, Expected, Output, StorageError};
use phasegate::{Answer as Report, Deferred, EngineError, Failure, PhaseStatus, Reported};
use serde_json::json;
use serde_json::value::RawValue;

use super::runner::{RESOURCE, config, phase_name};
use super::{LONG, LastReport, SimulatedStore, World};
use crate::simulation::model::{Answer, Model};
use crate::simulation::rules::{DEADLINE_MS, LONG_MS, policy};
use crate::simulation::step::{Deferral, Description, Form, GivenAnswer, Step};

impl<S: SimulatedStore> World<'_, S> {
    /// The model's answer, if it has one.
    pub(super) fn expect(&mut self, step: &Step) -> Option<Answer> {
        let at = |index: &usize| index % self.phases;
        match step {
            Step::Configure(phase, choice) => Some(self.model.configure(&[(at(phase), *choice)])),
            Step::ConfigureAll(all, phase, one) => {
                let choice = |index| if index == at(phase) { *one } else { *all };
                let configs: Vec<_> = (0..self.phases).map(|index| (index, choice(index))).collect();
                Some(self.model.configure(&configs))
            }
            Step::Unconfigure(phase) => Some(self.model.unconfigure(at(phase))),
            Step::SetMode(mode) => Some(self.model.set_mode(*mode)),
            Step::SetRetry(phase, tries) => Some(self.model.set_retry(at(phase), tries.map(u32::from))),
            Step::Describe(description) => Some(self.model.describe(*description)),
            Step::Skip(phase, reason) => Some(self.model.skip(at(phase), *reason)),
            Step::Unskip(phase) => Some(self.model.unskip(at(phase))),
            Step::Prune(keep, phase) => Some(self.model.prune(u32::from(*keep), phase.as_ref().map(at))),
            Step::Answer(given) => Some(self.model.answer(*given)),
            Step::Start(phase) => Some(self.model.start(at(phase))),
            Step::Restart(phase, choice) => Some(self.model.restart(at(phase), *choice)),
            Step::Pause => Some(self.model.pause()),
            Step::Resume => Some(self.model.resume()),
            Step::Stop => Some(self.model.stop()),
            Step::Commit(records) => {
                self.model.commit(u64::from(*records));
                None
            }
            Step::Complete => {
                self.model.complete();
                None
            }
            Step::Fail => {
                self.model.fail(false);
                None
            }
            Step::FailForGood => {
                self.model.fail(true);
                None
            }
            Step::Defer(deferral) => {
                self.model.defer(*deferral);
                None
            }
            Step::PassTime => {
                self.model.pass_time();
                None
            }
            Step::Rest => {
                self.model.rest();
                None
            }
            Step::ToggleResource => {
                self.model.toggle_resource();
                Some(Answer::Accepted)
            }
            Step::ReportAgain | Step::ReportForged => Some(Answer::Accepted),
            Step::Restarted
            | Step::RestartedWithout
            | Step::PowerLoss { .. }
            | Step::PowerLossDuring { .. } => None,
        }
    }

    /// Does the step with the engine. `before` is the model before the step.
    pub(super) async fn perform(&mut self, step: &Step, before: &Model) -> Result<(), EngineError> {
        let name = |index: &usize| phase_name(index % self.phases);
        match step {
            Step::Configure(phase, choice) => self
                .campaign
                .configure(&name(phase), config(*choice))
                .await
                .map(drop),
            Step::ConfigureAll(all, phase, one) => {
                let choice = |index| if index == phase % self.phases { *one } else { *all };
                let configs: BTreeMap<_, _> = (0..self.phases)
                    .map(|index| (phase_name(index), config(choice(index))))
                    .collect();
                self.campaign.configure_all(configs).await.map(drop)
            }
            Step::Unconfigure(phase) => self.campaign.unconfigure(&name(phase)).await.map(drop),
            Step::SetMode(mode) => self.campaign.set_mode(*mode).await.map(drop),
            Step::Start(phase) => self.campaign.start(&name(phase)).await.map(drop),
            Step::Restart(phase, choice) => self
                .campaign
                .restart(&name(phase), choice.map(config))
                .await
                .map(drop),
            Step::Resume => self.campaign.resume().await.map(drop),
            Step::Pause | Step::Stop => self.ask_to_rest(step, before).await,
            Step::SetRetry(phase, tries) => {
                let policy = tries.map(|tries| policy(u32::from(tries)));
                self.campaign.set_retry(&name(phase), policy).await.map(drop)
            }
            Step::Describe(description) => self.describe(*description).await,
            Step::Skip(phase, reason) => {
                let why = Envelope::none().because(reason.to_string())?;
                self.campaign
                    .with_envelope(why)
                    .skip(&name(phase))
                    .await
                    .map(drop)
            }
            Step::Unskip(phase) => self.campaign.unskip(&name(phase)).await.map(drop),
            Step::Prune(keep, phase) => {
                let phase = phase.as_ref().map(name);
                self.campaign
                    .prune(u32::from(*keep), phase.as_deref())
                    .await
                    .map(drop)
            }
            Step::Answer(given) => match before.waiting() {
                Some((index, ..)) => self.answer(*given, index).await,
                None => Ok(()),
            },
            Step::PassTime => self.pass_time().await,
            Step::Commit(_)
            | Step::Complete
            | Step::Fail
            | Step::FailForGood
            | Step::Rest
            | Step::Defer(_) => match before.running() {
                Some((index, ..)) => self.direct(step, index).await,
                None => Ok(()),
            },
            Step::ReportAgain => self.report_again(before).await,
            Step::ReportForged => {
                let Some(LastReport { mut ticket, .. }) = self.last_report.clone() else {
                    return Ok(());
                };
                // No history has so many attempts.
                ticket.attempt.0 += 1_000_000;
                let reported = self
                    .engine
                    .report(&ticket, Report::Completed(json!("forged")))
                    .await?;
                assert_eq!(reported, Reported::Stale, "a ticket that never was");
                Ok(())
            }
            Step::ToggleResource => {
                let document = json!({ "enabled": self.model.resource_enabled() });
                self.engine
                    .put_resource("thing", RESOURCE, document, Expected::Any)
                    .await
                    .map(drop)
            }
            Step::Restarted
            | Step::RestartedWithout
            | Step::PowerLoss { .. }
            | Step::PowerLossDuring { .. } => Ok(()),
        }
    }

    /// Requests a pause or a stop, and returns when it is refused, done, or durably requested.
    async fn ask_to_rest(&mut self, step: &Step, before: &Model) -> Result<(), EngineError> {
        let campaign = self.campaign.clone();
        let stop = *step == Step::Stop;
        let mut asking = tokio::spawn(async move {
            if stop {
                campaign.stop().await.map(drop)
            } else {
                campaign.pause().await.map(drop)
            }
        });
        let mut model = before.clone();
        let answer = if stop { model.stop() } else { model.pause() };
        if !(answer == Answer::Accepted && model.is_asked_to_rest()) {
            return asking.await.expect("a command doesn't panic");
        }
        let wanted = model.status();
        loop {
            let latest = self.engine.storage().latest().await?;
            let shown = self.campaign.view().await?.status;
            if shown == wanted {
                self.waiting.push(asking);
                return Ok(());
            }
            tokio::select! {
                answered = &mut asking => return answered.expect("a command doesn't panic"),
                changed = self.engine.storage().changed(ChangeScope::Store, latest, LONG) => { changed?; }
            }
        }
    }

    /// Tells the running attempt what to do, and waits until it is recorded.
    async fn direct(&mut self, step: &Step, index: usize) -> Result<(), EngineError> {
        let Some(ticket) = self
            .engine
            .storage()
            .campaign(self.campaign.id())
            .await?
            .campaign
            .and_then(|now| now.working_ticket())
        else {
            return Ok(());
        };
        let outcome = match step {
            Step::Commit(records) => {
                let committed = self.stage.commit(&ticket, u64::from(*records)).await;
                return committed.map_err(|error| match error {
                    phasegate::RunError::Storage(error) => error.into(),
                    _ => StorageError::Closed.into(),
                });
            }
            Step::Complete => {
                let summary = json!({ "run": ticket.run, "attempt": ticket.attempt });
                self.stage.complete(&ticket, summary.clone()).await;
                Some(Report::Completed(summary))
            }
            Step::Fail | Step::FailForGood => {
                let mut failure = Failure::new("told_to", "as the test told it to");
                if *step == Step::FailForGood {
                    failure = failure.finally();
                }
                self.stage.fail(&ticket, failure.clone()).await;
                Some(Report::Failed(failure))
            }
            Step::Defer(deferral) => {
                self.stage.defer_with(&ticket, deferred(*deferral)).await;
                None
            }
            _ => {
                self.stage.rest(&ticket).await;
                None
            }
        };
        loop {
            let latest = self.engine.storage().latest().await?;
            let now = self.engine.storage().campaign(self.campaign.id()).await?;
            if now.campaign.and_then(|now| now.working_ticket()).as_ref() != Some(&ticket) {
                break;
            }
            self.engine
                .storage()
                .changed(ChangeScope::Store, latest, LONG)
                .await?;
        }
        if let Some(outcome) = outcome {
            self.last_report = Some(LastReport {
                ticket,
                index,
                outcome,
            });
        }
        Ok(())
    }

    async fn report_again(&mut self, model: &Model) -> Result<(), EngineError> {
        let Some(LastReport {
            ticket,
            index,
            outcome,
        }) = self.last_report.clone()
        else {
            return Ok(());
        };
        let status = match outcome {
            Report::Completed(_) => PhaseStatus::Completed,
            Report::Failed(_) => PhaseStatus::Failed,
        };
        let stands = model.stands(index, ticket.run.0, ticket.attempt.0, status);
        let reported = self.engine.report(&ticket, outcome).await?;
        let expected = if stands {
            Reported::AlreadyRecorded
        } else {
            Reported::Stale
        };
        assert_eq!(reported, expected, "a repeated report of {ticket}");
        self.append_late(ticket).await
    }

    /// Appends for an attempt that has ended, as an attempt does that was cut off without noticing.
    async fn append_late(&self, ticket: Ticket) -> Result<(), EngineError> {
        let storage = self.engine.storage();
        let output = storage
            .run_output(ticket.campaign, &ticket.phase, ticket.run)
            .await?;
        let late = Output {
            batch: output.unwrap_or_default().batch.next(),
            records: vec![RawValue::from_string("\"late\"".to_owned()).expect("it is JSON")],
            ticket,
            checkpoint: None,
            progress: None,
        };
        let ticket = late.ticket.clone();
        match storage.append(late).await {
            Err(StorageError::StaleTicket { .. }) => Ok(()),
            Err(other) => Err(other.into()),
            Ok(_) => panic!("{ticket} has ended, and its output was taken"),
        }
    }

    async fn describe(&self, description: Description) -> Result<(), EngineError> {
        let (mut name, mut attributes) = (None, AttributeChanges::new());
        match description {
            Description::Name(number) => name = Some(format!("name {number}")),
            Description::Tag(tag) => {
                attributes.insert("tag".to_owned(), tag.map(|tag| tag.to_string()));
            }
            Description::Blank => name = Some(" ".to_owned()),
            Description::BadKey => {
                attributes.insert("Tag".to_owned(), Some("0".to_owned()));
            }
        }
        self.campaign.describe(name, attributes).await.map(drop)
    }

    /// Answers for the phase that waits.
    async fn answer(&mut self, given: GivenAnswer, index: usize) -> Result<(), EngineError> {
        let storage = self.engine.storage();
        let now = storage.campaign(self.campaign.id()).await?.campaign;
        let Some(ticket) = now.and_then(|now| now.ticket()) else {
            return Ok(());
        };
        let (outcome, records) = match given {
            GivenAnswer::Completed(records) => (Report::Completed(json!({})), u64::from(records)),
            GivenAnswer::Unfit => (Report::Completed(json!({ "unfit": true })), 0),
            GivenAnswer::Failed => (Report::Failed(Failure::new("rejected", "they said no")), 0),
        };
        let output = storage
            .run_output(ticket.campaign, &ticket.phase, ticket.run)
            .await?;
        let before = output.unwrap_or_default().records;
        let records: Vec<_> = (before..before + records)
            .map(|number| RawValue::from_string(json!({ "number": number }).to_string()).expect("it is JSON"))
            .collect();
        if !records.is_empty() {
            self.answered.insert((ticket.phase.clone(), ticket.run));
        }
        let reported = self
            .engine
            .report_with(&ticket, outcome.clone(), records, Envelope::none())
            .await?;
        assert_eq!(reported, Reported::Recorded, "an answer for {ticket}");
        self.last_report = Some(LastReport {
            ticket,
            index,
            outcome,
        });
        Ok(())
    }

    /// Lets so much time pass that whatever is waited for is due, and waits until it is done.
    async fn pass_time(&mut self) -> Result<(), EngineError> {
        self.store.pass_time(LONG_MS);
        let recovery = self.engine.recover().await?;
        if let Some((_, error)) = recovery.failed.into_iter().next() {
            return Err(error);
        }
        let storage = self.engine.storage();
        loop {
            let latest = storage.latest().await?;
            let read = storage.campaign(self.campaign.id()).await?;
            let due = read.campaign.and_then(|campaign| campaign.due());
            if due.is_none_or(|due| due > read.now) {
                return Ok(());
            }
            storage.changed(ChangeScope::Store, latest, LONG).await?;
        }
    }
}

fn deferred(deferral: Deferral) -> Deferred {
    Deferred {
        note: None,
        form: match deferral.form {
            Form::Absent => None,
            Form::Asks => Some(json!({ "type": "object", "additionalProperties": false })),
            Form::Broken => Some(json!({ "type": 7 })),
        },
        deadline_ms: deferral.deadline.then_some(DEADLINE_MS),
    }
}
