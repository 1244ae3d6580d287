//! Who works on what, as far as it lasts while the file is held: leases, what was given out to be taken up, and the mark of
//! both. After an open nobody works on anything.
//!
//! Only the writer's thread has it, so it always fits the rows of the latest transaction.

use std::collections::BTreeMap;
use std::time::Duration;

use phasegate_core::storage::{Due, DueItem, Lease, Renewal};
use phasegate_core::{Campaign, CampaignId, Intent, OwnerId, PipelineId, Ticket, Timestamp, stored};
use redb::{ReadTransaction, ReadableTable};

use crate::envelope::{self, damaged};
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::rows;
use crate::tables::{BY_DUE, RUNNING};

/// A lease.
#[derive(Debug)]
struct Held {
    ticket: Ticket,
    owner: OwnerId,
    /// What was asked of the attempt.
    intent: Intent,
}

/// Who works on what.
#[derive(Debug)]
pub(crate) struct Leases {
    held: BTreeMap<CampaignId, Held>,
    /// The campaigns of which something was given out to be taken up, with the owner who sees it still.
    given: BTreeMap<CampaignId, OwnerId>,
    /// The row of `running` from which on one may have no lease.
    from: CampaignId,
    /// Counts what an answer of [`due`](Self::due) did not know of.
    mark: u64,
    /// The latest moment until which somebody who has the present mark was told that nothing comes.
    told: Timestamp,
}

/// How long it is from a moment to a later one.
fn until(now: Timestamp, at: Timestamp) -> Duration {
    let ms = at.as_unix_ms().saturating_sub(now.as_unix_ms());
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// A question for what waits to be taken up.
pub(crate) struct DueQuery<'q> {
    pub(crate) owner: OwnerId,
    pub(crate) pipelines: &'q [PipelineId],
    pub(crate) limit: usize,
    pub(crate) now: Timestamp,
}

impl Leases {
    /// Nobody works on anything.
    pub(crate) fn none() -> Self {
        Self {
            held: BTreeMap::new(),
            given: BTreeMap::new(),
            from: CampaignId::from_u128(0),
            mark: 1,
            told: Timestamp::default(),
        }
    }

    /// Counts what an answer of [`due`](Self::due) did not know of.
    pub(crate) fn mark(&self) -> u64 {
        self.mark
    }

    /// Whether somebody works on an attempt.
    pub(crate) fn is_held(&self, ticket: &Ticket) -> bool {
        self.held
            .get(&ticket.campaign)
            .is_some_and(|held| held.ticket == *ticket)
    }

    /// Takes note of a commit that has left the campaign like this; `None` is a deletion.
    pub(crate) fn committed(
        &mut self,
        id: CampaignId,
        after: Option<&Campaign>,
        lease: &Lease,
        launches: bool,
    ) {
        self.given.remove(&id);
        let working = after.and_then(|campaign| Some((campaign.working_ticket()?, campaign.intent()?)));
        match working {
            None => {
                self.held.remove(&id);
            }
            Some((ticket, intent)) if launches => {
                let owner = lease.owner;
                self.held.insert(
                    id,
                    Held {
                        ticket,
                        owner,
                        intent,
                    },
                );
            }
            Some((_, intent)) => {
                if let Some(held) = self.held.get_mut(&id) {
                    held.intent = intent;
                }
            }
        }
    }

    /// Takes note of a moment that a commit has brought.
    pub(crate) fn moment_came_up(&mut self, at: Timestamp) {
        if at < self.told {
            self.change_mark();
        }
    }

    /// Everybody who waits is to ask again.
    fn change_mark(&mut self) {
        self.mark += 1;
        self.told = Timestamp::default();
    }

    /// Whether an owner has the lease of an attempt.
    pub(crate) fn has(&self, owner: OwnerId, ticket: &Ticket) -> bool {
        self.held
            .get(&ticket.campaign)
            .is_some_and(|held| held.ticket == *ticket && held.owner == owner)
    }

    /// Gives up a lease of `owner`, or what was given out to it.
    pub(crate) fn release(&mut self, owner: OwnerId, ticket: &Ticket) {
        let id = ticket.campaign;
        let had_it = self.has(owner, ticket);
        let was_given = self.given.get(&id) == Some(&owner);
        if had_it {
            self.held.remove(&id);
            self.from = self.from.min(id);
        }
        if was_given {
            self.given.remove(&id);
        }
        if had_it || was_given {
            self.change_mark();
        }
    }

