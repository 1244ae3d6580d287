//! The limits of one persona: how many items it works on at once, and how many requests it sends in a second.

use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

/// The limits of one persona: items at once, and requests per second.
pub(crate) struct PersonaLimits {
    slots: Semaphore,
    rate: Option<RequestRate>,
}

/// `per_second` in the long run, with a twentieth of that in a burst.
struct RequestRate {
    limiter: DefaultDirectRateLimiter,
    clock: DefaultClock,
    /// Held while waiting, so that requests go out in the order in which they came.
    turn: Mutex<()>,
}

impl PersonaLimits {
    /// At most `concurrency` items at once, and `per_second` requests per second with a twentieth of that in a burst.
    pub(crate) fn new(concurrency: usize, per_second: Option<u64>) -> Self {
        let rate = per_second.and_then(|rate| NonZeroU32::new(u32::try_from(rate).unwrap_or(u32::MAX)));
        Self {
            slots: Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            rate: rate.map(|rate| {
                let burst = NonZeroU32::new(rate.get() / 20).unwrap_or(NonZeroU32::MIN);
                RequestRate {
                    limiter: RateLimiter::direct(Quota::per_second(rate).allow_burst(burst)),
                    clock: DefaultClock::default(),
                    turn: Mutex::new(()),
                }
            }),
        }
    }

    /// Waits until one more item may be worked on. Dropping the permit ends the work on it.
    pub(crate) async fn begin_item(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.slots.acquire().await.ok()
    }

    /// Waits until one more request may go out.
    pub(crate) async fn next_request(&self) {
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
        let limits = PersonaLimits::new(1, Some(200));
        let start = Instant::now();
        for _ in 0..20 {
            limits.next_request().await;
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
        let limits = PersonaLimits::new(2, None);
        let (first, second) = (limits.begin_item().await, limits.begin_item().await);
        assert!(first.is_some() && second.is_some());
        assert!(limits.begin_item().now_or_never().is_none());
        drop(first);
        assert!(limits.begin_item().now_or_never().is_some());
    }
}
