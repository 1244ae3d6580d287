//! How long to wait before a server is asked again.

use std::time::Duration;

/// The first pause, and the longest.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(2);

/// The pause before the `round`th time: twice as long each time, up to [`MAX_PAUSE`].
pub(super) fn pause(round: u64) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(1 << round.min(10));
    jittered(full.min(MAX_PAUSE))
}

/// The pause less a random part of up to a half, so that queries that failed together don't come back together.
pub(super) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..=1.0))
}
