//! The store-wide log, and the logs of the campaigns in it.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use phasegate_core::limits::MAX_PAGE_BYTES;
use phasegate_core::storage::{Cursor, EventPage, EventScope, LoggedEvent, StorageError};
use phasegate_core::{CampaignId, CommitId, Event, Version};

/// The log.
#[derive(Default)]
pub(super) struct Log {
    /// The events by place, from 1, without the events that deletions have removed.
    entries: BTreeMap<u64, Entry>,
    /// The places of the events of campaigns.
    places: BTreeMap<(CampaignId, Version), u64>,
    last: u64,
}

struct Entry {
    event: LoggedEvent,
    bytes: usize,
    /// The commit that wrote it; `None` for an event of a resource.
    commit: Option<CommitId>,
}

impl Log {
    /// The cursor of the latest event.
    pub(super) fn latest(&self) -> Option<Cursor> {
        Some(self.last).filter(|last| *last > 0).map(cursor)
    }

    /// Adds an event of a campaign.
    pub(super) fn add(&mut self, campaign: CampaignId, seq: Version, event: Event, commit: CommitId) {
        let place = self.push(Some((campaign, seq)), event, Some(commit));
        self.places.insert((campaign, seq), place);
    }

    /// Adds an event of a resource.
    pub(super) fn add_of_store(&mut self, event: Event) {
        self.push(None, event, None);
    }

    fn push(&mut self, of: Option<(CampaignId, Version)>, event: Event, commit: Option<CommitId>) -> u64 {
        self.last += 1;
        let event = LoggedEvent {
            cursor: cursor(self.last),
            seq: of.map(|(_, seq)| seq),
            campaign_id: of.map(|(campaign, _)| campaign),
            event,
        };
        let bytes = serde_json::to_string(&event).map_or(0, |text| text.len());
        self.entries.insert(self.last, Entry { event, bytes, commit });
        self.last
    }

    /// Removes the events of a campaign, apart from its deletion.
    pub(super) fn forget(&mut self, campaign: CampaignId, deletion: Version) {
        let later = self.places.split_off(&(campaign, Version(0)));
        for (key, place) in later {
            if key < (campaign, deletion) {
                self.entries.remove(&place);
            } else {
                self.places.insert(key, place);
            }
        }
    }

    /// One event of a campaign by its number.
    pub(super) fn event(&self, campaign: CampaignId, seq: Version) -> Option<LoggedEvent> {
        let place = self.places.get(&(campaign, seq))?;
        self.entries.get(place).map(|entry| entry.event.clone())
    }

    /// Whether the event after `version` was written by this commit.
    pub(super) fn has_commit(&self, campaign: CampaignId, version: Version, id: CommitId) -> bool {
        let first = (campaign, version.next());
        let place = self.places.get(&first).filter(|_| first.1 > version);
        place
            .and_then(|place| self.entries.get(place))
            .is_some_and(|entry| entry.commit == Some(id))
    }

    /// Whether there is an event of `scope` after a cursor.
    pub(super) fn is_after(&self, scope: EventScope, after: Option<&Cursor>) -> Result<bool, StorageError> {
        let after = self.place(after)?;
        let last = match scope {
            EventScope::Store => self.last,
            EventScope::Campaign(campaign) => {
                let mut all = self
                    .places
                    .range((campaign, Version(0))..=(campaign, Version(u64::MAX)));
                all.next_back().map_or(0, |(_, place)| *place)
            }
        };
        Ok(last > after)
    }

    /// One page of events after a cursor.
    pub(super) fn events(
        &self,
        scope: EventScope,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EventPage, StorageError> {
        let after = self.place(after)?;
        let found = self
            .entries
            .range((Excluded(after), Unbounded))
            .map(|(_, entry)| entry);
        let in_scope = |entry: &&Entry| match scope {
            EventScope::Store => true,
            EventScope::Campaign(id) => entry.event.campaign_id == Some(id),
        };
        let (mut page, mut bytes) = (EventPage::default(), 0);
        for entry in found.filter(in_scope) {
            bytes += entry.bytes;
            let full = page.items.len() == limit.clamp(1, 1_000) || bytes > MAX_PAGE_BYTES;
            if full && let Some(last) = page.items.last() {
                page.next_cursor = Some(last.cursor.clone());
                break;
            }
            page.items.push(entry.event.clone());
        }
        Ok(page)
    }

    /// The place that a cursor names; 0 for none.
    pub(super) fn place(&self, given: Option<&Cursor>) -> Result<u64, StorageError> {
        let Some(given) = given else { return Ok(0) };
        let number = given
            .as_str()
            .strip_prefix('m')
            .and_then(|digits| digits.parse().ok());
        number
            .filter(|number| (1..=self.last).contains(number) && cursor(*number) == *given)
            .ok_or_else(|| StorageError::InvalidCursor {
                cursor: given.as_str().chars().take(80).collect(),
            })
    }
}

fn cursor(place: u64) -> Cursor {
    Cursor::from_text(format!("m{place}"))
}
