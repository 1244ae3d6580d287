//! The world of one campaign: an engine, a store that can lose power, a stage for its runners, and the model.

mod check;
mod ending;
mod perform;
mod runner;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::{PhaseName, Run, Ticket};
use phasegate::storage::{Expected, Storage};
use phasegate::{Answer as Report, CampaignHandle, Engine, EngineError, NewCampaign};
use serde_json::json;
use tokio::task::JoinHandle;

use super::model::{Answer, Ending, Model};
use super::step::Step;
use crate::stage::Stage;
use runner::{RESOURCE, pipeline};

/// A store that can be opened repeatedly and can lose power in between.
#[async_trait]
pub trait SimulatedStore: Send {
    /// Opens the store with its durable data.
    async fn open(&mut self) -> Arc<dyn Storage>;

    /// Lets this many further operations of the storage device succeed. All later ones fail.
    fn fail_after(&mut self, operations: u32);

    /// Loses power. `seed` decides which unsynced writes survive. All leases are over then.
    async fn lose_power(&mut self, seed: u64);

    /// Lets so many milliseconds pass by the store's clock, which stands still otherwise.
    fn pass_time(&mut self, ms: u64);
}

/// The longest wait for something that must happen.
const LONG: Duration = Duration::from_secs(60);

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
    /// The runs whose last records came with an answer, and without a checkpoint.
    answered: BTreeSet<(PhaseName, Run)>,
    /// Whether time passes in the step that the power fails in.
    time_passed: bool,
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
        .create(NewCampaign::new("name 0"))
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
        answered: BTreeSet::new(),
        time_passed: false,
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
        // Leases end with the power, and not by the time that a history lets pass.
        .lease_ttl(Duration::from_secs(10 * 365 * 24 * 60 * 60))
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
                self.reopen(vec![self.model.clone()], Ending::Released).await
            }
            Step::RestartedWithout => {
                self.leave().await.map_err(|error| error.to_string())?;
                self.recover_without().await?;
                self.reopen(vec![self.model.clone()], Ending::Released).await
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

    async fn end(mut self) {
        // Some histories end with a store that has failed.
        let _ = self.leave().await;
    }
}