    /// Says of attempts which `owner` has lost, and what was asked of the others.
    pub(crate) fn renew(&self, owner: OwnerId, tickets: &[Ticket]) -> Renewal {
        let mut renewal = Renewal::default();
        for ticket in tickets {
            match self.held.get(&ticket.campaign) {
                Some(held) if self.has(owner, ticket) => {
                    if held.intent != Intent::None {
                        renewal.asked.push((ticket.clone(), held.intent));
                    }
                }
                _ => renewal.lost.push(ticket.clone()),
            }
        }
        renewal
    }

    /// What waits to be taken up: attempts without a lease, and campaigns whose moment has come.
    pub(crate) fn due(&mut self, txn: &ReadTransaction, query: &DueQuery<'_>) -> Result<Due, Fault> {
        // One more than are asked for tells whether there are more.
        let mut attempts = self.attempts(txn, query, query.limit + 1)?;
        let (mut moments, next) = self.moments(txn, query, query.limit + 1)?;
        let more = attempts.len() + moments.len() > query.limit;
        // Neither keeps the other waiting.
        moments.truncate(
            query
                .limit
                .div_ceil(2)
                .max(query.limit.saturating_sub(attempts.len())),
        );
        attempts.truncate(query.limit - moments.len());
        let items: Vec<_> = attempts.into_iter().chain(moments).collect();
        for item in &items {
            let (DueItem::Attempt {
                ticket: Ticket { campaign, .. },
                ..
            }
            | DueItem::Moment { campaign }) = item;
            self.given.insert(*campaign, query.owner);
        }
        let next = if more { Some(query.now) } else { next };
        self.told = self.told.max(next.unwrap_or(Timestamp::from_unix_ms(i64::MAX)));
        Ok(Due {
            items,
            next_in: next.map(|at| until(query.now, at)),
            mark: self.mark,
        })
    }

    /// Whether what waits in a campaign was given to somebody else.
    fn is_hidden(&self, id: CampaignId, owner: OwnerId) -> bool {
        self.given.get(&id).is_some_and(|given| *given != owner)
    }

    fn attempts(
        &mut self,
        txn: &ReadTransaction,
        query: &DueQuery<'_>,
        limit: usize,
    ) -> Result<Vec<DueItem>, Fault> {
        let mut found = Vec::new();
        // Until a row is found that has no lease, all rows so far have one and need not be looked at again.
        let mut all_held = true;
        let start = key::campaign(self.from);
        for entry in ReadableTable::range::<&[u8]>(&rows::table(txn, &RUNNING)?, start.as_slice()..)? {
            let (key, value) = entry?;
            let key = key.value();
            let id =
                key::first_campaign(key).ok_or_else(|| damaged(&RUNNING, key, "its key is not an id"))?;
            if self.held.contains_key(&id) {
                if all_held {
                    self.from = id;
                }
                continue;
            }
            all_held = false;
            let lease = envelope::read(&RUNNING, key, value.value(), stored::lease::read)?;
            if self.is_hidden(id, query.owner) || !query.pipelines.contains(&lease.pipeline) {
                continue;
            }
            found.push(DueItem::Attempt {
                ticket: lookup::ticket_of(id, &lease),
                released: lease.released,
            });
            if found.len() == limit {
                break;
            }
        }
        Ok(found)
    }

    /// The campaigns whose moment has come, the first first, and the first moment that has not.
    fn moments(
        &self,
        txn: &ReadTransaction,
        query: &DueQuery<'_>,
        limit: usize,
    ) -> Result<(Vec<DueItem>, Option<Timestamp>), Fault> {
        let index = rows::table(txn, &BY_DUE)?;
        let (mut come, mut next) = (Vec::new(), None);
        let mut pipelines: Vec<_> = query.pipelines.iter().collect();
        pipelines.sort();
        pipelines.dedup();
        for pipeline in pipelines {
            let prefix = key::pipeline_prefix(pipeline);
            let mut of_pipeline = 0;
            for entry in ReadableTable::range::<&[u8]>(&index, prefix.as_slice()..)? {
                let key = entry?.0;
                let Some(rest) = key.value().strip_prefix(prefix.as_slice()) else {
                    break;
                };
                let Some((at, id)) = key::moment_and_campaign(rest) else {
                    return Err(damaged(&BY_DUE, key.value(), "its key is not a moment's").into());
                };
                if at > query.now {
                    next = Some(next.map_or(at, |next: Timestamp| next.min(at)));
                    break;
                }
                if !self.is_hidden(id, query.owner) {
                    come.push((at, id));
                    of_pipeline += 1;
                }
                if of_pipeline == limit {
                    break;
                }
            }
        }
        come.sort();
        come.truncate(limit);
        let items = come.into_iter().map(|(_, campaign)| DueItem::Moment { campaign });
        Ok((items.collect(), next))
    }
}
