//! Tells a bad time of the servers from a fault of a name: while the servers tell nothing of any name, a failure says nothing
//! of the one that met it.
//!
//! Servers that ban a client for a while, or whose own servers are away, still answer something. So it counts only what they tell
//! of names, and a name whose look-up fails meanwhile waits for the others.

use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::pause::pause;

/// How long names wait for servers that have told of names before.
const MAX_LULL: Duration = Duration::from_secs(30);
/// So many names of which nothing was told, and that were all asked for after the latest fact, are a lull, whatever the servers
/// say of a name that they know. It is twice as many after each lull that was waited out in vain.
const MANY: usize = 8;

/// What the servers of a client have last told of names.
#[derive(Debug)]
pub(super) struct Lull {
    state: Mutex<State>,
    news: Notify,
    /// Held by the name that asks on.
    prober: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    /// The names that are asked for, and those of them that wait here.
    inside: usize,
    waiting: usize,
    /// Those who wait and were asked for only after the latest fact.
    fresh: usize,
    /// When the latest query was sent that has brought something of a name.
    fact: Option<Instant>,
    /// Since when all names wait, and how often it was asked since.
    since: Option<Instant>,
    rounds: u64,
    /// Who waits since before then is given up.
    settled: Option<Instant>,
    /// How many names were given up without a fact since the latest one.
    given_up: usize,
    many: usize,
    /// Whether a lull was waited out in vain, and has not ended.
    is_in_vain: bool,
}

/// When the queries were sent that have brought nothing of a name: the first and the last of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) first: Instant,
    pub(super) last: Instant,
}

/// What a failure is, as it turns out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Judged {
    OfTheName,
    /// Nothing else shows more of it: a server still tells of a name that it has told of.
    Settled,
    /// Other names are told of again: it is asked for once more.
    Again,
    /// It is asked for once more to find out whether anything is told again.
    Probe,
}

/// A name that is asked for.
#[derive(Debug)]
pub(super) struct Inside<'a>(&'a Lull);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.inside -= 1);
    }
}

struct Waiting<'a> {
    lull: &'a Lull,
    is_fresh: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.lull.change(|state| {
            state.waiting -= 1;
            state.fresh -= usize::from(self.is_fresh);
        });
    }
}

enum Outlook {
    Told,
    GivenUp,
    Open,
    /// Nobody is left who could show that anything is told.
    AllWait,
}

impl Default for Lull {
    fn default() -> Self {
        let state = State {
            inside: 0,
            waiting: 0,
            fresh: 0,
            fact: None,
            since: None,
            rounds: 0,
            settled: None,
            given_up: 0,
            many: MANY,
            is_in_vain: false,
        };
        Self {
            state: Mutex::new(state),
            news: Notify::new(),
            prober: tokio::sync::Mutex::default(),
        }
    }
}

impl Lull {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and tells those who wait.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.news.notify_waiters();
        }
        changed
    }

    /// Counts a name until the result is dropped.
    pub(super) fn enter(&self) -> Inside<'_> {
        self.lock().inside += 1;
        Inside(self)
    }

    /// Takes note that a query that was sent at `sent` has brought something of a name. Gives whether that ends a lull.
    pub(super) fn told(&self, sent: Instant) -> bool {
        self.change(|state| {
            state.fact = Some(state.fact.map_or(sent, |last| last.max(sent)));
            state.rounds = 0;
            state.given_up = 0;
            let was_in_vain = std::mem::take(&mut state.is_in_vain);
            state.since.take().is_some() || was_in_vain
        })
    }

    /// Finds out what a failure is. `is_told_of` gives whether another query has brought something of the same name. `recall` asks
    /// the servers for a name that they have told of, and gives whether they still do.
    pub(super) async fn judge(
        &self,
        failure: Failure,
        is_told_of: impl Fn() -> bool,
        recall: impl Future<Output = bool>,
    ) -> Judged {
        let mut recall = pin!(recall);
        if is_told_of() || self.lock().is_of_the_name(failure) {
            return Judged::OfTheName;
        }
        let entered = Instant::now();
        let is_fresh = self.change(|state| {
            let is_fresh = state.fact.is_some_and(|fact| fact < failure.first);
            state.waiting += 1;
            state.fresh += usize::from(is_fresh);
            is_fresh
        });
        let _waiting = Waiting { lull: self, is_fresh };
        loop {
            let news = self.news.notified();
            let outlook = self.lock().outlook(entered);
            match outlook {
                _ if is_told_of() => return Judged::OfTheName,
                Outlook::Told => return Judged::Again,
                Outlook::GivenUp => {
                    let is_in_vain = self.lock().is_in_vain;
                    return if is_in_vain {
                        Judged::OfTheName
                    } else {
                        Judged::Settled
                    };
                }
                Outlook::AllWait => {
                    // It settles the matter otherwise, so that it isn't asked twice.
                    if let Ok(_prober) = self.prober.try_lock() {
                        if let Some(judged) = self.ask_on(recall.as_mut()).await {
                            return judged;
                        }
                        continue;
                    }
                }
                Outlook::Open => {}
            }
            news.await;
        }
    }

    /// Finds out what it means that all wait.
    async fn ask_on(&self, recall: Pin<&mut impl Future<Output = bool>>) -> Option<Judged> {
        let are_many = self.lock().are_many();
        if !are_many && recall.await {
            self.change(|state| state.settle());
            return None;
        }
        let round = self.change(|state| state.next_round())?;
        if round == 0 {
            tracing::warn!("the resolvers tell nothing of any name: the look-ups wait");
        }
        sleep(pause(round)).await;
        Some(Judged::Probe)
    }
}

