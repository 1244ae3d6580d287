//! How many bytes of bodies are held at once, over all runs of the process.
//!
//! A body has so many bytes for nothing. Beyond, it waits for a share that is enough for all that it may become, so that two
//! bodies never wait for each other. Who holds a large share while others wait must come on at some pace.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The sizes up to which a body needs no share, and a share of the first kind.
const SMALL: usize = 64 * 1024;
const MEDIUM: usize = 512 * 1024;
/// How many bytes all shares of a kind are.
const ALL: usize = 24 * 1024 * 1024;

/// The shares of one body. Dropping them gives them back.
#[derive(Debug)]
pub(super) struct Shares {
    /// How large it may become.
    most: usize,
    medium: Option<OwnedSemaphorePermit>,
    large: Option<OwnedSemaphorePermit>,
}

/// How many bodies wait for a large share.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Counts a body that waits.
struct Waiting;

impl Waiting {
    fn begin() -> Self {
        WAITING.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}

fn all(kind: &'static OnceLock<Arc<Semaphore>>) -> Arc<Semaphore> {
    Arc::clone(kind.get_or_init(|| Arc::new(Semaphore::new(ALL))))
}

impl Shares {
    pub(super) fn of(most: usize) -> Self {
        Self {
            most,
            medium: None,
            large: None,
        }
    }

    /// Whether so many bytes may be held now.
    pub(super) fn allow(&self, bytes: usize) -> bool {
        bytes <= SMALL || (bytes <= MEDIUM && self.medium.is_some()) || self.large.is_some()
    }

    /// Whether others wait for what this holds.
    pub(super) fn is_awaited(&self) -> bool {
        self.large.is_some() && WAITING.load(Ordering::Relaxed) > 0
    }

    /// Waits until so many bytes may be held.
    pub(super) async fn wait_for(&mut self, bytes: usize) {
        static MEDIUM_ONES: OnceLock<Arc<Semaphore>> = OnceLock::new();
        static LARGE_ONES: OnceLock<Arc<Semaphore>> = OnceLock::new();
        // Who waits for a large share holds a medium one at most, and never the other way round.
        if bytes > SMALL && self.medium.is_none() {
            self.medium = share(all(&MEDIUM_ONES), MEDIUM).await;
        }
        if bytes > MEDIUM && self.large.is_none() {
            let _waiting = Waiting::begin();
            self.large = share(all(&LARGE_ONES), self.most).await;
        }
    }
}

async fn share(all: Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    let bytes = u32::try_from(bytes.min(ALL)).unwrap_or(u32::MAX);
    all.acquire_many_owned(bytes).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use futures::future::join_all;

    #[tokio::test]
    async fn large_bodies_wait_for_each_other_and_small_ones_for_nobody() {
        let large = 10 * 1024 * 1024;
        let mut first = Vec::new();
        for _ in 0..ALL / large {
            let mut shares = Shares::of(large);
            shares.wait_for(large).await;
            first.push(shares);
        }
        let mut next = Shares::of(large);
        assert!(next.wait_for(large).now_or_never().is_none());
        let mut small = Shares::of(large);
        assert!(small.wait_for(SMALL).now_or_never().is_some());
        assert!(small.allow(SMALL) && !small.allow(SMALL + 1));
        first.pop();
        next.wait_for(large).await;
        assert!(next.allow(large));
        drop((first, next));

        // However many grow at once, all come to their end.
        let grown = join_all((0..200).map(async |_| {
            let mut shares = Shares::of(large);
            for size in [SMALL, MEDIUM, large] {
                shares.wait_for(size).await;
                tokio::task::yield_now().await;
            }
            shares.allow(large)
        }));
        assert!(grown.await.into_iter().all(|allowed| allowed));
    }
}
