//! Leases, and what waits to be taken up.

use std::collections::BTreeMap;
use std::time::Duration;

use phasegate_core::storage::{Due, DueItem, Lease, Renewal, StorageError};
use phasegate_core::{Campaign, CampaignId, Intent, OwnerId, PipelineId, Ticket, Timestamp};

/// The leases of the attempts that runners work on, and the moments of the campaigns.
#[derive(Default)]
pub(super) struct Leases {
    attempts: BTreeMap<CampaignId, WorkingAttempt>,
    moments: BTreeMap<CampaignId, Moment>,
    mark: u64,
}

/// Something of an owner's until a moment.
#[derive(Clone, Copy)]
struct Held {
    owner: OwnerId,
    until: Timestamp,
}

struct WorkingAttempt {
    ticket: Ticket,
    pipeline: PipelineId,
    intent: Intent,
    lease: Option<Held>,
    /// Whether its lease was released in order.
    released: bool,
    hidden: Option<Held>,
}

struct Moment {
    at: Timestamp,
    pipeline: PipelineId,
    hidden: Option<Held>,
}

/// What `due` has found, in the order in which it gives it.
struct Found {
    given_before: bool,
    since: Timestamp,
    item: DueItem,
}

impl Leases {
    /// Checks that nobody holds the lease of a campaign's attempt.
    pub(super) fn check_over(&self, campaign: CampaignId, now: Timestamp) -> Result<(), StorageError> {
        match self.attempts.get(&campaign) {
            Some(attempt) if attempt.holder(now).is_some() => Err(StorageError::LeaseHeld {
                ticket: attempt.ticket.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Gives, keeps or frees the lease, and the moment, of a campaign that was committed; `None` for a deleted one.
    pub(super) fn follow(
        &mut self,
        id: CampaignId,
        campaign: Option<&Campaign>,
        lease: &Lease,
        now: Timestamp,
    ) {
        let working = campaign.and_then(|campaign| Some((campaign, campaign.working_ticket()?)));
        match (self.attempts.get_mut(&id), working) {
            (_, None) => {
                self.attempts.remove(&id);
            }
            (Some(attempt), Some((campaign, ticket))) if attempt.ticket == ticket => {
                attempt.intent = campaign.intent().unwrap_or(Intent::None);
            }
            (_, Some((campaign, ticket))) => {
                self.attempts.remove(&id);
                let until = later(now, lease.ttl);
                self.announce(&campaign.pipeline, until, now);
                let attempt = WorkingAttempt {
                    ticket,
                    pipeline: campaign.pipeline.clone(),
                    intent: campaign.intent().unwrap_or(Intent::None),
                    lease: Some(Held {
                        owner: lease.owner,
                        until,
                    }),
                    released: false,
                    hidden: None,
                };
                self.attempts.insert(id, attempt);
            }
        }
        let moment = campaign.and_then(|campaign| Some((campaign, campaign.due()?)));
        match (self.moments.get(&id), moment) {
            (_, None) => {
                self.moments.remove(&id);
            }
            (Some(moment), Some((_, at))) if moment.at == at => {}
            (_, Some((campaign, at))) => {
                self.moments.remove(&id);
                self.announce(&campaign.pipeline, at, now);
                let moment = Moment {
                    at,
                    pipeline: campaign.pipeline.clone(),
                    hidden: None,
                };
                self.moments.insert(id, moment);
            }
        }
    }

    /// Changes the mark if `at` is earlier than what a `next_in` of this pipeline can know of.
    fn announce(&mut self, pipeline: &PipelineId, at: Timestamp, now: Timestamp) {
        let ends = self
            .attempts
            .values()
            .filter(|attempt| attempt.pipeline == *pipeline);
        let ends = ends.filter_map(|attempt| attempt.lease.map(|lease| lease.until));
        let moments = self
            .moments
            .values()
            .filter(|moment| moment.pipeline == *pipeline);
        let known = ends
            .chain(moments.map(|moment| moment.at))
            .filter(|known| *known > now);
        if at <= now || known.min().is_none_or(|earliest| at < earliest) {
            self.mark += 1;
        }
    }

    /// The state of the knowledge that a `due` is given with.
    pub(super) fn mark(&self) -> u64 {
        self.mark
    }

    /// What waits to be taken up, hidden from every other owner from now on.
    pub(super) fn due(
        &mut self,
        owner: OwnerId,
        pipelines: &[PipelineId],
        ttl: Duration,
        limit: usize,
        now: Timestamp,
    ) -> Due {
        let (mut found, mut next) = (Vec::new(), None::<Timestamp>);
        let mut comes = |at: Timestamp| next = Some(next.map_or(at, |next| next.min(at)));
        let elsewhere = |hidden: Option<Held>| hidden.filter(|by| by.owner != owner && by.until > now);
        for attempt in self
            .attempts
            .values()
            .filter(|attempt| pipelines.contains(&attempt.pipeline))
        {
            match (attempt.holder(now), elsewhere(attempt.hidden)) {
                (Some(other), _) | (None, Some(other)) => comes(other.until),
                (None, None) => found.push(Found {
                    given_before: attempt.hidden.is_some_and(|by| by.until > now),
                    since: attempt.lease.map_or(Timestamp::default(), |lease| lease.until),
                    item: DueItem::Attempt {
                        ticket: attempt.ticket.clone(),
                        released: attempt.released,
                    },
                }),
            }
        }
        for (campaign, moment) in self
            .moments
            .iter()
            .filter(|(_, moment)| pipelines.contains(&moment.pipeline))
        {
            match elsewhere(moment.hidden) {
                _ if moment.at > now => comes(moment.at),
                Some(other) => comes(other.until),
                None => found.push(Found {
                    given_before: moment.hidden.is_some_and(|by| by.until > now),
                    since: moment.at,
                    item: DueItem::Moment { campaign: *campaign },
                }),
            }
        }
        // What the owner has not been given yet comes first, so that nothing waits behind what it can't take up.
        found.sort_by_key(|found| (found.given_before, found.since));
        let rest = found.split_off(found.len().min(limit.clamp(1, 1_000)));
        if rest.iter().any(|found| !found.given_before) {
            comes(now);
        }
        let next_in = next.map(|at| span(now, at));
        let by = Some(Held {
            owner,
            until: later(now, ttl),
        });
        let items: Vec<_> = found.into_iter().map(|found| found.item).collect();
        for item in &items {
            let hidden = match item {
                DueItem::Attempt { ticket, .. } => self
                    .attempts
                    .get_mut(&ticket.campaign)
                    .map(|attempt| &mut attempt.hidden),
                DueItem::Moment { campaign } => {
                    self.moments.get_mut(campaign).map(|moment| &mut moment.hidden)
                }
            };
            if let Some(hidden) = hidden {
                *hidden = by;
            }
        }
        Due {
            items,
            next_in,
            mark: self.mark,
        }
    }

    /// Renews every lease that an owner holds, and says what became of `tickets`.
    pub(super) fn renew(
        &mut self,
        owner: OwnerId,
        ttl: Duration,
        tickets: &[Ticket],
        now: Timestamp,
    ) -> Renewal {
        for attempt in self.attempts.values_mut() {
            if attempt.holder(now).is_some_and(|lease| lease.owner == owner) {
                let until = later(now, ttl);
                attempt.lease = Some(Held { owner, until });
            }
        }
        let mut renewal = Renewal::default();
        for ticket in tickets {
            match self.held(owner, ticket, now).map(|attempt| attempt.intent) {
                None => renewal.lost.push(ticket.clone()),
                Some(Intent::None) => {}
                Some(intent) => renewal.asked.push((ticket.clone(), intent)),
            }
        }
        renewal
    }

    /// Ends every lease, and every hiding, as if its time had passed.
    pub(super) fn end_all(&mut self) {
        for attempt in self.attempts.values_mut() {
            (attempt.lease, attempt.hidden) = (None, None);
        }
        for moment in self.moments.values_mut() {
            moment.hidden = None;
        }
        self.mark += 1;
    }

    /// Gives up leases that an owner holds in order, and lets the other owners see what it was given and has not taken up.
    pub(super) fn release(&mut self, owner: OwnerId, tickets: &[Ticket], now: Timestamp) {
        for ticket in tickets {
            if let Some(attempt) = self.held(owner, ticket, now) {
                (attempt.lease, attempt.released) = (None, true);
            } else {
                let attempt = self.attempts.get_mut(&ticket.campaign);
                let given = |attempt: &&mut WorkingAttempt| {
                    attempt.ticket == *ticket && attempt.hidden.is_some_and(|by| by.owner == owner)
                };
                let Some(attempt) = attempt.filter(given) else {
                    continue;
                };
                attempt.hidden = None;
            }
            self.mark += 1;
        }
    }

    /// Lets the other owners see what an owner was given of these campaigns.
    pub(super) fn give_back(&mut self, owner: OwnerId, campaigns: &[CampaignId]) {
        for id in campaigns {
            let attempt = self.attempts.get_mut(id).map(|attempt| &mut attempt.hidden);
            let moment = self.moments.get_mut(id).map(|moment| &mut moment.hidden);
            for hidden in attempt.into_iter().chain(moment) {
                if hidden.take_if(|by| by.owner == owner).is_some() {
                    self.mark += 1;
                }
            }
        }
    }

    /// The attempt, if the owner holds its lease.
    fn held(&mut self, owner: OwnerId, ticket: &Ticket, now: Timestamp) -> Option<&mut WorkingAttempt> {
        let attempt = self.attempts.get_mut(&ticket.campaign)?;
        let holds = attempt.holder(now).is_some_and(|lease| lease.owner == owner);
        (attempt.ticket == *ticket && holds).then_some(attempt)
    }
}

impl WorkingAttempt {
    /// Who holds its lease, if it is not over.
    fn holder(&self, now: Timestamp) -> Option<Held> {
        self.lease.filter(|lease| lease.until > now)
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.plus_ms(u64::try_from(by.as_millis()).unwrap_or(u64::MAX))
}

fn span(from: Timestamp, to: Timestamp) -> Duration {
    let ms = to.as_unix_ms().saturating_sub(from.as_unix_ms());
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
