//! The limits of one persona: how many items it works on at once, and how many requests it sends in a second.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limits of the personas at work, by the id of the persona. A persona has one set of limits however many runs use it,
/// since the servers that it asks don't know of runs.
///
/// A clone shares them.
#[derive(Clone, Debug, Default)]
pub(crate) struct LimitsByPersona {
    /// Weak, so that a persona that no run uses takes no memory.
    in_use: Arc<Mutex<BTreeMap<String, Weak<PersonaLimits>>>>,
}

impl LimitsByPersona {
    /// The limits of a persona. Other values than before hold at once for all runs that use it.
    pub(crate) fn of(&self, id: &str, concurrency: usize, per_second: Option<u64>) -> Arc<PersonaLimits> {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(limits) = in_use.get(id).and_then(Weak::upgrade) {
            limits.set(concurrency, per_second);
            return limits;
        }
        in_use.retain(|_, limits| limits.strong_count() > 0);
        let limits = Arc::new(PersonaLimits::new(concurrency, per_second));
        in_use.insert(id.to_owned(), Arc::downgrade(&limits));
        limits
    }
}

/// The limits of one persona: items at once, and requests per second. They can change while runs use them.
#[derive(Debug)]
pub(crate) struct PersonaLimits {
    current: RwLock<Arc<Limits>>,
}

/// Limits that don't change.
#[derive(Debug)]
struct Limits {
    concurrency: usize,
    per_second: Option<u64>,
    /// Closed as soon as other limits hold, so that the waiting items go over to those.
    slots: Arc<Semaphore>,
    rate: Option<RequestRate>,
}

/// `per_second` in the long run, with a twentieth of that in a burst.
#[derive(Debug)]
struct RequestRate {
    limiter: DefaultDirectRateLimiter,
    clock: DefaultClock,
    /// Held while waiting, so that requests go out in the order in which they came.
    turn: tokio::sync::Mutex<()>,
}

impl PersonaLimits {
    /// At most `concurrency` items at once, and `per_second` requests per second with a twentieth of that in a burst.
    pub(crate) fn new(concurrency: usize, per_second: Option<u64>) -> Self {
        Self {
            current: RwLock::new(Arc::new(Limits::new(concurrency, per_second))),
        }
    }

    /// Replaces the limits if their values are other ones. Items at work go on.
    fn set(&self, concurrency: usize, per_second: Option<u64>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if (current.concurrency, current.per_second) != (concurrency, per_second) {
            let old = std::mem::replace(&mut *current, Arc::new(Limits::new(concurrency, per_second)));
            old.slots.close();
        }
    }

    fn current(&self) -> Arc<Limits> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until one more item may be worked on. Dropping the permit ends the work on it.
    pub(crate) async fn begin_item(&self) -> OwnedSemaphorePermit {
        loop {
            let slots = Arc::clone(&self.current().slots);
            // Closed slots are replaced ones.
            if let Ok(slot) = slots.acquire_owned().await {
                return slot;
            }
        }
    }

    /// Waits until one more request may go out.
    pub(crate) async fn next_request(&self) {
        while !self.current().next_request().await {}
    }
}

impl Limits {
    fn new(concurrency: usize, per_second: Option<u64>) -> Self {
        let rate = per_second.and_then(|rate| NonZeroU32::new(u32::try_from(rate).unwrap_or(u32::MAX)));
        Self {
            concurrency,
            per_second,
            slots: Arc::new(Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS))),
            rate: rate.map(|rate| {
                let burst = NonZeroU32::new(rate.get() / 20).unwrap_or(NonZeroU32::MIN);
                RequestRate {
                    limiter: RateLimiter::direct(Quota::per_second(rate).allow_burst(burst)),
                    clock: DefaultClock::default(),
                    turn: tokio::sync::Mutex::new(()),
                }
            }),
        }
    }

    /// Waits until one more request may go out. Returns `false` if other limits hold by then.
    async fn next_request(&self) -> bool {
        let Some(rate) = &self.rate else { return true };
        let _turn = rate.turn.lock().await;
        while !self.slots.is_closed() {
            match rate.limiter.check() {
                Ok(()) => return true,
                Err(not_until) => tokio::time::sleep(not_until.wait_time_from(rate.clock.now())).await,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
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
        let limits = PersonaLimits::new(2, None);
        let (first, _second) = (limits.begin_item().await, limits.begin_item().await);
        assert!(limits.begin_item().now_or_never().is_none());
        drop(first);
        assert!(limits.begin_item().now_or_never().is_some());
    }

    #[test]
    fn two_runs_of_a_persona_share_its_slots() {
        let personas = LimitsByPersona::default();
        let (one, two) = (personas.of("a", 2, None), personas.clone().of("a", 2, None));
        let other = personas.of("b", 2, None);
        let first = one.begin_item().now_or_never().unwrap();
        let _second = two.begin_item().now_or_never().unwrap();
        assert!(one.begin_item().now_or_never().is_none());
        assert!(two.begin_item().now_or_never().is_none());
        assert!(other.begin_item().now_or_never().is_some());
        drop(first);
        assert!(two.begin_item().now_or_never().is_some());
    }

    #[test]
    fn two_runs_of_a_persona_share_its_rate_until_its_values_change_and_after() {
        let personas = LimitsByPersona::default();
        let (one, two) = (personas.of("a", 2, Some(1)), personas.of("a", 2, Some(1)));
        let before = one.current();
        assert!(Arc::ptr_eq(&before, &two.current()));
        personas.of("a", 2, Some(2));
        assert!(!Arc::ptr_eq(&before, &one.current()));
        assert!(Arc::ptr_eq(&one.current(), &two.current()));
    }

    #[tokio::test]
    async fn new_values_hold_for_a_run_at_work() {
        let personas = LimitsByPersona::default();
        let old = personas.of("a", 1, Some(1));
        let _at_work = old.begin_item().await;
        old.next_request().await;
        let mut waiting = std::pin::pin!(old.begin_item());
        assert!(waiting.as_mut().now_or_never().is_none());

        let new = personas.of("a", 2, None);
        let _first = waiting.now_or_never().unwrap();
        assert!(old.next_request().now_or_never().is_some());
        let _second = new.begin_item().now_or_never().unwrap();
        assert!(old.begin_item().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_request_that_waits_for_an_old_rate_goes_over_to_the_new_one() {
        let personas = LimitsByPersona::default();
        let limits = personas.of("a", 1, Some(1));
        let old = limits.current();
        assert!(old.next_request().await);
        let mut waiting = std::pin::pin!(old.next_request());
        assert!(waiting.as_mut().now_or_never().is_none());
        personas.of("a", 1, Some(2));
        assert!(!waiting.await);
    }

    #[test]
    fn a_persona_that_no_run_uses_is_forgotten() {
        let personas = LimitsByPersona::default();
        drop(personas.of("a", 1, None));
        let _used = personas.of("b", 1, None);
        let in_use = personas.in_use.lock().unwrap();
        assert_eq!(in_use.keys().collect::<Vec<_>>(), ["b"]);
    }
}
