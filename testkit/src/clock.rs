//! A clock that the test holds in its hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use phasegate_core::Timestamp;

/// A clock that stands still until a test moves it. Clones are handles of the same clock.
///
/// It says what time it is, and wakes nobody: whoever sleeps until a moment asks it again.
#[derive(Clone, Debug)]
pub struct ManualClock {
    ms: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            ms: Arc::new(AtomicI64::new(now.as_unix_ms())),
        }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.ms.load(Ordering::SeqCst))
    }

    /// Moves it to `now`, which may be earlier than before.
    pub fn set(&self, now: Timestamp) {
        self.ms.store(now.as_unix_ms(), Ordering::SeqCst);
    }

    /// Moves it on by whole milliseconds; a part of one is left out.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let moved = |ms| Some(Timestamp::from_unix_ms(ms).plus_ms(by).as_unix_ms());
        let _ = self.ms.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }
}

impl Default for ManualClock {
    /// A clock that stands at 2025-11-24T00:00:00Z.
    fn default() -> Self {
        Self::at(Timestamp::from_unix_ms(1_763_942_400_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_stands_still_until_any_of_its_handles_moves_it() {
        let clock = ManualClock::default();
        let (handle, before) = (clock.clone(), clock.now());
        assert_eq!(clock.now(), before);
        handle.advance(Duration::from_micros(2_999));
        assert_eq!(clock.now(), before.plus_ms(2));
        handle.set(before);
        assert_eq!(clock.now(), before);
        clock.advance(Duration::MAX);
        assert_eq!(handle.now(), Timestamp::from_unix_ms(i64::MAX));
    }
}
