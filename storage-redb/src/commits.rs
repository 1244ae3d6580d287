//! The log: one row for each commit, at the number of its last event, and one row in the log of its campaign.

use phasegate_core::storage::{LoggedEvent, StorageError};
use phasegate_core::stored::{self, StoredCommit};
use phasegate_core::{CampaignId, Version};
use redb::ReadableTable;

use crate::cursor::cursor;
use crate::envelope::{self, damaged};
use crate::fault::Fault;
use crate::key;
use crate::rows::{self, Rows, View};
use crate::tables::{CAMPAIGN_LOG, LOG};

/// A row of a campaign's log: the last event of a commit, by its two numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LastOfCommit {
    /// Its number within the campaign.
    pub(crate) seq: Version,
    /// Its number in the store-wide log.
    pub(crate) number: u64,
}

impl LastOfCommit {
    /// Reads a row.
    pub(crate) fn read(key: &[u8], value: &[u8]) -> Result<Self, StorageError> {
        let number = envelope::open_u64(&CAMPAIGN_LOG, key, value)?;
        match key::last_u64(key) {
            Some(seq) if seq > 0 && number > 0 => Ok(Self {
                seq: Version(seq),
                number,
            }),
            _ => Err(damaged(&CAMPAIGN_LOG, key, "0 is not a place in a log")),
        }
    }
}

/// The row of a campaign's log for the commit that has its event `seq`, or the first one after that.
pub(crate) fn commit_of(txn: &View, id: CampaignId, seq: Version) -> Result<Option<LastOfCommit>, Fault> {
    let from = key::campaign_log(id, seq.0);
    let log = rows::table(txn, &CAMPAIGN_LOG)?;
    // The completion of a phase and what follows it make a commit: so the row is mostly that of the event itself, or of the next one.
    for key in [&from, &key::campaign_log(id, seq.next().0)] {
        if let Some(value) = log.get(key.as_slice())? {
            return Ok(Some(LastOfCommit::read(key, value.value())?));
        }
    }
    let to = key::campaign_log(id, u64::MAX);
    let found = ReadableTable::range::<&[u8]>(log, from.as_slice()..=to.as_slice())?.next();
    last_of_commit(found)
}

/// The row of a campaign's log for its latest commit.
pub(crate) fn latest_commit(txn: &View, id: CampaignId) -> Result<Option<LastOfCommit>, Fault> {
    let (from, to) = (key::campaign_log(id, 0), key::campaign_log(id, u64::MAX));
    let log = rows::table(txn, &CAMPAIGN_LOG)?;
    let found = ReadableTable::range::<&[u8]>(log, from.as_slice()..=to.as_slice())?.next_back();
    last_of_commit(found)
}

type Entry<'t> = redb::Result<(
    redb::AccessGuard<'t, &'static [u8]>,
    redb::AccessGuard<'t, &'static [u8]>,
)>;

fn last_of_commit(entry: Option<Entry<'_>>) -> Result<Option<LastOfCommit>, Fault> {
    match entry {
        Some(entry) => {
            let (key, value) = entry?;
            Ok(Some(LastOfCommit::read(key.value(), value.value())?))
        }
        None => Ok(None),
    }
}

/// The commit of a campaign that a row of its log names.
pub(crate) fn named_commit(rows: &impl Rows, id: CampaignId, last: LastOfCommit) -> Result<Commit, Fault> {
    let key = key::log(last.number);
    let commit = rows.with(&LOG, &key, |value| Ok(Commit::read(&key, value)?))?;
    let commit = commit.ok_or_else(|| damaged(&LOG, &key, "the commit is missing"))?;
    match commit.campaign {
        Some(of) if (of.id, of.last) == (id, last.seq) => Ok(commit),
        _ => Err(damaged(&LOG, &key, "it is another commit than the campaign's log says").into()),
    }
}

/// A commit in the log, whose numbers fit together.
#[derive(Debug)]
pub(crate) struct Commit {
    /// The campaign; `None` for the event of a resource.
    pub(crate) campaign: Option<OfCampaign>,
    /// The number of the first event in the store-wide log.
    pub(crate) first: u64,
    /// The commit itself.
    pub(crate) stored: StoredCommit,
    /// How many bytes its row has.
    pub(crate) bytes: usize,
}

/// What a commit is in the log of its campaign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct OfCampaign {
    /// The campaign.
    pub(crate) id: CampaignId,
    /// The number there of the first event.
    pub(crate) first: Version,
    /// The number there of the last event.
    pub(crate) last: Version,
}

impl Commit {
    /// Reads a row.
    pub(crate) fn read(key: &[u8], value: &[u8]) -> Result<Self, StorageError> {
        let stored = envelope::read(&LOG, key, value, stored::commit::read)?;
        let last = key::last_u64(key).unwrap_or(0);
        Self::new(stored, last, value.len()).map_err(|reason| damaged(&LOG, key, reason))
    }

    fn new(stored: StoredCommit, last: u64, bytes: usize) -> Result<Self, &'static str> {
        let before_last = (stored.events.len() as u64).checked_sub(1);
        let before_last = before_last.ok_or("it has no event")?;
        let first = last.checked_sub(before_last).filter(|first| *first > 0);
        let campaign = match (stored.campaign, stored.first_seq) {
            (Some(id), Some(first)) => match first.0.checked_add(before_last) {
                Some(last) if first.0 > 0 => Some(OfCampaign {
                    id,
                    first,
                    last: Version(last),
                }),
                _ => return Err("its events have impossible numbers within their campaign"),
            },
            (None, None) => None,
            _ => return Err("its events have no numbers within their campaign"),
        };
        Ok(Self {
            campaign,
            first: first.ok_or("it has more events than there are numbers up to its own")?,
            stored,
            bytes,
        })
    }

    /// The number of the last event in the store-wide log.
    pub(crate) fn last(&self) -> u64 {
        (self.first + self.stored.events.len() as u64).saturating_sub(1)
    }

    /// Its events as the port gives them, each with its place in the store-wide log.
    pub(crate) fn logged(self) -> impl Iterator<Item = (u64, LoggedEvent)> {
        let (first, campaign) = (self.first, self.campaign);
        self.stored
            .events
            .into_iter()
            .zip(0_u64..)
            .map(move |(event, n)| {
                let number = first + n;
                let logged = LoggedEvent {
                    cursor: cursor(number),
                    seq: campaign.map(|of| Version(of.first.0 + n)),
                    campaign_id: campaign.map(|of| of.id),
                    event,
                };
                (number, logged)
            })
    }
}
