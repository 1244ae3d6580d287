//! Events, one or a page, of the whole store or of one campaign.

use std::collections::BTreeMap;

use phasegate_core::limits::MAX_PAGE_BYTES;
use phasegate_core::storage::{Cursor, EventPage, EventScope, LoggedEvent};
use phasegate_core::{Campaign, CampaignId, Version};
use redb::{ReadableTable, ReadableTableMetadata};

use crate::commits::{self, Commit, LastOfCommit};
use crate::cursor::{cursor, place};
use crate::envelope::damaged;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::rows::{self, View};
use crate::tables::{CAMPAIGN_LOG, LOG, TOMBSTONES};

/// A page looks at no more events than this, hidden ones included.
const MOST_LOOKED_AT: usize = 10_000;

pub(crate) fn events(
    txn: &View,
    scope: EventScope,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<EventPage, Fault> {
    let last = lookup::last_number(txn)?;
    let after = place(after, last)?;
    let page = GrowingPage {
        limit: limit.clamp(1, 1_000),
        bytes: 0,
        page: EventPage::default(),
    };
    match scope {
        EventScope::Store => store_events(txn, after, last, page),
        EventScope::Campaign(id) => campaign_events(txn, id, after, page),
    }
}

/// The place that a cursor names in the present log; 0 without a cursor.
pub(crate) fn place_in(txn: &View, after: Option<&Cursor>) -> Result<u64, Fault> {
    let last = lookup::last_number(txn)?;
    Ok(place(after, last)?)
}

/// The place of the latest event of a campaign; 0 if it has none.
pub(crate) fn latest_of(txn: &View, id: CampaignId) -> Result<u64, Fault> {
    Ok(match lookup::tombstone(txn, id)? {
        Some(grave) => grave.number,
        None => commits::latest_commit(txn, id)?.map_or(0, |latest| latest.number),
    })
}

/// One event of a campaign.
pub(crate) fn event(
    txn: &View,
    id: CampaignId,
    seq: Version,
    known: Option<&Campaign>,
) -> Result<Option<LoggedEvent>, Fault> {
    let Some(campaign) = lookup::known_or_read(txn, id, known)? else {
        return Ok(None);
    };
    if seq.0 == 0 || seq > campaign.version {
        return Ok(None);
    }
    let commit = match commits::commit_of(txn, id, seq)? {
        Some(last) => commits::named_commit(txn, id, last)?,
        None => return Err(missing(id, seq)),
    };
    let mut events = commit.logged().map(|(_, event)| event);
    match events.find(|event| event.seq == Some(seq)) {
        Some(event) => Ok(Some(event)),
        None => Err(missing(id, seq)),
    }
}

/// The error for an event that a campaign has and its log has not.
fn missing(id: CampaignId, seq: Version) -> Fault {
    damaged(
        &CAMPAIGN_LOG,
        &key::campaign_log(id, seq.0),
        "the event is missing",
    )
    .into()
}

/// A page as it grows.
struct GrowingPage {
    limit: usize,
    bytes: usize,
    page: EventPage,
}

impl GrowingPage {
    /// Makes room for the events of a row of `bytes` bytes. Returns whether there is room.
    fn has_room(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        let is_empty = self.page.items.is_empty();
        is_empty || (self.page.items.len() < self.limit && self.bytes <= MAX_PAGE_BYTES)
    }

    /// Adds the events of a commit after a place. Returns the place of the last one that was looked at.
    fn add(&mut self, commit: Commit, after: u64) -> u64 {
        let mut at = after;
        for (number, event) in commit.logged() {
            if number <= after {
                continue;
            }
            if self.page.items.len() == self.limit {
                break;
            }
            at = number;
            self.page.items.push(event);
        }
        at
    }
}

fn store_events(txn: &View, after: u64, last: u64, mut page: GrowingPage) -> Result<EventPage, Fault> {
    let mut hidden = HiddenCommits::new(txn)?;
    let (mut at, mut looked_at) = (after, 0);
    let start = key::log(after.saturating_add(1));
    for entry in ReadableTable::range::<&[u8]>(rows::table(txn, &LOG)?, start.as_slice()..)? {
        let (key, value) = entry?;
        let (key, value) = (key.value(), value.value());
        if looked_at >= MOST_LOOKED_AT || !page.has_room(value.len()) {
            break;
        }
        let commit = Commit::read(key, value)?;
        let last_of_commit = commit.last();
        looked_at += commit.stored.events.len();
        if hidden.hides(&commit)? {
            at = last_of_commit;
            continue;
        }
        at = page.add(commit, at);
        if at < last_of_commit {
            break;
        }
    }
    page.page.next_cursor = (at < last && at > 0).then(|| cursor(at));
    Ok(page.page)
}

/// Tells which commits are hidden: those of deleted campaigns whose space is not reclaimed yet.
struct HiddenCommits<'t> {
    txn: &'t View,
    /// The deletions that are known so far; `None` where there is no deleted campaign at all.
    known: Option<BTreeMap<CampaignId, Option<u64>>>,
}

