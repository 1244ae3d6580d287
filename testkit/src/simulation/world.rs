//! The world of one campaign: an engine, a store that can lose power, a stage for its runners, and the model.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::{CommandKind, PhaseDefinition, PhaseName, Run, Ticket};
use phasegate::storage::{ChangeScope, EventScope, Expected, Output, Storage, StorageError};
use phasegate::{
    Answer as Report, CampaignHandle, Engine, EngineError, Failure, NewCampaign, PhaseStatus, Pipeline,
    Reported,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::invariants::check_log;
use super::model::{Answer, Model};
use super::step::{ConfigChoice, Step};
use crate::stage::Stage;

/// A store that can be opened repeatedly and can lose power in between.
#[async_trait]
pub trait SimulatedStore: Send {
    /// Opens the store with its durable data.
    async fn open(&mut self) -> Arc<dyn Storage>;

    /// Lets this many further operations of the storage device succeed. All later ones fail.
    fn fail_after(&mut self, operations: u32);

    /// Loses power. `seed` decides which unsynced writes survive.
    async fn lose_power(&mut self, seed: u64);
}

const RESOURCE: &str = "shared";

/// The longest wait for something that must happen.
const LONG: Duration = Duration::from_secs(60);

fn phase_name(index: usize) -> String {
    format!("phase_{index}")
}

fn pipeline(stage: &Stage, phases: usize) -> Pipeline {
    let schema = json!({
        "type": "object",
        "required": ["value"],
        "properties": {
            "value": {"type": "integer", "minimum": 0},
            "resourceId": {"type": "string", "x-phasegate-resource": "thing"}
        },
        "additionalProperties": false
    });
    let mut builder =
        Pipeline::builder("simulated").resource_kind("thing", "Thing", json!({"type": "object"}));
    for index in 0..phases {
        let name = PhaseName::new(phase_name(index)).expect("a valid phase name");
        let definition = PhaseDefinition {
            name,
            title: String::new(),
            config_schema: schema.clone(),
        };
        builder = builder.runner(definition, stage.runner());
    }
    builder.build().expect("a valid pipeline")
}

fn config(choice: ConfigChoice) -> Value {
    match choice {
        ConfigChoice::Valid(value) => json!({ "value": value }),
        ConfigChoice::WithResource(value) => json!({ "value": value, "resourceId": RESOURCE }),
        ConfigChoice::Invalid => json!({ "value": -1 }),
    }
}

/// The last recorded outcome, to report it again.
#[derive(Clone)]
struct LastReport {
    ticket: Ticket,
    index: usize,
    outcome: Report,
}

struct World<'a, S> {
    store: &'a mut S,
    phases: usize,
    stage: Stage,
    engine: Engine,
    campaign: CampaignHandle,
    model: Model,
    last_report: Option<LastReport>,
    /// The pauses and stops that wait for the runner to come to rest.
    waiting: Vec<JoinHandle<Result<(), EngineError>>>,
}

/// Runs a history of one campaign of `phases` phases and compares the engine with the model after every step.
///
/// # Errors
///
/// A report of the step at which they differ, or at which an invariant is broken.
pub async fn simulate<S: SimulatedStore>(
    store: &mut S,
    phases: usize,
    history: &[Step],
) -> Result<(), String> {
    let stage = Stage::default();
    let engine = engine(store.open().await, &stage, phases);
    engine
        .put_resource("thing", RESOURCE, json!({}), Expected::Any)
        .await
        .map_err(|error| error.to_string())?;
    let campaign = engine
        .create(NewCampaign::new("simulated"))
        .await
        .map_err(|error| error.to_string())?;
    let model = Model::new(phases);
    let mut world = World {
        store,
        phases,
        stage,
        engine,
        campaign,
        model,
        last_report: None,
        waiting: Vec::new(),
    };
    for (number, step) in history.iter().enumerate() {
        let result = world.step(step).await;
        result.map_err(|broken| format!("step {number}, {step:?}: {broken}\n{:#?}", world.model))?;
    }
    world.end().await;
    Ok(())
}

fn engine(storage: Arc<dyn Storage>, stage: &Stage, phases: usize) -> Engine {
    Engine::builder()
        .shared_storage(storage)
        .pipeline(pipeline(stage, phases))
        // Runners on the stage come to rest only when the history says so.
        .cancellation_grace(Duration::from_secs(24 * 60 * 60))
        .build()
        .expect("an engine")
}

