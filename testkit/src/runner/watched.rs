//! The store as a phase under test sees it: its writes are counted, and one of them can be the moment of a disturbance.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use phasegate::core::storage::{Appended, Committed, Output, RecordPage, Storage, StorageError, Transition};
use phasegate::core::{CampaignId, EventKind, PhaseName, Run};
use tokio::sync::Notify;

use crate::storage::{Interposer, MemoryStorage};
use crate::world_time::{LocalTime, WorldTime};

/// When a run is disturbed. Its writes are its batches and its outcome, numbered from 1; its launch is 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Disturbance {
    /// Never.
    Never,
    /// Its process is killed before that write is done.
    KillBefore(u64),
    /// Its process is killed when that write is done, and not yet acknowledged.
    KillAfter(u64),
    /// It is paused when that write is done.
    Pause(u64),
}

/// What an attempt has written and read.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// How many writes were begun.
    pub(super) writes: u64,
    /// The records that it handed over, in each of its batches.
    pub(super) batches: Vec<Vec<String>>,
    /// The index of the first upstream record that it read.
    pub(super) begins_at: Option<u64>,
}

/// The store as one process sees it.
pub(super) struct Watched {
    pub(super) store: MemoryStorage,
    pub(super) time: WorldTime,
    pub(super) local: LocalTime,
    pub(super) phase: PhaseName,
    pub(super) source: PhaseName,
    pub(super) disturbance: Disturbance,
    pub(super) disturbed: Arc<Notify>,
    pub(super) seen: Arc<Mutex<Seen>>,
}

impl Watched {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Disturbs a write of that number; a process that is killed gets no further.
    async fn before_write(&self, number: u64) {
        if self.disturbance == Disturbance::KillBefore(number) {
            self.disturbed.notify_one();
            std::future::pending::<()>().await;
        }
    }

    async fn after_write(&self, number: u64) {
        if self.disturbance == Disturbance::KillAfter(number) {
            self.disturbed.notify_one();
            std::future::pending::<()>().await;
        }
        if self.disturbance == Disturbance::Pause(number) {
            self.disturbed.notify_one();
        }
    }

    fn begin(&self, output: Option<&Output>) -> u64 {
        let mut seen = self.seen();
        seen.writes += 1;
        if let Some(output) = output {
            let texts = output.records.iter().map(|record| record.get().to_owned());
            seen.batches.push(texts.collect());
        }
        seen.writes
    }

    fn is_outcome(&self, transition: &Transition) -> bool {
        transition.events.iter().any(|event| match &event.kind {
            EventKind::PhaseCompleted { phase, .. }
            | EventKind::PhaseFailed { phase, .. }
            | EventKind::PhaseDeferred { phase, .. } => *phase == self.phase,
            _ => false,
        })
    }

    fn is_launch(&self, transition: &Transition) -> bool {
        let mut launches = transition.events.iter().filter_map(|event| event.kind.launch());
        launches.any(|launch| launch.phase == self.phase)
    }
}

#[async_trait]
impl Interposer for Watched {
    fn inner(&self) -> &dyn Storage {
        &self.store
    }

    async fn before(&self, _: &'static str) -> Result<(), StorageError> {
        self.time.reach(self.local.true_ms());
        Ok(())
    }

    async fn append(&self, output: Output) -> Result<Appended, StorageError> {
        if output.ticket.phase != self.phase {
            return self.store.append(output).await;
        }
        let number = self.begin(Some(&output));
        self.before_write(number).await;
        let appended = self.store.append(output).await;
        self.after_write(number).await;
        appended
    }

    async fn commit(&self, transition: Transition) -> Result<Committed, StorageError> {
        let number = match (self.is_outcome(&transition), self.is_launch(&transition)) {
            (true, _) => self.begin(transition.output.as_ref()),
            (false, true) => 0,
            (false, false) => return self.store.commit(transition).await,
        };
        self.before_write(number).await;
        let committed = self.store.commit(transition).await;
        self.after_write(number).await;
        committed
    }

    async fn records(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
        limit: usize,
    ) -> Result<RecordPage, StorageError> {
        if *phase == self.source {
            self.seen().begins_at.get_or_insert(from);
        }
        self.store.records(campaign, phase, run, from, limit).await
    }
}
