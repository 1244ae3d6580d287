//! A store that a test steps into: between two calls, or with an answer of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use phasegate::storage::{Cursor, EventPage, EventScope, Storage, StorageError};
use phasegate_testkit::MemoryStorage;
use phasegate_testkit::storage::{Interposed, Interposer};
use tokio::sync::Semaphore;

/// What a test does around the calls of a store; each method does nothing unless a test says otherwise.
#[async_trait]
pub trait Between: Send + Sync + 'static {
    /// Before each call; an error is its answer.
    async fn before(&self, _call: &'static str) -> Result<(), StorageError> {
        Ok(())
    }

    /// After each call, and before its answer is given.
    async fn after(&self, _call: &'static str) {}

    /// Changes a page of events.
    fn change_page(&self, page: EventPage) -> EventPage {
        page
    }
}

/// The store as it is seen through `between`.
pub fn seen(inner: &Arc<MemoryStorage>, between: impl Between) -> impl Storage {
    Interposed(Seen {
        inner: Arc::clone(inner),
        between,
    })
}

struct Seen<B> {
    inner: Arc<MemoryStorage>,
    between: B,
}

#[async_trait]
impl<B: Between> Interposer for Seen<B> {
    fn inner(&self) -> &dyn Storage {
        &*self.inner
    }

    async fn before(&self, call: &'static str) -> Result<(), StorageError> {
        self.between.before(call).await
    }

    async fn after(&self, call: &'static str) {
        self.between.after(call).await;
    }

    async fn events(
        &self,
        scope: EventScope,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<EventPage, StorageError> {
        let page = self.inner.events(scope, after, limit).await?;
        Ok(self.between.change_page(page))
    }
}

/// A store at which calls of one name come to grief, as many as a test says.
#[derive(Clone)]
pub struct Faulty {
    call: &'static str,
    fault: Fault,
    left: Arc<AtomicU32>,
    calls: Arc<AtomicU32>,
}

#[derive(Clone)]
pub enum Fault {
    Error(StorageError),
    Panic,
}

/// What a store says that can't be reached for a while.
pub fn unavailable() -> StorageError {
    StorageError::Unavailable {
        reason: "as the test told it to".to_owned(),
    }
}

impl Faulty {
    pub fn at(call: &'static str, fault: Fault) -> Self {
        Self {
            call,
            fault,
            left: Arc::default(),
            calls: Arc::default(),
        }
    }

    pub fn unavailable_at(call: &'static str) -> Self {
        Self::at(call, Fault::Error(unavailable()))
    }

    /// From here on so many calls come to grief.
    pub fn next(&self, times: u32) {
        self.left.store(times, Ordering::SeqCst);
    }

    /// How many calls there were.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Between for Faulty {
    async fn before(&self, call: &'static str) -> Result<(), StorageError> {
        if call != self.call {
            return Ok(());
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        let one_less = |left: u32| left.checked_sub(1);
        let is_hit = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok();
        match (is_hit, &self.fault) {
            (false, _) => Ok(()),
            (true, Fault::Error(error)) => Err(error.clone()),
            (true, Fault::Panic) => panic!("as the test told it to"),
        }
    }
}

/// Lets a test hold the next answer to one call of the port.
#[derive(Clone)]
pub struct Held {
    call: &'static str,
    next: Arc<AtomicBool>,
    arrived: Arc<Semaphore>,
    released: Arc<Semaphore>,
}

impl Held {
    pub fn answer_of(call: &'static str) -> Self {
        Self {
            call,
            next: Arc::default(),
            arrived: Arc::new(Semaphore::new(0)),
            released: Arc::new(Semaphore::new(0)),
        }
    }

    /// From here on the next answer is held.
    pub fn next(&self) {
        self.next.store(true, Ordering::SeqCst);
    }

    /// Waits until there is an answer to hold.
    pub async fn arrived(&self) {
        take(&self.arrived).await;
    }

    pub fn release(&self) {
        self.released.add_permits(1);
    }
}

#[async_trait]
impl Between for Held {
    async fn after(&self, call: &'static str) {
        if call == self.call && self.next.swap(false, Ordering::SeqCst) {
            self.arrived.add_permits(1);
            take(&self.released).await;
        }
    }
}

async fn take(semaphore: &Semaphore) {
    tokio::time::timeout(Duration::from_secs(60), semaphore.acquire())
        .await
        .expect("within a minute")
        .expect("it is never closed")
        .forget();
}