impl<'t> HiddenCommits<'t> {
    fn new(txn: &'t View) -> Result<Self, Fault> {
        let is_empty = rows::table(txn, &TOMBSTONES)?.is_empty()?;
        Ok(Self {
            txn,
            known: (!is_empty).then(BTreeMap::new),
        })
    }

    fn hides(&mut self, commit: &Commit) -> Result<bool, Fault> {
        let (Some(known), Some(of)) = (&mut self.known, commit.campaign) else {
            return Ok(false);
        };
        let deletion = match known.get(&of.id) {
            Some(known) => *known,
            None => {
                let deletion = lookup::tombstone(self.txn, of.id)?.map(|grave| grave.number);
                known.insert(of.id, deletion);
                deletion
            }
        };
        Ok(deletion.is_some_and(|deletion| deletion != commit.last()))
    }
}

fn campaign_events(
    txn: &View,
    id: CampaignId,
    after: u64,
    mut page: GrowingPage,
) -> Result<EventPage, Fault> {
    if let Some(grave) = lookup::tombstone(txn, id)? {
        if grave.number > after {
            let deletion = LastOfCommit {
                seq: grave.seq,
                number: grave.number,
            };
            page.add(commits::named_commit(txn, id, deletion)?, after);
        }
        return Ok(page.page);
    }
    let Some(campaign) = lookup::campaign(txn, id)? else {
        return Ok(page.page);
    };
    let Some(first) = first_after(txn, id, campaign.version, after)? else {
        return Ok(page.page);
    };
    let (mut at, mut expected) = (after, first);
    let (start, end) = (key::campaign_log(id, first.0), key::campaign_log(id, u64::MAX));
    let campaign_log = rows::table(txn, &CAMPAIGN_LOG)?;
    for entry in ReadableTable::range::<&[u8]>(campaign_log, start.as_slice()..=end.as_slice())? {
        let (key, value) = entry?;
        let last = LastOfCommit::read(key.value(), value.value())?;
        let commit = commits::named_commit(txn, id, last)?;
        if commit.campaign.is_none_or(|of| of.first != expected) {
            return Err(missing(id, expected));
        }
        if !page.has_room(commit.bytes) {
            page.page.next_cursor = (at > 0).then(|| cursor(at));
            return Ok(page.page);
        }
        at = page.add(commit, at);
        if at < last.number {
            page.page.next_cursor = Some(cursor(at));
            return Ok(page.page);
        }
        expected = last.seq.next();
    }
    if expected == campaign.version.next() {
        Ok(page.page)
    } else {
        Err(missing(id, expected))
    }
}

/// The number of the first event of the first of a campaign's commits that has one after a place in the store-wide log; `None` if
/// there is no such commit.
fn first_after(txn: &View, id: CampaignId, version: Version, after: u64) -> Result<Option<Version>, Fault> {
    if after == 0 {
        return Ok(Some(Version(1)));
    }
    match commits::latest_commit(txn, id)? {
        // Who follows a campaign mostly asks for what comes next.
        Some(latest) if latest.seq == version && latest.number <= after => return Ok(None),
        Some(latest) if latest.seq == version => {}
        _ => return Err(missing(id, version)),
    }
    // The places of a campaign's events grow with their numbers, so a binary search finds it.
    let (mut low, mut high) = (1, version.0);
    while low < high {
        let middle = low + (high - low) / 2;
        match commits::commit_of(txn, id, Version(middle))? {
            Some(last) if last.number > after => high = middle,
            Some(last) => low = last.seq.0.saturating_add(1),
            None => return Err(missing(id, Version(middle))),
        }
    }
    Ok(Some(Version(low)))
}