impl State {
    /// Whether another query that was sent after these has brought something, or nothing is waited for.
    fn is_of_the_name(&self, failure: Failure) -> bool {
        self.is_in_vain || self.fact.is_none_or(|fact| fact >= failure.last)
    }

    fn outlook(&self, entered: Instant) -> Outlook {
        if self.fact.is_some_and(|fact| fact >= entered) {
            return Outlook::Told;
        }
        if self.settled.is_some_and(|settled| settled >= entered) {
            return Outlook::GivenUp;
        }
        match self.waiting >= self.inside {
            true => Outlook::AllWait,
            false => Outlook::Open,
        }
    }

    fn are_many(&self) -> bool {
        self.since.is_some() || self.given_up + self.fresh >= self.many
    }

    /// Gives up all who wait.
    fn settle(&mut self) {
        self.given_up += self.fresh;
        self.settled = Some(Instant::now());
    }

    /// The number of the next try; `None` if it was tried for too long.
    fn next_round(&mut self) -> Option<u64> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= MAX_LULL {
            self.since = None;
            self.rounds = 0;
            self.is_in_vain = true;
            self.many *= 2;
            self.settle();
            return None;
        }
        self.rounds += 1;
        Some(self.rounds - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::ready;

    use futures::future::join_all;

    fn told_once() -> Lull {
        let lull = Lull::default();
        lull.told(Instant::now());
        lull
    }

    fn failed_at(sent: Instant) -> Failure {
        Failure {
            first: sent,
            last: sent,
        }
    }

    /// Fails `count` names, each of which asks on as often as it is told to.
    async fn fail(lull: &Lull, count: usize, recalls: bool) -> Vec<Judged> {
        let names: Vec<_> = (0..count).map(|_| lull.enter()).collect();
        let judged = names.into_iter().map(async |_inside| {
            loop {
                match lull
                    .judge(failed_at(Instant::now()), || false, ready(recalls))
                    .await
                {
                    Judged::Probe => {}
                    judged => return judged,
                }
            }
        });
        join_all(judged).await
    }

    #[tokio::test(start_paused = true)]
    async fn failures_before_anything_was_told_are_of_the_names() {
        let lull = Lull::default();
        let begun = Instant::now();
        assert_eq!(fail(&lull, 50, false).await, [Judged::OfTheName; 50]);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn few_failures_wait_for_nothing_where_a_known_name_is_told_of() {
        let (lull, begun) = (told_once(), Instant::now());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(fail(&lull, MANY - 1, true).await, [Judged::Settled; MANY - 1]);
        assert_eq!(begun.elapsed(), Duration::from_millis(1));
    }

    #[tokio::test(start_paused = true)]
    async fn names_wait_as_long_as_a_lull_may_last_and_only_once() {
        for (count, recalls) in [(MANY, true), (1, false)] {
            let lull = told_once();
            tokio::time::advance(Duration::from_millis(1)).await;
            let begun = Instant::now();
            assert_eq!(fail(&lull, count, recalls).await, vec![Judged::OfTheName; count]);
            assert!(begun.elapsed() >= MAX_LULL, "{:?}", begun.elapsed());
            let begun = Instant::now();
            assert_eq!(fail(&lull, 50, recalls).await, [Judged::OfTheName; 50]);
            assert_eq!(begun.elapsed(), Duration::ZERO);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_asked_for_again_as_soon_as_a_name_is_told_of() {
        let lull = told_once();
        tokio::time::advance(Duration::from_millis(1)).await;
        let told = async {
            sleep(Duration::from_secs(7)).await;
            assert!(lull.told(Instant::now()), "it ends a lull");
        };
        let (judged, ()) = tokio::join!(fail(&lull, 20, true), told);
        // The one that asked meanwhile has failed again.
        assert_eq!(
            judged.iter().filter(|judged| **judged == Judged::Again).count(),
            19
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_of_the_name_where_a_later_query_has_brought_something() {
        let lull = told_once();
        let _inside = lull.enter();
        let before = Instant::now();
        tokio::time::advance(Duration::from_millis(1)).await;
        lull.told(Instant::now());
        let judged = lull.judge(failed_at(before), || false, ready(false)).await;
        assert_eq!(judged, Judged::OfTheName);
        tokio::time::advance(Duration::from_millis(1)).await;
        let judged = lull
            .judge(failed_at(Instant::now()), || false, ready(false))
            .await;
        assert_eq!(judged, Judged::Probe);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_names_of_a_run_wait_for_nothing_however_many_fail() {
        let lull = Lull::default();
        let first = Instant::now();
        tokio::time::advance(Duration::from_millis(1)).await;
        lull.told(Instant::now());
        tokio::time::advance(Duration::from_secs(5)).await;
        // They were asked for before the others were told of, and again since.
        let (last, names) = (Instant::now(), [(); 50].map(|()| lull.enter()));
        let judged = names.map(async |_inside| {
            let failure = Failure { first, last };
            lull.judge(failure, || false, ready(true)).await
        });
        assert_eq!(join_all(judged).await, [Judged::Settled; 50]);
        assert_eq!(last.elapsed(), Duration::ZERO);
    }
}
