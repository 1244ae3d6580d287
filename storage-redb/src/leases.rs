//! Who works on what, as far as it lasts while the file is held: leases, what was given out to be taken up, and the mark of
//! both. After an open nobody works on anything.
//!
//! Only the writer's thread has it, so it always fits the rows of the latest transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use phasegate_core::storage::{Due, DueItem, Lease, Renewal};
use phasegate_core::{Campaign, CampaignId, Intent, OwnerId, PipelineId, Ticket, Timestamp, stored};

use crate::envelope::{self, damaged};
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::rows::{self, View};
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

    /// Shows others again what was given out to `owner` of these campaigns.
    pub(crate) fn give_back(&mut self, owner: OwnerId, campaigns: &[CampaignId]) {
        for id in campaigns {
            if self.given.get(id) == Some(&owner) {
                self.given.remove(id);
                self.change_mark();
            }
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

    /// What waits to be taken up: attempts without a lease, and campaigns whose moment has come. What the owner was given before
    /// comes last, so that nothing waits behind what it can't take up.
    pub(crate) fn due(&mut self, txn: &View, query: &DueQuery<'_>) -> Result<Due, Fault> {
        let attempts = self.attempts(txn, query)?;
        let (moments, next) = self.moments(txn, query)?;
        let more = attempts.new.len() + moments.new.len() > query.limit;
        let mut items = mixed(attempts.new, moments.new, query.limit);
        let room = query.limit.saturating_sub(items.len());
        items.extend(mixed(attempts.given, moments.given, room));
        for item in &items {
            self.given.insert(campaign_of(item), query.owner);
        }
        let next = if more { Some(query.now) } else { next };
        self.told = self.told.max(next.unwrap_or(Timestamp::from_unix_ms(i64::MAX)));
        Ok(Due {
            items,
            next_in: next.map(|at| until(query.now, at)),
            mark: self.mark,
        })
    }

    fn attempts(&mut self, txn: &View, query: &DueQuery<'_>) -> Result<Waiting, Fault> {
        let mut waiting = Waiting::default();
        // Until a row is found that has no lease, all rows so far have one and need not be looked at again.
        let mut all_held = true;
        let start = key::campaign(self.from);
        for entry in rows::table(txn, &RUNNING)?.range::<&[u8]>(start.as_slice()..)? {
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
            if query.pipelines.contains(&lease.pipeline) {
                let attempt = DueItem::Attempt {
                    ticket: lookup::ticket_of(id, &lease),
                    released: lease.released,
                };
                waiting.add(attempt, self.given.get(&id), query);
            }
            if waiting.is_enough(query) {
                break;
            }
        }
        Ok(waiting)
    }

    /// The campaigns whose moment has come, and the first moment that has not.
    fn moments(&self, txn: &View, query: &DueQuery<'_>) -> Result<(Waiting, Option<Timestamp>), Fault> {
        let index = rows::table(txn, &BY_DUE)?;
        let (mut all, mut next) = (Vec::new(), None);
        let pipelines: BTreeSet<_> = query.pipelines.iter().collect();
        for pipeline in pipelines {
            let prefix = key::pipeline_prefix(pipeline);
            let mut of_pipeline = Waiting::default();
            for entry in index.range::<&[u8]>(prefix.as_slice()..)? {
                let key = entry?.0;
                let Some(rest) = key.value().strip_prefix(prefix.as_slice()) else {
                    break;
                };
                let Some((at, campaign)) = key::moment_and_campaign(rest) else {
                    return Err(damaged(&BY_DUE, key.value(), "its key is not a moment's").into());
                };
                if at > query.now {
                    next = Some(next.map_or(at, |next: Timestamp| next.min(at)));
                    break;
                }
                let given = self.given.get(&campaign);
                of_pipeline.add(DueItem::Moment { campaign }, given, query);
                all.push((at, campaign));
                if of_pipeline.is_enough(query) {
                    break;
                }
            }
        }
        // The first first, of whatever pipeline.
        all.sort();
        let mut waiting = Waiting::default();
        for (_, campaign) in all {
            waiting.add(DueItem::Moment { campaign }, self.given.get(&campaign), query);
        }
        Ok((waiting, next))
    }
}

/// What waits, of one kind.
#[derive(Default)]
struct Waiting {
    /// What was given to nobody, to the limit and one more: that tells whether there are more.
    new: Vec<DueItem>,
    /// What was given to the owner before, to the limit.
    given: Vec<DueItem>,
}

impl Waiting {
    /// Adds what was given to `given`; what was given to somebody else is left out.
    fn add(&mut self, item: DueItem, given: Option<&OwnerId>, query: &DueQuery<'_>) {
        match given {
            None if self.new.len() <= query.limit => self.new.push(item),
            Some(owner) if *owner == query.owner && self.given.len() < query.limit => self.given.push(item),
            _ => {}
        }
    }

    fn is_enough(&self, query: &DueQuery<'_>) -> bool {
        self.new.len() > query.limit
    }
}

/// At most `limit` of both, so that neither keeps the other waiting.
fn mixed(mut attempts: Vec<DueItem>, mut moments: Vec<DueItem>, limit: usize) -> Vec<DueItem> {
    moments.truncate(limit.div_ceil(2).max(limit.saturating_sub(attempts.len())));
    attempts.truncate(limit.saturating_sub(moments.len()));
    attempts.extend(moments);
    attempts
}

fn campaign_of(item: &DueItem) -> CampaignId {
    match item {
        DueItem::Attempt { ticket, .. } => ticket.campaign,
        DueItem::Moment { campaign } => *campaign,
    }
}
