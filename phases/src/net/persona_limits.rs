//! The limits of one persona: how many items it works on at once, and how many requests it sends in a second.

use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

/// The limits of one persona: items at once, and requests per second.
pub(crate) struct PersonaLimits {
    slots: Semaphore,
    rate: Option<RequestRate>,
}

/// The generic cell rate algorithm (ITU-T I.371): requests come at an interval, and may be early by a fixed time.
struct RequestRate {
    interval: Duration,
    early: Duration,
    /// When the next request is expected. Locked while waiting, so that requests go out in the order in which they came.
    expected: Mutex<Instant>,
}

impl RequestRate {
    /// `per_second` in the long run, with a twentieth of that in a burst.
    fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second;
        let burst = (per_second / 20).max(1);
        Self {
            interval,
            early: interval * (burst - 1),
            expected: Mutex::new(Instant::now()),
        }
    }

    async fn wait(&self) {
        let mut expected = self.expected.lock().await;
        let too_early = expected.saturating_duration_since(Instant::now() + self.early);
        if !too_early.is_zero() {
            sleep(too_early).await;
        }
        *expected = expected.max(Instant::now()) + self.interval;
    }
}

impl PersonaLimits {
    /// At most `concurrency` items at once, and `per_second` requests per second with a twentieth of that in a burst.
    pub(crate) fn new(concurrency: usize, per_second: Option<u64>) -> Self {
        let per_second = per_second.map(|rate| u32::try_from(rate).unwrap_or(u32::MAX));
        Self {
            slots: Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            rate: per_second.filter(|rate| *rate > 0).map(RequestRate::new),
        }
    }

    /// Waits until one more item may be worked on. Dropping the permit ends the work on it.
    pub(crate) async fn begin_item(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.slots.acquire().await.ok()
    }

    /// Waits until one more request may go out.
    pub(crate) async fn next_request(&self) {
        if let Some(rate) = &self.rate {
            rate.wait().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_go_out_no_faster_than_the_rate() {
        let limits = PersonaLimits::new(1, Some(200));
        let start = Instant::now();
        for _ in 0..20 {
            limits.next_request().await;
        }
        // Ten of them are the burst.
        assert_eq!(start.elapsed(), Duration::from_millis(50));
    }

    #[tokio::test(start_paused = true)]
    async fn time_without_requests_saves_up_no_more_than_one_burst() {
        let limits = PersonaLimits::new(1, Some(200));
        sleep(Duration::from_secs(60)).await;
        let start = Instant::now();
        for _ in 0..20 {
            limits.next_request().await;
        }
        assert_eq!(start.elapsed(), Duration::from_millis(50));
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
