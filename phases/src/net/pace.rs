//! How much goes out at once, and how much in a second.

use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

/// The bounds of one persona: items at once, and requests per second.
pub(crate) struct Pace {
    slots: Semaphore,
    rate: Option<Rate>,
}

struct Rate {
    limiter: DefaultDirectRateLimiter,
    clock: DefaultClock,
    /// Held while waiting, so that who came first goes first.
    turn: Mutex<()>,
}

impl Pace {
    /// At most `concurrency` items at once, and `per_second` requests per second with a twentieth of that in a burst.
    pub(crate) fn new(concurrency: usize, per_second: Option<u64>) -> Self {
        let rate = per_second.and_then(|rate| NonZeroU32::new(u32::try_from(rate).unwrap_or(u32::MAX)));
        Self {
            slots: Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            rate: rate.map(|rate| {
                let burst = NonZeroU32::new(rate.get() / 20).unwrap_or(NonZeroU32::MIN);
                Rate {
                    limiter: RateLimiter::direct(Quota::per_second(rate).allow_burst(burst)),
                    clock: DefaultClock::default(),
                    turn: Mutex::new(()),
                }
            }),
        }
    }

    /// Waits until one more item may be worked on, which it may until the permit is dropped.
    pub(crate) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.slots.acquire().await.ok()
    }

    /// Waits until one more request may go out.
    pub(crate) async fn request(&self) {
        let Some(rate) = &self.rate else { return };
        let _turn = rate.turn.lock().await;
        while let Err(not_until) = rate.limiter.check() {
            tokio::time::sleep(not_until.wait_time_from(rate.clock.now())).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[tokio::test]
    async fn requests_go_out_no_faster_than_the_rate() {
        let pace = Pace::new(1, Some(200));
        let start = Instant::now();
        for _ in 0..20 {
            pace.request().await;
        }
        // Ten of them are the burst.
        assert!(
            start.elapsed() >= Duration::from_millis(45),
            "{:?}",
            start.elapsed()
        );
    }

    #[tokio::test]
    async fn no_more_items_than_slots_are_at_work() {
        use futures::FutureExt;
        let pace = Pace::new(2, None);
        let (first, second) = (pace.enter().await, pace.enter().await);
        assert!(first.is_some() && second.is_some());
        assert!(pace.enter().now_or_never().is_none());
        drop(first);
        assert!(pace.enter().now_or_never().is_some());
    }
}
