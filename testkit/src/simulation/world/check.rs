//! What the engine shows and what the store holds, compared with the model.

use phasegate::core::{CommandKind, PhaseName, Run};
use phasegate::storage::EventScope;
use serde_json::json;

use super::runner::{RESOURCE, config, phase_name};
use super::{SimulatedStore, World};
use crate::simulation::invariants::check_log;
use crate::simulation::model::Answer;

impl<S: SimulatedStore> World<'_, S> {
    /// Compares the view with the model, and checks the log and the records.
    pub(super) async fn check(&self) -> Result<(), String> {
        let view = self.campaign.view().await.map_err(|error| error.to_string())?;
        let mut shown = Vec::new();
        for (index, phase) in view.phases.iter().enumerate() {
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
                self.check_checkpoint(index, &phase.phase, run, count).await?;
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
        let failures: Vec<_> = view
            .phases
            .iter()
            .map(|phase| phase.failure.as_ref().map(|failure| failure.code.clone()))
            .collect();
        let expected: Vec<_> = self
            .model
            .failures()
            .into_iter()
            .map(|code| code.map(str::to_owned))
            .collect();
        if failures != expected {
            return Err(format!("the failures are {failures:?}, and not {expected:?}"));
        }
        let skips: Vec<_> = view
            .phases
            .iter()
            .map(|phase| phase.skip.as_ref().map(|skip| skip.reads))
            .collect();
        let expected: Vec<_> = self
            .model
            .skips()
            .into_iter()
            .map(|skip| skip.map(|(reads, _)| reads))
            .collect();
        if skips != expected {
            return Err(format!("the skips are {skips:?}, and not {expected:?}"));
        }
        if view.due_at.is_some() != self.model.is_due_some_day() {
            return Err(format!("it is due at {:?}", view.due_at));
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
                (CommandKind::SetRetry, Some(index)) => model.set_retry(index, None),
                (CommandKind::Skip, Some(index)) => model.skip(index, 0),
                (CommandKind::Unskip, Some(index)) => model.unskip(index),
                (CommandKind::Prune, _) => model.prune(1, None),
                (CommandKind::Pause, _) => model.pause(),
                (CommandKind::Resume, _) => model.resume(),
                (CommandKind::Stop, _) => model.stop(),
                _ => continue,
            };
            let expected = match answer {
                Answer::Accepted => None,
                Answer::Refused(code) => Some(code),
            };
            let shown = next.refusal.as_ref().map(|refusal| refusal.code());
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
    ///
    /// A batch without a record leaves nothing else to tell by whether it was durable when the power failed.
    async fn check_checkpoint(
        &self,
        index: usize,
        phase: &PhaseName,
        run: Run,
        records: u64,
    ) -> Result<(), String> {
        let storage = self.engine.storage();
        let output = storage
            .run_output(self.campaign.id(), phase, run)
            .await
            .map_err(|error| error.to_string())?;
        let checkpoint = output.and_then(|output| output.checkpoint);
        match checkpoint {
            // The records of an answer come without a checkpoint.
            _ if self.answered.contains(&(phase.clone(), run)) => Ok(()),
            None if records == 0 && !self.model.has_checkpoint(index) => Ok(()),
            Some(checkpoint)
                if checkpoint == json!({ "records": records }) && self.model.has_checkpoint(index) =>
            {
                Ok(())
            }
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
        check_log(&log, &*snapshot.campaign.ok_or("the campaign is gone")?)
    }
}
