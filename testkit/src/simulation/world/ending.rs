//! How a process ends, and how the next one finds the store.

use phasegate::{Engine, EngineError};

use super::{SimulatedStore, World, engine};
use crate::simulation::model::{Answer, Ending, Model};
use crate::simulation::step::Step;
use crate::stage::Stage;

impl<S: SimulatedStore> World<'_, S> {
    /// Ends the process. The shutdown comes first, so that no runner seems to give up by itself.
    pub(super) async fn leave(&mut self) -> Result<(), EngineError> {
        let (left, ()) = tokio::join!(self.engine.shutdown(), async { self.stage.close() });
        for asked in std::mem::take(&mut self.waiting) {
            asked.abort();
        }
        left
    }

    /// Loses power during a step. The step must be done completely or not at all.
    pub(super) async fn lose_power_during(
        &mut self,
        step: &Step,
        operations: u8,
        seed: u64,
    ) -> Result<(), String> {
        let before = self.model.clone();
        let expected = self.expect(step);
        self.time_passed = *step == Step::PassTime;
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
        let lost = self.lose_power(seed, candidates).await;
        self.time_passed = false;
        lost
    }

    pub(super) async fn lose_power(&mut self, seed: u64, candidates: Vec<Model>) -> Result<(), String> {
        self.store.lose_power(seed).await;
        // From here on the old engine sees only failures.
        let _ = self.leave().await;
        self.reopen(candidates, Ending::Crashed).await
    }

    /// Opens the store in a process without the pipeline, recovers, and ends the process.
    pub(super) async fn recover_without(&mut self) -> Result<(), String> {
        let engine = Engine::builder()
            .shared_storage(self.store.open().await)
            .build()
            .expect("an engine");
        let recovery = engine.recover().await.map_err(|error| error.to_string())?;
        let answer = match &recovery.failed[..] {
            [] => Answer::Accepted,
            [(_, error), ..] => Answer::Refused(error.code()),
        };
        let expected = self.model.recover_without();
        if answer != expected || !recovery.settled.is_empty() || !recovery.resumed.is_empty() {
            return Err(format!(
                "without the pipeline it should be {expected:?}: {recovery:?}"
            ));
        }
        engine.shutdown().await.map_err(|error| error.to_string())
    }

    /// Opens the store in another process. Its state must be that of one of the candidates.
    pub(super) async fn reopen(&mut self, candidates: Vec<Model>, ending: Ending) -> Result<(), String> {
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
            candidate.recover(ending);
            // What became due is taken up as well.
            if self.time_passed {
                candidate.pass_time();
            }
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
}
