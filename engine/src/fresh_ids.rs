//! The one place where an engine draws at random: its own id, and those of what it creates and commits.

use std::sync::{Mutex, PoisonError};

use phasegate_core::{CampaignId, CommitId, OwnerId, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use uuid::Builder;

/// Draws ids.
pub(crate) struct FreshIds {
    drawn: Mutex<Drawn>,
}

struct Drawn {
    random: StdRng,
    /// The latest id of a campaign.
    campaign: u128,
}

impl FreshIds {
    /// By the system's randomness, or from a seed: the same seed gives the same ids.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let random = match seed {
            Some(seed) => StdRng::seed_from_u64(seed),
            None => rand::make_rng(),
        };
        Self {
            drawn: Mutex::new(Drawn { random, campaign: 0 }),
        }
    }

    fn with<T>(&self, draw: impl FnOnce(&mut Drawn) -> T) -> T {
        draw(&mut self.drawn.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The id of an opened engine.
    pub(crate) fn owner(&self) -> OwnerId {
        OwnerId::from_u128(self.with(|drawn| random(&mut drawn.random)))
    }

    /// The id of a commit, or of a write of a resource.
    pub(crate) fn commit(&self) -> CommitId {
        CommitId::from_u128(self.with(|drawn| random(&mut drawn.random)))
    }

    /// The id of a campaign (a UUID of version 7). Ids in the order of their creation make for full pages in a store.
    pub(crate) fn campaign(&self, now: Timestamp) -> CampaignId {
        let ms = u64::try_from(now.as_unix_ms()).unwrap_or(0);
        self.with(|drawn| {
            let mut bytes = [0; 10];
            drawn.random.fill_bytes(&mut bytes);
            let id = Builder::from_unix_timestamp_millis(ms, &bytes)
                .into_uuid()
                .as_u128();
            // Within a millisecond, and while the clock is put back, they still follow each other. A step of 32 bits at most never
            // carries into the bits of the variant.
            drawn.campaign = match drawn.campaign < id || !can_step(drawn.campaign) {
                true => id,
                false => drawn.campaign + u128::from(drawn.random.random_range(1..=u32::MAX)),
            };
            CampaignId::from_u128(drawn.campaign)
        })
    }
}

/// Whether 32 bits can be added below the variant.
const fn can_step(id: u128) -> bool {
    (id as u64) << 2 >> 2 < (u64::MAX >> 2) - u32::MAX as u64
}

/// A UUID of version 4.
fn random(random: &mut StdRng) -> u128 {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    Builder::from_random_bytes(bytes).into_uuid().as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn campaigns_have_ids_in_the_order_of_their_creation_whatever_the_clock_does() {
        let ids = FreshIds::new(None);
        let times = [5, 5, 5, 7, 6, 1, 7, 8];
        let drawn: Vec<_> = times.map(|ms| ids.campaign(Timestamp::from_unix_ms(ms))).into();
        assert!(drawn.is_sorted_by(|before, after| before < after), "{drawn:?}");
        for id in drawn {
            let id = uuid::Uuid::from_u128(id.as_u128());
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        }
    }

    #[test]
    fn a_seed_gives_its_ids_again_and_another_one_others() {
        let draw = |seed| {
            let ids = FreshIds::new(seed);
            let campaign = ids.campaign(Timestamp::from_unix_ms(1));
            (ids.owner().as_u128(), ids.commit().as_u128(), campaign)
        };
        assert_eq!(draw(Some(3)), draw(Some(3)));
        assert_ne!(draw(Some(3)), draw(Some(4)));
        assert_ne!(draw(None), draw(None));
    }
}
