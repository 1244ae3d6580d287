//! Whether the worker of a job still tells of itself.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// What a job knows of its worker.
#[derive(Clone, Copy, Debug)]
struct State {
    /// When the worker was last heard of; `None` before it has taken the job.
    heard: Option<Instant>,
    /// How many of its commits are under way. Meanwhile it waits for the store, and not the job for it.
    commits: usize,
}

/// What a job hears of its worker.
pub(crate) struct Attention {
    state: watch::Sender<State>,
}

impl Attention {
    /// Nobody has taken the job yet.
    pub(crate) fn new() -> Self {
        let none = State {
            heard: None,
            commits: 0,
        };
        Self {
            state: watch::Sender::new(none),
        }
    }

    /// The worker takes the job, or tells of progress.
    pub(crate) fn hear(&self) {
        self.state.send_modify(|state| state.heard = Some(Instant::now()));
    }

    /// The worker commits, until the guard is dropped.
    pub(crate) fn commit(&self) -> CommitGuard<'_> {
        self.state.send_modify(|state| state.commits += 1);
        CommitGuard { attention: self }
    }

    /// What waits for the worker to fall silent.
    pub(crate) fn watch(&self) -> Watch {
        Watch {
            state: self.state.subscribe(),
        }
    }
}

/// A commit that is under way.
pub(crate) struct CommitGuard<'a> {
    attention: &'a Attention,
}

impl Drop for CommitGuard<'_> {
    fn drop(&mut self) {
        self.attention.state.send_modify(|state| {
            state.commits -= 1;
            state.heard = Some(Instant::now());
        });
    }
}

/// Waits for the worker of a job to fall silent.
pub(crate) struct Watch {
    state: watch::Receiver<State>,
}

impl Watch {
    /// Waits until nothing was heard for `limit` of a worker that has taken the job and has no commit under way.
    pub(crate) async fn silent_for(&mut self, limit: Duration) {
        loop {
            let State { heard, commits } = *self.state.borrow_and_update();
            // A limit beyond what the clock can express never passes.
            let until = heard.and_then(|heard| heard.checked_add(limit));
            let passed = async {
                match until {
                    Some(until) if commits == 0 => sleep_until(until).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                changed = self.state.changed() => if changed.is_err() {
                    // The job is gone, which its queue learns otherwise.
                    std::future::pending::<()>().await;
                },
                () = passed => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    async fn is_silent_within(attention: &Attention, time: Duration) -> bool {
        timeout(time, attention.watch().silent_for(LIMIT)).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_waits_for_its_commit_is_not_silent() {
        let attention = Attention::new();
        attention.hear();
        let (first, second) = (attention.commit(), attention.commit());
        assert!(!is_silent_within(&attention, 10 * LIMIT).await);
        drop(first);
        assert!(
            !is_silent_within(&attention, 10 * LIMIT).await,
            "another is under way"
        );
        drop(second);
        assert!(!is_silent_within(&attention, LIMIT / 2).await);
        assert!(is_silent_within(&attention, LIMIT).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_heard_begins_the_time_anew() {
        let attention = Attention::new();
        attention.hear();
        advance(LIMIT - Duration::from_secs(1)).await;
        attention.hear();
        assert!(!is_silent_within(&attention, LIMIT - Duration::from_secs(1)).await);
        assert!(is_silent_within(&attention, Duration::from_secs(2)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_beyond_all_clocks_never_passes() {
        let attention = Attention::new();
        attention.hear();
        let mut watch = attention.watch();
        let silent = timeout(Duration::from_secs(1_000_000), watch.silent_for(Duration::MAX));
        assert!(silent.await.is_err());
    }
}
