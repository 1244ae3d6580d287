//! Those who wait for something to happen: for an event of the store or of one campaign, or for something to be due.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_io::Timer;
use phasegate_core::CampaignId;
use tokio::sync::watch;

use crate::write::Grown;

/// Those who wait. What they watch ends when the store is closed or broken.
pub(crate) struct Waiters {
    watched: Mutex<Option<Watched>>,
}

/// What they watch.
struct Watched {
    /// The number of the latest event.
    latest: watch::Sender<u64>,
    /// The number of the latest event of each campaign that somebody waits for.
    campaigns: BTreeMap<CampaignId, watch::Sender<u64>>,
    /// The number of the latest event after which a campaign was at rest, of each whose rest somebody waits for.
    rests: BTreeMap<CampaignId, watch::Sender<u64>>,
    /// The mark of what is due.
    due: watch::Sender<u64>,
}

/// A number to watch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Watch {
    /// The number of the latest event.
    Latest,
    /// The number of the latest event of a campaign, from now on; 0 until there is one.
    Campaign(CampaignId),
    /// The number of the latest event of a campaign after which it was at rest or deleted, from now on; 0 until there is one.
    Rest(CampaignId),
    /// The mark of what is due.
    Due,
}

impl Waiters {
    /// Nobody waits. `latest` is the number of the latest event, `mark` that of what is due.
    pub(crate) fn new(latest: u64, mark: u64) -> Self {
        let watched = Watched {
            latest: watch::Sender::new(latest),
            campaigns: BTreeMap::new(),
            rests: BTreeMap::new(),
            due: watch::Sender::new(mark),
        };
        Self {
            watched: Mutex::new(Some(watched)),
        }
    }

    fn watched(&self) -> MutexGuard<'_, Option<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the latest event; `None` once the store is closed or broken.
    pub(crate) fn latest(&self) -> Option<u64> {
        self.watched().as_ref().map(|watched| *watched.latest.borrow())
    }

    /// Wakes those whom it concerns: the number of the latest event, and the campaigns that have new ones.
    pub(crate) fn announce(&self, latest: u64, campaigns: &BTreeMap<CampaignId, Grown>) {
        if let Some(watched) = &*self.watched() {
            send(&watched.latest, latest);
            // Most have nobody who waits for them.
            for (id, grown) in campaigns {
                if let Some(of_campaign) = watched.campaigns.get(id) {
                    send(of_campaign, grown.last);
                }
                if grown.is_at_rest
                    && let Some(rest) = watched.rests.get(id)
                {
                    send(rest, grown.last);
                }
            }
        }
    }

    /// Wakes those who wait for something to be due, if the mark is another one.
    pub(crate) fn announce_due(&self, mark: u64) {
        if let Some(watched) = &*self.watched() {
            send(&watched.due, mark);
        }
    }

    /// Wakes everybody: there is nothing more to wait for.
    pub(crate) fn end(&self) {
        self.watched().take();
    }

    /// Begins to watch a number; `None` once the store is closed or broken.
    pub(crate) fn watch(&self, what: Watch) -> Option<Waiter<'_>> {
        let mut watched = self.watched();
        let watched = watched.as_mut()?;
        let numbers = match what {
            Watch::Latest => watched.latest.subscribe(),
            Watch::Due => watched.due.subscribe(),
            Watch::Campaign(id) => watched.campaigns.entry(id).or_default().subscribe(),
            Watch::Rest(id) => watched.rests.entry(id).or_default().subscribe(),
        };
        Some(Waiter {
            numbers,
            what,
            of: self,
        })
    }
}

fn send(sender: &watch::Sender<u64>, number: u64) {
    sender.send_if_modified(|latest| std::mem::replace(latest, number) != number);
}

/// Somebody who watches a number.
pub(crate) struct Waiter<'w> {
    numbers: watch::Receiver<u64>,
    what: Watch,
    of: &'w Waiters,
}

impl Waiter<'_> {
    /// Waits until the number is as wanted; gives whether it is after `at_most`, and `None` once the store is closed or broken.
    pub(crate) async fn wait(&mut self, at_most: Duration, wanted: impl Fn(u64) -> bool) -> Option<bool> {
        let mut timer = Timer::after(at_most);
        tokio::select! {
            biased;
            found = self.numbers.wait_for(|number| wanted(*number)) => found.ok().map(|_| true),
            _ = &mut timer => Some(false),
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut watched = self.of.watched();
        let Some(watched) = &mut *watched else { return };
        let (of_campaigns, id) = match self.what {
            Watch::Campaign(id) => (&mut watched.campaigns, id),
            Watch::Rest(id) => (&mut watched.rests, id),
            Watch::Latest | Watch::Due => return,
        };
        // The last one counts itself still.
        if of_campaigns
            .get(&id)
            .is_some_and(|numbers| numbers.receiver_count() <= 1)
        {
            of_campaigns.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The campaign's latest event; it goes on after it.
    fn grown(id: CampaignId, last: u64) -> BTreeMap<CampaignId, Grown> {
        let is_at_rest = false;
        BTreeMap::from([(id, Grown { last, is_at_rest })])
    }

    #[tokio::test]
    async fn who_waits_for_a_campaign_to_rest_is_not_woken_while_it_goes_on() {
        let one = CampaignId::from_u128(1);
        let waiters = Waiters::new(7, 1);
        let mut waiter = waiters.watch(Watch::Rest(one)).unwrap();
        waiters.announce(8, &grown(one, 8));
        assert_eq!(
            waiter.wait(Duration::from_millis(1), |number| number > 7).await,
            Some(false)
        );
        let at_rest = Grown {
            last: 9,
            is_at_rest: true,
        };
        waiters.announce(9, &BTreeMap::from([(one, at_rest)]));
        assert_eq!(waiter.wait(Duration::MAX, |number| number > 7).await, Some(true));
        drop(waiter);
        assert!(waiters.watched().as_ref().unwrap().rests.is_empty());
    }

    #[tokio::test]
    async fn who_waits_for_a_campaign_is_woken_by_its_events_alone_and_then_forgotten() {
        let (one, other) = (CampaignId::from_u128(1), CampaignId::from_u128(2));
        let waiters = Waiters::new(7, 1);
        let mut waiter = waiters.watch(Watch::Campaign(one)).unwrap();
        waiters.announce(8, &grown(other, 8));
        let short = Duration::from_millis(1);
        assert_eq!(waiter.wait(short, |number| number > 7).await, Some(false));
        waiters.announce(9, &grown(one, 9));
        assert_eq!(waiter.wait(Duration::MAX, |number| number > 7).await, Some(true));
        let second = waiters.watch(Watch::Campaign(one)).unwrap();
        drop(waiter);
        assert_eq!(waiters.watched().as_ref().unwrap().campaigns.len(), 1);
        drop(second);
        assert!(waiters.watched().as_ref().unwrap().campaigns.is_empty());
    }

    #[tokio::test]
    async fn everybody_is_woken_at_the_end() {
        let waiters = Waiters::new(0, 1);
        for what in [
            Watch::Latest,
            Watch::Due,
            Watch::Campaign(CampaignId::from_u128(1)),
        ] {
            let mut waiter = Waiters::new(0, 1);
            let mut watching = waiter.watch(what).unwrap();
            waiter.end();
            assert_eq!(watching.wait(Duration::MAX, |_| false).await, None, "{what:?}");
            drop(watching);
            waiter = Waiters::new(0, 1);
            assert!(waiter.watch(what).is_some());
        }
        waiters.end();
        assert!(waiters.watch(Watch::Latest).is_none());
        assert_eq!(waiters.latest(), None);
    }
}
