//! The line between an engine and the store: it takes time, can be cut, and keeps what the store accepts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use phasegate_core::Revision;
use phasegate_core::storage::{
    Appended, Committed, Output, ResourceWrite, Storage, StorageError, Transition,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Notify;

use super::witness::{Accepted, Witness};
use crate::storage::Interposer;
use crate::world_time::{LocalTime, WorldTime};

/// Whether the line of a process is cut.
#[derive(Clone, Default)]
pub(super) struct Cut {
    state: Arc<CutState>,
}

#[derive(Default)]
struct CutState {
    is_cut: AtomicBool,
    joined: Notify,
}

impl Cut {
    /// Cuts the line: what is asked, and what is answered, waits until it is joined again.
    pub(super) fn cut(&self) {
        self.state.is_cut.store(true, Ordering::SeqCst);
    }

    pub(super) fn join(&self) {
        self.state.is_cut.store(false, Ordering::SeqCst);
        self.state.joined.notify_waiters();
    }

    async fn joined(&self) {
        loop {
            let joined = self.state.joined.notified();
            if !self.state.is_cut.load(Ordering::SeqCst) {
                return;
            }
            joined.await;
        }
    }
}

/// The store as one engine sees it.
pub(super) struct Line {
    pub(super) store: Arc<dyn Storage>,
    pub(super) cut: Cut,
    pub(super) local: LocalTime,
    pub(super) time: WorldTime,
    pub(super) witness: Witness,
    pub(super) delays: Delays,
}

/// Draws how long a message takes.
pub(super) struct Delays(Mutex<StdRng>);

impl Delays {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    fn draw(&self) -> Duration {
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ms = match random.random_range(0..100u32) {
            0..40 => 0,
            40..97 => random.random_range(1..=8),
            _ => random.random_range(20..=200),
        };
        Duration::from_millis(ms)
    }
}

impl Line {
    async fn passes(&self) {
        let takes = self.delays.draw();
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        self.cut.joined().await;
        self.time.reach(self.local.true_ms());
    }

    fn keep<T>(
        &self,
        written: Result<T, StorageError>,
        write: impl FnOnce(&T) -> Accepted,
    ) -> Result<T, StorageError> {
        match &written {
            Ok(answer) => self.witness.keep(self.time.latest_shown(), write(answer)),
            Err(error) => self.witness.refused(error),
        }
        written
    }
}

#[async_trait]
impl Interposer for Line {
    fn inner(&self) -> &dyn Storage {
        &*self.store
    }

    async fn before(&self, _: &'static str) -> Result<(), StorageError> {
        self.passes().await;
        Ok(())
    }

    async fn after(&self, _: &'static str) {
        self.passes().await;
    }

    async fn commit(&self, transition: Transition) -> Result<Committed, StorageError> {
        let committed = self.store.commit(transition.clone()).await;
        self.keep(committed, |_| Accepted::Commit(Box::new(transition)))
    }

    async fn append(&self, output: Output) -> Result<Appended, StorageError> {
        let appended = self.store.append(output.clone()).await;
        self.keep(appended, |_| Accepted::Append(output))
    }

    async fn write_resource(&self, write: ResourceWrite) -> Result<Option<Revision>, StorageError> {
        let written = self.store.write_resource(write.clone()).await;
        self.keep(written, |revision| Accepted::Resource(write, *revision))
    }
}
