//! Stopped runs, batches by their bytes, and inputs that are joined.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use phasegate::core::storage::Storage;
use phasegate::core::{PhaseDefinition, PhaseName, Run};
use phasegate::{CampaignStatus, Engine, NewCampaign, Pipeline, RunOutcome};
use phasegate_testkit::MemoryStorage;
use serde_json::{Value, json};

const ITEMS: u64 = 600;
/// So many that half a batch of items is more than a store takes at once.
const RECORDS_EACH: usize = 4;

fn definition(name: &str) -> PhaseDefinition {
    PhaseDefinition::new(PhaseName::new(name).unwrap(), json!(true))
}

struct Source;

#[async_trait]
impl Phase for Source {
    type Config = Value;
    type Input = Value;
    type Record = u64;
    type Checkpoint = Value;
    type Summary = Value;

    fn definition(&self) -> PhaseDefinition {
        definition("source")
    }

    async fn run(&self, ctx: PhaseContext<Self>) -> Result<RunOutcome<Value>, RunError> {
        let records: Vec<u64> = (0..ITEMS).collect();
        ctx.commit(&records, &Value::Null, ITEMS, None).await?;
        Ok(RunOutcome::Completed(Value::Null))
    }
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Nothing;

impl<R> Tally<R> for Nothing {
    fn count(&mut self, _: Option<&R>) {}
}

/// Makes large records, all at once, of which the first is done when the run is cancelled.
struct Wide {
    done: Arc<AtomicU64>,
}

#[async_trait]
impl Phase for Wide {
    type Config = Value;
    type Input = u64;
    type Record = String;
    type Checkpoint = Checkpoint<Nothing>;
    type Summary = Value;

    fn definition(&self) -> PhaseDefinition {
        definition("wide")
    }

    async fn run(&self, ctx: PhaseContext<Self>) -> Result<RunOutcome<Value>, RunError> {
        let limits = WorkLimits {
            concurrency: 1_000,
            batch: 500,
        };
        let context = &ctx;
        run(context, limits, |index, _| async move {
            if index == 0 {
                context.cancelled().await;
            }
            self.done.fetch_add(1, Ordering::SeqCst);
            Ok(vec!["x".repeat(50_000); RECORDS_EACH])
        })
        .await?;
        Ok(RunOutcome::Completed(Value::Null))
    }
}

#[tokio::test]
async fn a_run_that_is_stopped_commits_all_that_is_finished_however_much_it_is() {
    let done = Arc::new(AtomicU64::new(0));
    let pipeline = Pipeline::builder("wide")
        .phase(Source)
        .phase(Wide {
            done: Arc::clone(&done),
        })
        .build()
        .unwrap();
    let engine = Engine::builder()
        .storage(MemoryStorage::new())
        .pipeline(pipeline)
        .build()
        .unwrap();
    let new = NewCampaign::new("wide")
        .config("source", json!({}))
        .config("wide", json!({}));
    let campaign = engine.create(new).await.unwrap();
    campaign.start("source").await.unwrap();
    campaign.at_rest().await.unwrap();
    campaign.start("wide").await.unwrap();
    while done.load(Ordering::SeqCst) < ITEMS - 1 {
        tokio::task::yield_now().await;
    }
    campaign.stop().await.unwrap();
    let view = campaign.view().await.unwrap();
    assert_eq!(
        view.status,
        CampaignStatus::Stopped,
        "{:?}",
        view.phases[1].failure
    );
    let mut records = campaign.records("wide", 0).await.unwrap();
    let mut committed = 0;
    while records.next().await.unwrap().is_some() {
        committed += 1;
    }
    assert_eq!(committed, ITEMS * RECORDS_EACH as u64);
}

/// Joins each number to those before it, up to the next that is divisible by four. Its first attempt waits at an item.
struct Joining {
    attempts: AtomicU64,
}

const WAITS_AT: u64 = 244;

#[async_trait]
impl Phase for Joining {
    type Config = Value;
    type Input = Numbers;
    type Record = Vec<u64>;
    type Checkpoint = Checkpoint<Nothing>;
    type Summary = Value;

    fn definition(&self) -> PhaseDefinition {
        definition("joining")
    }

    async fn run(&self, ctx: PhaseContext<Self>) -> Result<RunOutcome<Value>, RunError> {
        let limits = WorkLimits {
            concurrency: 3,
            batch: 40,
        };
        let is_first = self.attempts.fetch_add(1, Ordering::SeqCst) == 0;
        let join = |item: &mut Numbers, next: Numbers| match next.0[0] % 4 {
            0 => Some(next),
            _ => {
                item.0.extend(next.0);
                None
            }
        };
        let context = &ctx;
        run_joined(context, limits, join, |index, numbers| async move {
            assert_eq!(numbers.0[0], index);
            if is_first && index == WAITS_AT {
                context.cancelled().await;
                std::future::pending::<()>().await;
            }
            Ok(Some(numbers.0))
        })
        .await?;
        Ok(RunOutcome::Completed(Value::Null))
    }
}

#[derive(Deserialize)]
#[serde(from = "u64")]
struct Numbers(Vec<u64>);

impl From<u64> for Numbers {
    fn from(number: u64) -> Self {
        Self(vec![number])
    }
}

#[tokio::test]
async fn joined_inputs_stay_one_item_where_a_run_is_stopped_and_count_as_one() {
    let storage = Arc::new(MemoryStorage::new());
    let pipeline = Pipeline::builder("joining")
        .phase(Source)
        .phase(Joining {
            attempts: AtomicU64::new(0),
        })
        .build()
        .unwrap();
    let engine = Engine::builder()
        .shared_storage(Arc::clone(&storage) as Arc<dyn Storage>)
        .pipeline(pipeline)
        .build()
        .unwrap();
    let new = NewCampaign::new("joining")
        .config("source", json!({}))
        .config("joining", json!({}));
    let campaign = engine.create(new).await.unwrap();
    campaign.start("source").await.unwrap();
    campaign.at_rest().await.unwrap();
    campaign.start("joining").await.unwrap();
    let output = async || {
        let phase = PhaseName::new("joining").unwrap();
        let output = storage
            .run_output(campaign.id(), &phase, Run(1))
            .await
            .unwrap()
            .unwrap();
        (
            output.records,
            output.checkpoint.unwrap(),
            output.progress.unwrap(),
        )
    };
    let progress = || {
        engine
            .progress(campaign.id())
            .map_or(0, |(_, progress)| progress.done)
    };
    while progress() < WAITS_AT / 4 {
        tokio::task::yield_now().await;
    }
    campaign.stop().await.unwrap();
    let (records, checkpoint, progress) = output().await;
    assert_eq!(records, WAITS_AT / 4);
    assert_eq!(checkpoint["next"], WAITS_AT);
    assert_eq!((progress.done, progress.total), (61, Some(ITEMS - 183)));

    campaign.start("joining").await.unwrap();
    assert_eq!(
        campaign.at_rest().await.unwrap().status,
        CampaignStatus::Completed
    );
    let (_, checkpoint, progress) = output().await;
    assert_eq!(checkpoint["next"], ITEMS);
    assert_eq!((progress.done, progress.total), (ITEMS / 4, Some(ITEMS / 4)));
    let mut stream = campaign.records("joining", 0).await.unwrap();
    for first in (0..ITEMS).step_by(4) {
        let record: Vec<u64> = serde_json::from_str(stream.next().await.unwrap().unwrap().get()).unwrap();
        assert_eq!(record, [first, first + 1, first + 2, first + 3]);
    }
    assert!(stream.next().await.unwrap().is_none());
}
