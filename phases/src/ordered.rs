//! Work on many items at once, with records in the order of the items and a checkpoint for every batch.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use futures::future::{BoxFuture, Fuse, FusedFuture};
use futures::stream::{FuturesOrdered, Stream};
use futures::{FutureExt, StreamExt, TryFutureExt};
use phasegate::{Batch, Inputs, Phase, PhaseContext, RunError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// The longest that a finished record waits for its batch to fill.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// The most items that are worked on at once, whatever the concurrency of the personas.
const MAX_WINDOW: usize = 4_096;
/// A batch of this many bytes is written, however few its items are. With one item more it is still far below the most that a
/// store takes.
const FULL_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How far a run has come: the next item, and the counts before it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint<T> {
    /// The index of the first input of the next item.
    pub next: u64,
    /// How many of the inputs before it were joined to an item that had begun. Without them, the inputs before it are its items.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub joined: u64,
    /// The counts of the items before it.
    pub tally: T,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The counts of the items so far, for the summary.
pub(crate) trait Tally<R>: Serialize {
    /// Counts an item with its first record, if it gave one.
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

/// Does `work` on every input, which is an item of its own: see [`run_joined`].
pub(crate) async fn run<P, T, W, F, R>(
    ctx: &PhaseContext<P>,
    limits: WorkLimits,
    work: W,
) -> Result<T, RunError>
where
    P: Phase<Checkpoint = Checkpoint<T>>,
    T: Tally<P::Record> + Clone + Default + Send + Sync + 'static,
    W: Fn(u64, P::Input) -> F,
    F: Future<Output = Result<R, RunError>>,
    R: IntoIterator<Item = P::Record>,
{
    run_joined(ctx, limits, |_, next| Some(next), work).await
}

/// Does `work` on every item of the phase before, from the checkpoint on, and commits the records.
///
/// An item begins with an input. `join` adds the next input to it, or gives that back because it begins another item. The work on an
/// item gets the index of its first input, and gives any number of records, which are committed in one batch. Later items go on
/// while an earlier one is slow, up to half a batch or four times the concurrency; their records wait in memory. When the run is
/// cancelled or an item fails the phase, all work in flight is dropped, and the records before the first unfinished item are
/// committed.
///
/// The progress counts items. Its total is the number of inputs less those that were joined so far, so it may shrink.
pub(crate) async fn run_joined<P, T, J, W, F, R>(
    ctx: &PhaseContext<P>,
    limits: WorkLimits,
    join: J,
    work: W,
) -> Result<T, RunError>
where
    P: Phase<Checkpoint = Checkpoint<T>>,
    T: Tally<P::Record> + Clone + Default + Send + Sync + 'static,
    J: Fn(&mut P::Input, P::Input) -> Option<P::Input>,
    W: Fn(u64, P::Input) -> F,
    F: Future<Output = Result<R, RunError>>,
    R: IntoIterator<Item = P::Record>,
{
    let start = ctx.checkpoint().cloned().unwrap_or_default();
    let half = (limits.batch / 2).max(1);
    let mut pending = UncommittedWork {
        ctx,
        inputs: ctx.upstream_total().await?,
        enough: (half / 2).max(1),
        items: 0,
        done: start,
        batch: Batch::new(),
        since: None,
    };
    let concurrency = limits.concurrency.clamp(1, MAX_WINDOW);
    let window = concurrency.saturating_mul(4).min(half).max(concurrency);
    let items = joined(ctx.upstream(pending.done.next), &join);
    let mut items = std::pin::pin!(items.fuse());
    let mut in_flight = FuturesOrdered::new();
    // Outcomes in order that have no room in the batch yet. Work goes on while a batch is written, however long that takes: who is
    // not polled would miss its deadlines.
    let mut finished: VecDeque<Result<(u64, R), RunError>> = VecDeque::new();
    let mut exhausted = false;
    let mut commit = Fuse::terminated();
    let stopped = 'work: loop {
        while !pending.is_full()
            && let Some(outcome) = finished.pop_front()
        {
            match outcome.and_then(|(inputs, records)| pending.push(inputs, records)) {
                Ok(()) => {}
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
        if is_idle && pending.is_full() {
            commit = pending.commit().fuse();
            continue;
        }
        tokio::select! {
            biased;
            () = ctx.cancelled() => break Some(RunError::Interrupted),
            committed = &mut commit, if !is_idle => committed?,
            Some(outcome) = in_flight.next(), if !in_flight.is_empty() => finished.push_back(outcome),
            item = items.next(), if !exhausted && in_flight.len() + finished.len() < window => match item {
                Some(Ok(Item { index, inputs, input })) => {
                    in_flight.push_back(work(index, input).map_ok(move |records| (inputs, records)));
                }
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
            && let Some(Ok((inputs, records))) = match finished.pop_front() {
                Some(outcome) => Some(outcome),
                None => in_flight.next().now_or_never().flatten(),
            }
            && pending.push(inputs, records).is_ok()
        {
            if pending.is_full() {
                committed = pending.commit().await;
            }
        }
    }
    drop(in_flight);
    if committed.is_ok() {
        committed = match &stopped {
            None => pending.commit_with_outcome().await,
            Some(_) => pending.commit().await,
        };
    }
    match committed {
        Ok(()) => stopped.map_or(Ok(pending.done.tally), Err),
        Err(error) => Err(stopped
            .filter(|stopped| !matches!(stopped, RunError::Interrupted))
            .unwrap_or(error)),
    }
}

/// Inputs that are one item.
struct Item<I> {
    /// The index of the first.
    index: u64,
    /// How many they are.
    inputs: u64,
    /// All of them, joined.
    input: I,
}

/// The inputs as items. The first input of the next item is read before an item is given.
fn joined<I, J>(inputs: Inputs<I>, join: &J) -> impl Stream<Item = Result<Item<I>, RunError>>
where
    I: DeserializeOwned,
    J: Fn(&mut I, I) -> Option<I>,
{
    futures::stream::try_unfold((inputs, None), async move |(mut inputs, ahead)| {
        let first = match ahead {
            Some(first) => Some(first),
            None => inputs.next().await?,
        };
        let Some((index, input)) = first else {
            return Ok(None);
        };
        let mut item = Item {
            index,
            inputs: 1,
            input,
        };
        while let Some((index, next)) = inputs.next().await? {
            if let Some(next) = join(&mut item.input, next) {
                return Ok(Some((item, (inputs, Some((index, next))))));
            }
            item.inputs += 1;
        }
        Ok(Some((item, (inputs, None))))
    })
}

/// Finished work before its commit.
struct UncommittedWork<'a, P: Phase, T> {
    ctx: &'a PhaseContext<P>,
    /// How many inputs there are, from the first on.
    inputs: u64,
    /// How many items make a batch.
    enough: usize,
    /// How many items wait.
    items: usize,
    done: Checkpoint<T>,
    batch: Batch,
    since: Option<Instant>,
}

impl<'a, P, T> UncommittedWork<'a, P, T>
where
    P: Phase<Checkpoint = Checkpoint<T>>,
    T: Tally<P::Record> + Clone + Send + Sync + 'static,
{
    /// Adds an item that was made of so many inputs. If a record has no JSON form, none of those that wait is committed.
    fn push(&mut self, inputs: u64, records: impl IntoIterator<Item = P::Record>) -> Result<(), RunError> {
        let mut records = records.into_iter().peekable();
        self.done.tally.count(records.peek());
        for record in records {
            if let Err(error) = self.batch.push(&record) {
                self.items = 0;
                return Err(error);
            }
        }
        self.items += 1;
        self.done.next += inputs;
        self.done.joined += inputs - 1;
        self.since.get_or_insert_with(Instant::now);
        let (done, total) = self.progress();
        self.ctx.progress(done, total);
        Ok(())
    }

    /// How many items are done, and how many there are as far as is known.
    fn progress(&self) -> (u64, Option<u64>) {
        let Checkpoint { next, joined, .. } = self.done;
        (next - joined, Some(self.inputs.saturating_sub(joined)))
    }

    fn is_full(&self) -> bool {
        self.items >= self.enough || self.batch.bytes() >= FULL_BATCH_BYTES
    }

    async fn overdue(&self) {
        match self.since {
            Some(since) => tokio::time::sleep_until(since + MAX_WAIT).await,
            None => std::future::pending().await,
        }
    }

    /// Takes the records out, and gives their commit. They are written in order if each is awaited before the next begins.
    fn commit(&mut self) -> BoxFuture<'a, Result<(), RunError>> {
        let ctx = self.ctx;
        match self.take_batch() {
            Ok(batch) => async move { ctx.run().commit(batch).await }.boxed(),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }

    /// Keeps the last records for the commit of the outcome.
    async fn commit_with_outcome(&mut self) -> Result<(), RunError> {
        let batch = self.take_batch()?;
        self.ctx.run().commit_with_outcome(batch).await
    }

    /// Takes the records out, with the checkpoint that covers them. Without an item that waits, the batch is empty.
    fn take_batch(&mut self) -> Result<Batch, RunError> {
        if self.items == 0 {
            return Ok(Batch::new());
        }
        self.items = 0;
        self.since = None;
        let (done, total) = self.progress();
        let mut batch = std::mem::take(&mut self.batch);
        batch.set_progress(done, total);
        batch.set_checkpoint(&self.done)?;
        Ok(batch)
    }
}

#[cfg(test)]
mod tests;
