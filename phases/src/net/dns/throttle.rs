//! How many queries a server takes at once, found out by its refusals.
//!
//! A server that refuses may refuse a name, or may have had too many queries. The two look alike, so it is tried: fewer queries
//! at once, after growing pauses. Who was refused and is answered then shows that it was the number.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::pause::{FIRST_PAUSE, MAX_PAUSE, jittered};

/// The repeated refusals in a row after which a server refuses by name: before it has ever taken back a refusal, and after.
const TRIALS: u32 = 6;
const TRIALS_OF_A_THROTTLER: u32 = 20;
/// Up to how many queries at once it grows by one with each answer after it began again.
const FAST_AGAIN: f64 = 100.0;
/// How many names must have been refused to the end before a server is said to refuse by name.
const STUBBORN: u64 = 5;

/// The throttles of the servers that are asked now, by how they are reached. A server counts the queries of a machine, not of
/// a run or persona.
static IN_USE: Mutex<BTreeMap<String, Weak<Throttle>>> = Mutex::new(BTreeMap::new());

/// Lets queries through to one server.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    state: Mutex<State>,
    /// First come, first served.
    turn: tokio::sync::Mutex<()>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: usize,
    /// How many queries may wait for an answer at once. Without a refusal there is no limit.
    window: Option<Window>,
    /// How often in a row a query was refused that had been refused before, and has waited since.
    refused_again: u32,
    /// The queries that were refused and answered later, and the names that were refused to the end.
    passed: u64,
    stubborn: u64,
}

#[derive(Debug)]
struct Window {
    size: f64,
    /// Up to this size it grows by one with each answer, above it by one with each full window.
    fast_to: f64,
    /// When it was last made smaller. Refusals of queries that were sent before belong to the same crowd.
    cut: Instant,
    open_at: Instant,
    pause: Duration,
    /// Nothing was answered since: one query at a time tries.
    is_on_trial: bool,
}

/// What a refusal means for the query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// It was one of too many, and costs no try.
    OfMany,
    /// It was tried as the server wants it, and may be tried so often in all.
    OnTrial { tries: u64 },
    /// The server refuses names.
    OfTheName,
}

/// The room of one query. Dropping it makes room.
#[derive(Debug)]
pub(super) struct Room<'a> {
    throttle: &'a Throttle,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.throttle.lock().waiting -= 1;
        self.throttle.freed.notify_one();
    }
}

impl Throttle {
    /// The throttle of a server, which all who reach it in this way share.
    pub(super) fn of(way: String) -> Arc<Self> {
        let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = in_use.get(&way).and_then(Weak::upgrade) {
            return known;
        }
        in_use.retain(|_, throttle| throttle.strong_count() > 0);
        let throttle = Arc::new(Self::default());
        in_use.insert(way, Arc::downgrade(&throttle));
        throttle
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more query may be sent; gives up as soon as `is_in_vain`.
    pub(super) async fn room(&self, is_in_vain: impl Fn() -> bool) -> Option<Room<'_>> {
        if let Some(room) = self.try_room() {
            return Some(room);
        }
        let _turn = self.turn.lock().await;
        while !is_in_vain() {
            let freed = self.freed.notified();
            if let Some(room) = self.try_room() {
                return Some(room);
            }
            match self.closed_until() {
                Some(open_at) => sleep_until(open_at).await,
                None => freed.await,
            }
        }
        None
    }

    fn try_room(&self) -> Option<Room<'_>> {
        let mut state = self.lock();
        state.has_room().then(|| {
            state.waiting += 1;
            Room { throttle: self }
        })
    }

    /// Whether one more query may be sent now.
    pub(super) fn has_room(&self) -> bool {
        self.lock().has_room()
    }

    /// When it takes queries again, if it pauses.
    fn closed_until(&self) -> Option<Instant> {
        let state = self.lock();
        let open_at = state.window.as_ref()?.open_at;
        (open_at > Instant::now()).then_some(open_at)
    }

    /// Takes note of a refusal of a query that was sent at `sent`; `again` if the server had refused it before.
    pub(super) fn refused(&self, sent: Instant, again: bool) -> Refusal {
        let mut state = self.lock();
        if state.refuses_names() {
            state.window = None;
            return Refusal::OfTheName;
        }
        let now = Instant::now();
        let smaller = (state.waiting as f64 / 2.0).max(1.0);
        let pause = match &state.window {
            Some(window) if sent < window.cut => return Refusal::OfMany,
            Some(window) => (window.pause * 2).min(MAX_PAUSE),
            None => FIRST_PAUSE,
        };
        state.refused_again += u32::from(again);
        state.window = Some(Window {
            size: smaller,
            fast_to: smaller,
            cut: now,
            open_at: now + jittered(pause),
            pause,
            is_on_trial: true,
        });
        let tries = if state.passed > 0 { 8 } else { 3 };
        Refusal::OnTrial { tries }
    }

    /// Takes note of an answer to a query that was sent at `sent`; `was_refused` if the server had refused it before.
    pub(super) fn answered(&self, sent: Instant, was_refused: bool) {
        let mut state = self.lock();
        if was_refused {
            state.passed += 1;
            state.refused_again = 0;
        }
        if let Some(window) = &mut state.window {
            window.is_on_trial = false;
            if sent >= window.cut {
                window.pause = FIRST_PAUSE / 2;
            }
            window.size += match window.size < window.fast_to {
                true => 1.0,
                false => 1.0 / window.size,
            };
            drop(state);
            // The window may have room for more than the one that leaves.
            self.freed.notify_one();
        }
    }

    /// Whether what it refuses was found to be a matter of how many queries there are.
    pub(super) fn counts_queries(&self) -> bool {
        let state = self.lock();
        state.passed > state.stubborn
    }

    /// Forgets what it was found to refuse, since that was no matter of the names, and begins again with one query at a time.
    pub(super) fn begin_again(&self) {
        let mut state = self.lock();
        if state.window.is_none() && state.refused_again == 0 && state.stubborn == 0 {
            return;
        }
        state.refused_again = 0;
        state.stubborn = 0;
        state.window = Some(Window {
            size: 1.0,
            fast_to: FAST_AGAIN,
            cut: Instant::now(),
            open_at: Instant::now(),
            pause: FIRST_PAUSE / 2,
            is_on_trial: false,
        });
    }

    /// Takes note that a name was refused to the end.
    pub(super) fn refused_to_the_end(&self) {
        self.lock().stubborn += 1;
    }
}

impl State {
    fn has_room(&self) -> bool {
        match &self.window {
            None => true,
            Some(window) if Instant::now() < window.open_at => false,
            Some(window) if window.is_on_trial => self.waiting == 0,
            Some(window) => (self.waiting as f64) < window.size,
        }
    }

    fn refuses_names(&self) -> bool {
        let trials = if self.passed > 0 {
            TRIALS_OF_A_THROTTLER
        } else {
            TRIALS
        };
        self.refused_again >= trials || (self.stubborn >= STUBBORN && self.stubborn > self.passed)
    }
}
