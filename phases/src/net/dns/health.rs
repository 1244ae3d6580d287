//! Whether a server answers, by what became of the queries to it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::no_answer::NoAnswer;

/// How many queries in a row a server may leave without an answer before it is put aside.
const MAX_SILENCES: u32 = 3;
/// How long a server is put aside: at first, and at most. It gets one query after that.
const FIRST_ASIDE: Duration = Duration::from_secs(5);
const MAX_ASIDE: Duration = Duration::from_secs(30);
/// How long a server that has queries to answer may say nothing before that counts as an outage, at most.
const MAX_GAP: Duration = Duration::from_millis(500);

/// What is known of one server.
#[derive(Debug)]
pub(super) struct Health {
    /// How long a server that has queries to answer may say nothing before that counts as an outage.
    gap: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last_answer: Option<Instant>,
    /// When the latest time without any answer ended.
    outage_ended: Option<Instant>,
    silences: u32,
    aside: Option<Aside>,
    reason: Option<NoAnswer>,
}

#[derive(Debug)]
struct Aside {
    until: Instant,
    length: Duration,
}

impl Health {
    /// `patience` is the time that a query may take.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            gap: (patience / 4).min(MAX_GAP),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of an answer, of whatever kind.
    pub(super) fn answered(&self) {
        let mut state = self.lock();
        let now = Instant::now();
        if state.last_answer.is_none_or(|last| now - last > self.gap) {
            state.outage_ended = Some(now);
        }
        state.last_answer = Some(now);
        state.silences = 0;
        state.aside = None;
        state.reason = None;
    }

    /// Takes note that a query has got no answer.
    pub(super) fn failed(&self, reason: &NoAnswer) {
        let mut state = self.lock();
        state.silences = match reason {
            NoAnswer::Silent => state.silences.saturating_add(1),
            _ => state.silences.max(MAX_SILENCES),
        };
        state.reason = Some(reason.clone());
        if state.silences >= MAX_SILENCES {
            let now = Instant::now();
            let length = match &state.aside {
                Some(aside) if now < aside.until => return,
                Some(aside) => (aside.length * 2).min(MAX_ASIDE),
                None => FIRST_ASIDE,
            };
            let until = now + length;
            state.aside = Some(Aside { until, length });
        }
    }

    /// Whether the server is worth a query. One that was put aside gets one when its time is over, and waits on if that fails.
    pub(super) fn is_worth_asking(&self) -> bool {
        let mut state = self.lock();
        let Some(aside) = &mut state.aside else {
            return true;
        };
        let now = Instant::now();
        let is_over = now >= aside.until;
        if is_over {
            aside.length = (aside.length * 2).min(MAX_ASIDE);
            aside.until = now + aside.length;
        }
        is_over
    }

    /// Whether the server is put aside now.
    pub(super) fn is_aside(&self) -> bool {
        let state = self.lock();
        state
            .aside
            .as_ref()
            .is_some_and(|aside| Instant::now() < aside.until)
    }

    /// Whether the server has said nothing for so long that it must be asked whether it is there.
    pub(super) fn is_quiet(&self) -> bool {
        let last = self.lock().last_answer;
        last.is_none_or(|last| last.elapsed() > self.beat())
    }

    /// How often a server is asked whether it is there, so that its silence isn't taken for an outage.
    pub(super) fn beat(&self) -> Duration {
        self.gap / 2
    }

    /// Whether the server said nothing at all for a while since `began`, so that a missing answer is no fault of the question.
    pub(super) fn was_out_since(&self, began: Instant) -> bool {
        let state = self.lock();
        let is_silent = state.last_answer.is_none_or(|last| last.elapsed() > self.gap);
        is_silent || state.outage_ended.is_some_and(|ended| ended > began)
    }

    /// Why it gave no answer to the latest query, if it didn't.
    pub(super) fn reason(&self) -> Option<NoAnswer> {
        self.lock().reason.clone()
    }
}
