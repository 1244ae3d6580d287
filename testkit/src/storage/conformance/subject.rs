//! The store that a case examines, and how the case is run.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate_core::storage::Storage;

/// How long a case waits for something that must happen.
pub const WAIT: Duration = Duration::from_secs(10);

/// How long a case may take.
pub const CASE_DEADLINE: Duration = Duration::from_secs(120);

/// What the suite needs of a store besides its port.
#[async_trait]
pub trait Fixture: Send + Sync + 'static {
    /// Opens the store: an empty one at the first call, and at each later one the same store again, after its close.
    async fn open(&self) -> Arc<dyn Storage>;

    /// Moves the store's clock on by at least this long. The suite moves it by whole milliseconds.
    async fn advance(&self, by: Duration);
}

/// The store of one case. It dereferences to the open store.
pub struct Subject {
    storage: Arc<dyn Storage>,
    fixture: Box<dyn Fixture>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}

impl Deref for Subject {
    type Target = dyn Storage;

    fn deref(&self) -> &Self::Target {
        &*self.storage
    }
}

impl Subject {
    /// Opens the store for the first time.
    pub async fn open(fixture: impl Fixture) -> Self {
        Self {
            storage: fixture.open().await,
            fixture: Box::new(fixture),
        }
    }

    /// The open store, for another task.
    pub fn handle(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage)
    }

    /// Closes the store and opens it again, as the next process does.
    ///
    /// # Panics
    ///
    /// When it can't be closed.
    pub async fn reopen(&mut self) {
        self.storage.close().await.expect("it can be closed");
        self.storage = self.fixture.open().await;
    }

    /// Moves the store's clock on.
    pub async fn advance(&self, by: Duration) {
        self.fixture.advance(by).await;
    }
}

/// Runs one case on a runtime of several threads. [`storage_conformance!`](crate::storage_conformance) calls it.
///
/// # Panics
///
/// When the store does not pass, or not within [`CASE_DEADLINE`].
pub fn run<M, F, C>(make: impl FnOnce() -> M, case: impl FnOnce(Subject) -> C)
where
    M: Future<Output = F>,
    F: Fixture,
    C: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        let subject = Subject::open(make().await).await;
        let in_time = tokio::time::timeout(CASE_DEADLINE, case(subject)).await;
        in_time.expect("a case ends within its deadline");
    });
}