impl<S: SimulatedStore> World<'_, S> {
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::PowerLoss { seed } => self.lose_power(*seed, vec![self.model.clone()]).await,
            Step::PowerLossDuring {
                step,
                operations,
                seed,
            } => self.lose_power_during(step, *operations, *seed).await,
            Step::Restarted => {
                self.leave().await.map_err(|error| error.to_string())?;
                self.reopen(vec![self.model.clone()]).await
            }
            Step::RestartedWithout => {
                self.leave().await.map_err(|error| error.to_string())?;
                self.recover_without().await?;
                self.reopen(vec![self.model.clone()]).await
            }
            calm => {
                let before = self.model.clone();
                let expected = self.expect(calm);
                let actual = self.perform(calm, &before).await;
                match (expected, actual) {
                    (None, _) => {}
                    (Some(Answer::Accepted), Ok(())) => {}
                    (Some(Answer::Refused(code)), Err(error)) if error.code() == code => {
                        if error.to_string().is_empty() {
                            return Err(format!("{code} says nothing to a person"));
                        }
                    }
                    (expected, actual) => {
                        return Err(format!("expected {expected:?}, but it was {actual:?}"));
                    }
                }
                self.settle().await?;
                self.check().await
            }
        }
    }

    /// The model's answer, if it has one.
    fn expect(&mut self, step: &Step) -> Option<Answer> {
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
                self.model.fail();
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
    async fn perform(&mut self, step: &Step, before: &Model) -> Result<(), EngineError> {
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
            Step::Commit(_) | Step::Complete | Step::Fail | Step::Rest => match before.running() {
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
            .and_then(|now| now.ticket())
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
            Step::Fail => {
                let failure = Failure::new("told_to", "as the test told it to");
                self.stage.fail(&ticket, failure.clone()).await;
                Some(Report::Failed(failure))
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

    /// Waits until the running attempt is on stage, and until heeded pauses and stops have returned.
    async fn settle(&mut self) -> Result<(), String> {
        let now = self
            .engine
            .storage()
            .campaign(self.campaign.id())
            .await
            .map_err(|error| error.to_string())?;
        if let Some(ticket) = now
            .campaign
            .and_then(|now| now.working_ticket())
            .filter(|_| self.model.running().is_some())
        {
            self.stage.arrived(&ticket).await;
        }
        if self.model.is_asked_to_rest() {
            return Ok(());
        }
        for asked in std::mem::take(&mut self.waiting) {
            let answer = asked.await.map_err(|error| error.to_string())?;
            answer.map_err(|error| format!("a pause or stop that was accepted ended with {error}"))?;
        }
        Ok(())
    }

    /// Ends the process. The shutdown comes first, so that no runner seems to give up by itself.
    async fn leave(&mut self) -> Result<(), EngineError> {
        let (left, ()) = tokio::join!(self.engine.shutdown(), async { self.stage.close() });
        for asked in std::mem::take(&mut self.waiting) {
            asked.abort();
        }
        left
    }

    /// Loses power during a step. The step must be done completely or not at all.
    async fn lose_power_during(&mut self, step: &Step, operations: u8, seed: u64) -> Result<(), String> {
        let before = self.model.clone();
        let expected = self.expect(step);
        self.store.fail_after(u32::from(operations));
        let actual = self.perform(step, &before).await;
        let failed = matches!(actual, Err(EngineError::Storage(_)));
        if !failed && let Some(expected) = expected {
            match (expected, &actual) {
                (Answer::Accepted, Ok(())) => {}
                (Answer::Refused(code), Err(error)) if error.code() == code => {}
                (expected, actual) => return Err(format!("expected {expected:?}, but it was {actual:?}")),
            }
        }
        // Acknowledged steps must be there. Others may be.
        let after = self.model.clone();
        let candidates = if failed { vec![before, after] } else { vec![after] };
        self.lose_power(seed, candidates).await
    }

    async fn lose_power(&mut self, seed: u64, candidates: Vec<Model>) -> Result<(), String> {
        self.store.lose_power(seed).await;
        // From here on the old engine sees only failures.
        let _ = self.leave().await;
        self.reopen(candidates).await
    }

    /// Opens the store in a process without the pipeline, recovers, and ends the process.
    async fn recover_without(&mut self) -> Result<(), String> {
        let engine = Engine::builder()
            .shared_storage(self.store.open().await)
            .build()
            .expect("an engine");
        let recovery = engine.recover().await.map_err(|error| error.to_string())?;
        if !(recovery.resumed.is_empty() && recovery.settled.is_empty() && recovery.failed.is_empty()) {
            return Err(format!("without the pipeline nothing is taken up: {recovery:?}"));
        }
        engine.shutdown().await.map_err(|error| error.to_string())
    }

    /// Opens the store in another process. Its state must be that of one of the candidates.
    async fn reopen(&mut self, candidates: Vec<Model>) -> Result<(), String> {
        self.stage = Stage::default();
        self.engine = engine(self.store.open().await, &self.stage, self.phases);
        self.campaign = self
            .engine
            .campaign(self.campaign.id())
            .await
            .map_err(|error| error.to_string())?;
        let recovery = self.engine.recover().await.map_err(|error| error.to_string())?;
        if let Some((_, error)) = recovery.failed.first() {
            return Err(format!("it could not be recovered: {error}"));
        }
        let mut differences = Vec::new();
        for mut candidate in candidates {
            candidate.recover();
            self.model = candidate;
            match self.check().await {
                Ok(()) => return self.settle().await,
                Err(difference) => differences.push(difference),
            }
        }
        Err(format!(
            "after reopening it is in no state that it may be in: {}",
            differences.join("\nnor ")
        ))
    }

    /// Compares the view with the model, and checks the log and the records.
    async fn check(&self) -> Result<(), String> {
        let view = self.campaign.view().await.map_err(|error| error.to_string())?;
        let mut shown = Vec::new();
        for phase in &view.phases {
            let mut records = self
                .campaign
                .records(phase.phase.as_str(), 0)
                .await
                .map_err(|error| error.to_string())?;
            let mut count = 0u64;
            while let Some(record) = records.next().await.map_err(|error| error.to_string())? {
                let expected = json!({ "number": count }).to_string();
                if record.get() != expected {
                    return Err(format!("record {count} of {} is {record}", phase.phase));
                }
                count += 1;
            }
            if let Some(run) = phase.run {
                self.check_checkpoint(&phase.phase, run, count).await?;
            }
            let run = phase.run.map(|run| run.0);
            shown.push((
                phase.status,
                phase.configured,
                run,
                phase.attempt.map(|attempt| attempt.0),
                count,
            ));
        }
        if (view.status, &shown) != (self.model.status(), &self.model.shown()) {
            let expected = (self.model.status(), self.model.shown());
            return Err(format!(
                "shown is {:?}\nbut should be {expected:?}",
                (view.status, shown)
            ));
        }
        if view.mode != self.model.mode() {
            return Err(format!("the mode is {}", view.mode));
        }
        self.check_inputs().await?;
        for next in &view.next {
            let index = next
                .phase
                .as_ref()
                .and_then(|phase| view.phases.iter().position(|one| one.phase == *phase));
            let mut model = self.model.clone();
            let answer = match (next.command, index) {
                (CommandKind::Start, Some(index)) => model.start(index),
                (CommandKind::Restart, Some(index)) => model.restart(index, None),
                (CommandKind::Unconfigure, Some(index)) => model.unconfigure(index),
                (CommandKind::Pause, _) => model.pause(),
                (CommandKind::Resume, _) => model.resume(),
                (CommandKind::Stop, _) => model.stop(),
                _ => continue,
            };
            let expected = match answer {
                Answer::Accepted => None,
                Answer::Refused(code) => Some(code),
            };
            let shown = next.refusal.as_ref().map(|refusal| &*refusal.code);
            if shown != expected {
                return Err(format!(
                    "next says of {:?} {:?}: {shown:?}, but it is {answer:?}",
                    next.command, next.phase
                ));
            }
        }
        self.check_log().await
    }

    /// Compares a run's checkpoint with its records: the stage commits each batch with the number of records so far.
    async fn check_checkpoint(&self, phase: &PhaseName, run: Run, records: u64) -> Result<(), String> {
        let storage = self.engine.storage();
        let output = storage
            .run_output(self.campaign.id(), phase, run)
            .await
            .map_err(|error| error.to_string())?;
        let checkpoint = output.and_then(|output| output.checkpoint);
        match checkpoint {
            None if records == 0 => Ok(()),
            Some(checkpoint) if checkpoint == json!({ "records": records }) => Ok(()),
            other => Err(format!(
                "{phase} has {records} records, and the checkpoint {other:?}"
            )),
        }
    }

    /// Compares the stored configs and resources of later phases, which no view shows in full.
    async fn check_inputs(&self) -> Result<(), String> {
        for (index, expected) in self.model.configs().into_iter().enumerate() {
            let name = phase_name(index);
            let stored = self
                .campaign
                .config(&name)
                .await
                .map_err(|error| error.to_string())?;
            let expected = expected.map(config);
            if stored != expected {
                return Err(format!("the config of {name} is {stored:?}, not {expected:?}"));
            }
        }
        let resource = self.engine.resource("thing", RESOURCE).await;
        let enabled = resource
            .map_err(|error| error.to_string())?
            .is_some_and(|resource| resource.is_enabled());
        if enabled != self.model.resource_enabled() {
            return Err(format!("the resource's being enabled is {enabled}"));
        }
        Ok(())
    }

    async fn check_log(&self) -> Result<(), String> {
        let storage = self.engine.storage();
        let id = self.campaign.id();
        let mut log = Vec::new();
        let mut after = None;
        loop {
            let page = storage
                .events(EventScope::Campaign(id), after, 1_000)
                .await
                .map_err(|error| error.to_string())?;
            log.extend(page.items);
            match page.next_cursor {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let snapshot = storage.campaign(id).await.map_err(|error| error.to_string())?;
        check_log(&log, &snapshot.campaign.ok_or("the campaign is gone")?)
    }

    async fn end(mut self) {
        // Some histories end with a store that has failed.
        let _ = self.leave().await;
    }
}
