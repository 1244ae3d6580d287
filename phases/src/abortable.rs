//! Work of the processor that ends when nobody waits for it any longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::{JoinError, spawn_blocking};

/// Tells work that it is not waited for any longer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aborted(Arc<AtomicBool>);

impl Aborted {
    /// Whether the work is to end.
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct Abort(Aborted);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Does `work` outside the tasks of the runtime. The work is told when the result is dropped: a blocking task itself can't be
/// cancelled, and would hold up the end of the process.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce(&Aborted) -> T + Send + 'static,
) -> Result<T, JoinError> {
    let aborted = Aborted::default();
    let _abort = Abort(aborted.clone());
    spawn_blocking(move || work(&aborted)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_ends() {
        let (ended, end) = tokio::sync::oneshot::channel();
        let endless = run(move |aborted| {
            while !aborted.get() {
                std::thread::yield_now();
            }
            ended.send(())
        });
        let mut endless = Box::pin(endless);
        assert!(futures::poll!(&mut endless).is_pending());
        drop(endless);
        let deadline = std::time::Duration::from_secs(60);
        tokio::time::timeout(deadline, end).await.unwrap().unwrap();
    }
}
