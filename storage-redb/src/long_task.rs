//! Long tasks: they run off the caller's thread, report their progress, and end when their future is dropped or the store
//! closes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use phasegate_core::storage::StorageError;

use crate::fault::{Fault, unavailable};
use crate::open_store::{OpenStore, sheltered};

/// How far a backup or a verification has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// How many stored values are done.
    pub done: u64,
    /// How many there are in all.
    pub total: u64,
}

/// A long task: counts its steps, reports its progress, and ends early once it is cancelled or its store closes.
pub(crate) struct LongTask {
    progress: Progress,
    tell: Box<dyn FnMut(Progress) + Send>,
    cancelled: Arc<AtomicBool>,
    store: Option<Arc<OpenStore>>,
}

/// After this many values the task reports its progress and checks whether to go on.
const STEP: u64 = 256;

impl LongTask {
    /// A task that tells `tell` how far it has come, until it is cancelled or its store closes.
    pub(crate) fn new(
        store: Option<Arc<OpenStore>>,
        cancelled: Arc<AtomicBool>,
        tell: impl FnMut(Progress) + Send + 'static,
    ) -> Self {
        Self {
            progress: Progress::default(),
            tell: Box::new(tell),
            cancelled,
            store,
        }
    }

    pub(crate) fn begin(&mut self, total: u64) -> Result<(), Fault> {
        self.progress.total = total;
        self.tell()
    }

    /// Counts one value.
    pub(crate) fn step(&mut self) -> Result<(), Fault> {
        self.progress.done += 1;
        if self.progress.done.is_multiple_of(STEP) || self.progress.done == self.progress.total {
            self.tell()?;
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(Fault::Refused(unavailable("it was cancelled")));
            }
            if self.store.as_ref().is_some_and(|store| store.is_closing()) {
                return Err(Fault::Refused(StorageError::Closed));
            }
        }
        Ok(())
    }

    /// Reports the progress. A panic of the caller's code must not be taken for a damaged file.
    fn tell(&mut self) -> Result<(), Fault> {
        let (tell, progress) = (&mut self.tell, self.progress);
        catch_unwind(AssertUnwindSafe(|| tell(progress)))
            .map_err(|_| Fault::Refused(unavailable("the function that is told the progress panicked")))
    }
}

/// Does `work` on the pool for blocking work. Dropping the future ends it at its next step.
pub(crate) async fn run<T: Send + 'static>(
    store: Option<Arc<OpenStore>>,
    tell: impl FnMut(Progress) + Send + 'static,
    work: impl FnOnce(&mut LongTask) -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let _at_drop = CancelAtDrop(cancelled.clone());
    let mut task = LongTask::new(store, cancelled, tell);
    blocking::unblock(move || sheltered(|| work(&mut task))).await
}

struct CancelAtDrop(Arc<AtomicBool>);

impl Drop for CancelAtDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
