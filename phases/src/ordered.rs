//! Work on many items at once, with records in the order of the items and a checkpoint for every batch.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use futures::future::{BoxFuture, Fuse, FusedFuture};
use futures::stream::FuturesOrdered;
use futures::{FutureExt, StreamExt};
use phasegate::{Phase, PhaseContext, RunError};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// The longest that a finished record waits for its batch to fill.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// The most items that are worked on at once, whatever the concurrency of the personas.
const MAX_WINDOW: usize = 4_096;

/// How far a run has come: the next item, and the counts before it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint<T> {
    /// The index of the next item.
    pub next: u64,
    /// The counts of the items before it.
    pub tally: T,
}

/// The counts of the items so far, for the summary.
pub(crate) trait Tally<R> {
    /// Counts an item with its record, if it gave one.
    fn count(&mut self, record: Option<&R>);
}

/// How many items are in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkLimits {
    /// How many items are worked on at once.
    pub(crate) concurrency: usize,
    /// How many items are worked on or wait for their commit, half of them each: at most so many are repeated after a crash. Of
    /// those that wait, one half is written while the other gathers. A concurrency above half a batch takes precedence.
    pub(crate) batch: usize,
}

/// Does `work` on every item of the phase before, from the checkpoint on, and commits the records.
///
/// An item gives one record or none. Later items go on while an earlier one is slow, up to half a batch or four times the
/// concurrency; their records wait in memory. When the run is cancelled or an item fails the phase, all work in flight is
/// dropped, and the records before the first unfinished item are committed.
pub(crate) async fn run<P, T, W, F>(ctx: &PhaseContext<P>, limits: WorkLimits, work: W) -> Result<T, RunError>
where
    P: Phase<Checkpoint = Checkpoint<T>>,
    T: Tally<P::Record> + Clone + Default + Send + Sync + 'static,
    W: Fn(u64, P::Input) -> F,
    F: Future<Output = Result<Option<P::Record>, RunError>>,
{
    let start = ctx.checkpoint().cloned().unwrap_or_default();
    let mut pending = UncommittedWork {
        ctx,
        total: ctx.upstream_total().await?,
        committed: start.next,
        done: start,
        records: Vec::new(),
        since: None,
    };
    let half = (limits.batch / 2).max(1);
    let enough = (half / 2).max(1);
    let concurrency = limits.concurrency.clamp(1, MAX_WINDOW);
    let window = concurrency.saturating_mul(4).min(half).max(concurrency);
    let inputs = futures::stream::unfold(ctx.upstream(pending.done.next), |mut inputs| async {
        inputs.next().await.transpose().map(|input| (input, inputs))
    });
    let mut inputs = std::pin::pin!(inputs.fuse());
    let mut in_flight = FuturesOrdered::new();
    // Outcomes in order that have no room in the batch yet. Work goes on while a batch is written, however long that takes: who is
    // not polled would miss its deadlines.
    let mut finished = VecDeque::new();
    let mut exhausted = false;
    let mut commit = Fuse::terminated();
    let stopped = 'work: loop {
        while pending.items() < enough
            && let Some(outcome) = finished.pop_front()
        {
            match outcome {
                Ok(record) => pending.push(record),
                // The committed records end before this item. Finished items behind it don't count.
                Err(error) => {
                    in_flight.clear();
                    finished.clear();
                    break 'work Some(error);
                }
            }
        }
        if exhausted && in_flight.is_empty() && finished.is_empty() {
            break None;
        }
        let is_idle = commit.is_terminated();
        if is_idle && pending.items() >= enough {
            commit = pending.commit().fuse();
            continue;
        }
        tokio::select! {
            biased;
            () = ctx.cancelled() => break Some(RunError::Interrupted),
            committed = &mut commit, if !is_idle => committed?,
            Some(outcome) = in_flight.next(), if !in_flight.is_empty() => finished.push_back(outcome),
            input = inputs.next(), if !exhausted && in_flight.len() + finished.len() < window => match input {
                Some(Ok((index, input))) => in_flight.push_back(work(index, input)),
                Some(Err(error)) => break Some(error),
                None => exhausted = true,
            },
            () = pending.overdue(), if is_idle => commit = pending.commit().fuse(),
        }
    };
    let mut committed = match commit.is_terminated() {
        true => Ok(()),
        false => commit.await,
    };
    if stopped.is_some() {
        // More than one batch may wait here, and a store takes one at a time.
        while committed.is_ok()
            && let Some(Ok(record)) = match finished.pop_front() {
                Some(outcome) => Some(outcome),
                None => in_flight.next().now_or_never().flatten(),
            }
        {
            pending.push(record);
            if pending.items() >= enough {
                committed = pending.commit().await;
            }
        }
    }
    drop(in_flight);
    if committed.is_ok() {
        committed = pending.commit().await;
    }
    match committed {
        Ok(()) => stopped.map_or(Ok(pending.done.tally), Err),
        Err(error) => Err(stopped
            .filter(|stopped| !matches!(stopped, RunError::Interrupted))
            .unwrap_or(error)),
    }
}

/// Finished work before its commit.
struct UncommittedWork<'a, P: Phase, T> {
    ctx: &'a PhaseContext<P>,
    total: u64,
    committed: u64,
    done: Checkpoint<T>,
    records: Vec<P::Record>,
    since: Option<Instant>,
}

impl<'a, P, T> UncommittedWork<'a, P, T>
where
    P: Phase<Checkpoint = Checkpoint<T>>,
    T: Tally<P::Record> + Clone + Send + Sync + 'static,
{
    fn push(&mut self, record: Option<P::Record>) {
        self.done.next += 1;
        self.done.tally.count(record.as_ref());
        self.records.extend(record);
        self.since.get_or_insert_with(Instant::now);
        self.ctx.progress(self.done.next, Some(self.total));
    }

    fn items(&self) -> usize {
        usize::try_from(self.done.next - self.committed).unwrap_or(usize::MAX)
    }

    async fn overdue(&self) {
        match self.since {
            Some(since) => tokio::time::sleep_until(since + MAX_WAIT).await,
            None => std::future::pending().await,
        }
    }

    /// Takes the records out, and gives their commit. They are written in order if each is awaited before the next begins.
    fn commit(&mut self) -> BoxFuture<'a, Result<(), RunError>> {
        if self.items() == 0 {
            return std::future::ready(Ok(())).boxed();
        }
        self.committed = self.done.next;
        self.since = None;
        let (ctx, total) = (self.ctx, self.total);
        let (records, done) = (std::mem::take(&mut self.records), self.done.clone());
        async move { ctx.commit(&records, &done, done.next, Some(total)).await }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_trait::async_trait;
    use phasegate::core::{PhaseDefinition, PhaseName};
    use phasegate::{CampaignStatus, Engine, NewCampaign, Pipeline, RunOutcome};
    use phasegate_testkit::MemoryStorage;
    use serde_json::{Value, json};

    const ITEMS: u64 = 600;

    fn definition(name: &str) -> PhaseDefinition {
        PhaseDefinition {
            name: PhaseName::new(name).unwrap(),
            title: String::new(),
            config_schema: json!(true),
        }
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

    impl Tally<String> for Nothing {
        fn count(&mut self, _: Option<&String>) {}
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
                Ok(Some("x".repeat(50_000)))
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
        assert_eq!(committed, ITEMS);
    }
}
