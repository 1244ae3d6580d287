//! The snapshots that were committed last, so that they needn't be read and decoded for each look.
//!
//! The writer alone changes them: it takes those out that a commit replaces before redb shows the commit, and puts the new ones in
//! after that. So what is found here is never older than anything that was read from redb before, and what is read from redb after
//! it is as new or newer.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use phasegate_core::{Campaign, CampaignId};

/// How many snapshots a generation has. There are two.
const GENERATION: usize = 1_024;
/// A snapshot with more stored bytes is not kept.
const LARGEST: usize = 2 * 1024;

/// A snapshot, and the number of its last event in the store-wide log.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) campaign: Arc<Campaign>,
    pub(crate) last: u64,
}

/// The snapshots that were committed last.
#[derive(Default)]
pub(crate) struct Recent(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: Snapshots,
    old: Snapshots,
}

type Snapshots = HashMap<CampaignId, Snapshot, BuildHasherDefault<ById>>;

/// Takes an id for its own hash: it is random in half of its bits, and the engine has drawn it.
#[derive(Default)]
struct ById(u64);

impl Hasher for ById {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, id: u128) {
        // The map takes the high bits and the low ones; the highest of an id are the same for all.
        self.0 = (id as u64) ^ (id as u64).rotate_left(32);
    }
}

impl Recent {
    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, id: CampaignId) -> Option<Snapshot> {
        let generations = self.generations();
        let found = generations.young.get(&id).or_else(|| generations.old.get(&id));
        found.cloned()
    }

    /// Takes out what a commit is about to replace.
    pub(crate) fn forget(&self, ids: impl Iterator<Item = CampaignId>) {
        let mut generations = self.generations();
        for id in ids {
            generations.young.remove(&id);
            generations.old.remove(&id);
        }
    }

    /// Puts in what a commit has left.
    pub(crate) fn keep(&self, snapshots: impl Iterator<Item = (CampaignId, Snapshot)>) {
        let mut generations = self.generations();
        for (id, snapshot) in snapshots {
            if generations.young.len() >= GENERATION {
                generations.old = mem::take(&mut generations.young);
            }
            generations.young.insert(id, snapshot);
        }
    }
}

/// Whether a snapshot with so many stored bytes is kept.
pub(crate) fn is_kept(stored: usize) -> bool {
    stored <= LARGEST
}

#[cfg(test)]
mod tests {
    use phasegate_core::Mode;
    use phasegate_testkit::storage::conformance::Story;

    use super::*;

    fn snapshot(id: u128) -> (CampaignId, Snapshot) {
        let mut story = Story::new(id);
        let creation = story.transition(vec![Story::creation("campaign", Mode::StepByStep)]);
        story.accept(&creation);
        let campaign = story.campaign.unwrap();
        (campaign.id, Snapshot { campaign, last: 1 })
    }

    #[test]
    fn the_latest_ones_are_there_and_not_too_many() {
        let recent = Recent::default();
        let count = 3 * GENERATION as u128;
        recent.keep((1..=count).map(snapshot));
        let has = |id| recent.get(CampaignId::from_u128(id)).is_some();
        assert!((count - GENERATION as u128 + 1..=count).all(has));
        assert!(!has(1));
        let generations = recent.generations();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
    }

    #[test]
    fn what_a_commit_replaces_is_gone() {
        let recent = Recent::default();
        recent.keep([1, 2].map(snapshot).into_iter());
        recent.forget([CampaignId::from_u128(1)].into_iter());
        assert!(recent.get(CampaignId::from_u128(1)).is_none());
        assert!(recent.get(CampaignId::from_u128(2)).is_some());
    }
}
