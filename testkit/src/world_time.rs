//! Time in a simulated world: the true one, that of each process, and that of the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use phasegate_core::Timestamp;
use tokio::time::Instant;

use crate::clock::ManualClock;

/// The true time, in milliseconds since the world began, and what the clock of the store makes of it.
#[derive(Clone, Default)]
pub(crate) struct WorldTime {
    clock: ManualClock,
    times: Arc<Mutex<Times>>,
}

#[derive(Default)]
struct Times {
    now_ms: u64,
    /// How far the store's clock is off.
    off_ms: i64,
    /// The true time at which the store's clock stands still, if it does.
    stands_at_ms: Option<u64>,
    latest: Timestamp,
    is_skewed: bool,
}

impl WorldTime {
    /// The clock of the store.
    pub(crate) fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest moment that any process has reached.
    pub(crate) fn now_ms(&self) -> u64 {
        self.times().now_ms
    }

    /// Sets the store's clock for a call of a process that has come to `now_ms`. Another process may have come further.
    pub(crate) fn reach(&self, now_ms: u64) {
        let mut times = self.times();
        times.now_ms = times.now_ms.max(now_ms);
        let shown = times.stands_at_ms.unwrap_or(times.now_ms);
        let begins = ManualClock::default().now().as_unix_ms();
        let shown = begins + i64::try_from(shown).unwrap_or(i64::MAX) + times.off_ms;
        let shown = Timestamp::from_unix_ms(shown);
        times.latest = times.latest.max(shown);
        self.clock.set(shown);
    }

    /// The latest moment that the store's clock has ever shown.
    pub(crate) fn latest_shown(&self) -> Timestamp {
        self.times().latest
    }

    /// Moves the store's clock, and no other.
    pub(crate) fn jump(&self, by_ms: i64) {
        let mut times = self.times();
        times.off_ms += by_ms;
        times.is_skewed = true;
    }

    /// Lets the store's clock stand still, or go on from where it stands.
    pub(crate) fn stand(&self, still: bool) {
        let mut times = self.times();
        let now_ms = times.now_ms;
        match (still, times.stands_at_ms) {
            (true, None) => {
                times.stands_at_ms = Some(now_ms);
                times.is_skewed = true;
            }
            (false, Some(at_ms)) => {
                times.stands_at_ms = None;
                times.off_ms -= i64::try_from(now_ms - at_ms).unwrap_or(i64::MAX);
            }
            _ => {}
        }
    }

    /// Whether the store's clock was ever off.
    pub(crate) fn is_skewed(&self) -> bool {
        self.times().is_skewed
    }
}

/// What the clock of a process says of the true time.
#[derive(Clone)]
pub(crate) struct LocalTime {
    known: Arc<Mutex<Known>>,
}

struct Known {
    at: Instant,
    true_ms: u64,
    /// How fast the clock of the process goes, in hundredths of the true speed.
    percent: u64,
}

impl LocalTime {
    /// The clock of a process that began at `true_ms`. It must be called within the runtime of the process.
    pub(crate) fn new(true_ms: u64) -> Self {
        let known = Known {
            at: Instant::now(),
            true_ms,
            percent: 100,
        };
        Self {
            known: Arc::new(Mutex::new(known)),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that it is `true_ms` now. It must be called within the runtime of the process.
    pub(crate) fn meet(&self, true_ms: u64) {
        let mut known = self.known();
        known.at = Instant::now();
        known.true_ms = true_ms;
    }

    pub(crate) fn percent(&self) -> u64 {
        self.known().percent
    }

    pub(crate) fn set_percent(&self, percent: u64) {
        self.known().percent = percent.max(1);
    }

    /// The true time, as far as this process has come. It must be called within its runtime.
    pub(crate) fn true_ms(&self) -> u64 {
        let known = self.known();
        known.true_ms + millis(known.at.elapsed()) * 100 / known.percent
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
