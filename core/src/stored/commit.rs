//! A commit: one row in the log of the store.

use minicbor::{Decode, Encode};

use super::event::Fact1;
use super::form::{Fault, Kind, Unreadable, decode};
use super::part::{Asked, IdBytes, Names, after, id_bits, id_bytes, moment, ms_after};
use crate::envelope::Envelope;
use crate::event::Event;
use crate::ids::{CampaignId, CommitId, PhaseName, Version};
use crate::time::Timestamp;

const KIND: Kind = Kind {
    what: "commit",
    form: 1,
};

/// What one commit added to the log. It can be read without anything else.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCommit {
    /// The campaign; `None` for the event of a resource.
    pub campaign: Option<CampaignId>,
    /// The number of its first event within the campaign.
    pub first_seq: Option<Version>,
    /// Its id.
    pub id: CommitId,
    /// Its events, in order.
    pub events: Vec<Event>,
}

/// Writes a commit.
pub fn write(commit: &StoredCommit) -> Vec<u8> {
    write_parts(commit.campaign, commit.first_seq, commit.id, &commit.events)
}

/// Writes a commit whose events stand elsewhere.
pub fn write_parts(
    campaign: Option<CampaignId>,
    first_seq: Option<Version>,
    id: CommitId,
    events: &[Event],
) -> Vec<u8> {
    KIND.write(&Form1::new(campaign, first_seq, id, events))
}

/// Reads a commit.
///
/// # Errors
///
/// [`Unreadable`].
pub fn read(bytes: &[u8]) -> Result<StoredCommit, Unreadable> {
    KIND.read(bytes, |form, body| match form {
        1 => decode::<Form1<'_>>(body)?.commit(),
        _ => Err(Fault::Newer),
    })
}

/// `at` and `asked` are those of the first event.
#[derive(Encode, Decode)]
struct Form1<'b> {
    #[n(0)]
    id: IdBytes,
    #[n(1)]
    campaign: Option<IdBytes>,
    #[n(2)]
    first_seq: Option<u64>,
    #[n(3)]
    at: i64,
    #[b(4)]
    names: Vec<&'b str>,
    #[b(5)]
    events: Vec<Event1<'b>>,
    #[b(6)]
    asked: Option<Asked<'b>>,
}

#[derive(Encode, Decode)]
struct Event1<'b> {
    #[b(0)]
    fact: Fact1<'b>,
    /// How many milliseconds after the first event; absent for none.
    #[n(1)]
    later: Option<i64>,
    /// Who asked for it; absent where it is who asked for the first.
    #[b(2)]
    asked: Option<Asked<'b>>,
}

impl<'b> Form1<'b> {
    fn new(
        campaign: Option<CampaignId>,
        first_seq: Option<Version>,
        id: CommitId,
        events: &'b [Event],
    ) -> Self {
        let nobody = Envelope::none();
        let first = events.first();
        let base = first.map_or_else(Timestamp::default, |event| event.timestamp);
        let asked = first.map(|event| &event.envelope).filter(|one| !one.is_none());
        let mut names = Names::default();
        let events = events.iter().map(|event| {
            let later = ms_after(base, event.timestamp);
            let is_other = event.envelope != *asked.unwrap_or(&nobody);
            Event1 {
                fact: Fact1::new(&event.kind, event.timestamp, &mut names),
                later: (later != 0).then_some(later),
                asked: is_other.then(|| Asked::new(&event.envelope)),
            }
        });
        Self {
            id: id_bytes(id.as_u128()),
            campaign: campaign.map(|id| id_bytes(id.as_u128())),
            first_seq: first_seq.map(|seq| seq.0),
            at: base.as_unix_ms(),
            events: events.collect(),
            names: names.into_texts(),
            asked: asked.map(Asked::new),
        }
    }

    fn commit(self) -> Result<StoredCommit, Fault> {
        let base = moment(self.at)?;
        let names = self.names.into_iter().map(PhaseName::new);
        let names = names.collect::<Result<Vec<_>, _>>()?;
        let asked = self.asked.as_ref().map_or_else(Envelope::none, Asked::envelope);
        let events = self.events.into_iter().map(|event| {
            let timestamp = after(base, event.later.unwrap_or(0))?;
            Ok(Event {
                timestamp,
                envelope: event
                    .asked
                    .as_ref()
                    .map_or_else(|| asked.clone(), Asked::envelope),
                kind: event.fact.kind(timestamp, &names)?,
            })
        });
        Ok(StoredCommit {
            campaign: self.campaign.map(|id| CampaignId::from_u128(id_bits(id))),
            first_seq: self.first_seq.map(Version),
            id: CommitId::from_u128(id_bits(self.id)),
            events: events.collect::<Result<_, Fault>>()?,
        })
    }
}
