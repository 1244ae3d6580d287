//! Campaigns by page, along the index that fits the filter.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Bound;

use phasegate_core::limits::MAX_PAGE_BYTES;
use phasegate_core::storage::{ActivityKind, CampaignFilter, CampaignPage, CampaignQuery, Order};
use phasegate_core::{CampaignId, Mode, stored};

use crate::envelope::{self, damaged};
use crate::fault::Fault;
use crate::key::{self, Key};
use crate::rows::View;
use crate::rows::{self, Table};
use crate::tables::{BY_ATTRIBUTE, BY_NAME, BY_STATE, CAMPAIGNS};

/// A page looks at no more campaigns than this, those that don't pass the filter included.
const MOST_LOOKED_AT: usize = 10_000;

pub(crate) fn campaigns(txn: &View, query: &CampaignQuery) -> Result<CampaignPage, Fault> {
    let filter = &query.filter;
    let (spec, prefixes) = if let Some(name) = &filter.name {
        (&BY_NAME, vec![key::name_prefix(name)])
    } else if let Some((key, value)) = filter.attributes.first_key_value() {
        (&BY_ATTRIBUTE, vec![key::attribute_prefix(key, value)])
    } else if *filter == CampaignFilter::default() {
        (&CAMPAIGNS, vec![Vec::new()])
    } else {
        (&BY_STATE, prefixes(rows::table(txn, &BY_STATE)?, filter)?)
    };
    let index = rows::table(txn, spec)?;
    let ranges = prefixes
        .into_iter()
        .map(|prefix| IndexRange::new(index, prefix, query))
        .collect::<Result<Vec<_>, _>>()?;
    let mut page = GrowingPage::new(query);
    merge(txn, ranges, &mut page)?;
    Ok(page.page)
}

/// The page as it grows.
struct GrowingPage<'q> {
    query: &'q CampaignQuery,
    limit: usize,
    bytes: usize,
    looked_at: usize,
    /// The campaign that was looked at last.
    latest: Option<CampaignId>,
    page: CampaignPage,
}

impl<'q> GrowingPage<'q> {
    fn new(query: &'q CampaignQuery) -> Self {
        Self {
            query,
            limit: query.limit.clamp(1, 1_000),
            bytes: 0,
            looked_at: 0,
            latest: None,
            page: CampaignPage::default(),
        }
    }

    /// Adds one campaign. Returns whether there is room for more.
    fn add(&mut self, campaigns: &Table, id: CampaignId) -> Result<bool, Fault> {
        let key = key::campaign(id);
        let Some(value) = campaigns.get(key.as_slice())? else {
            return Err(damaged(&CAMPAIGNS, &key, "an index names it, and it is missing").into());
        };
        let size = value.value().len();
        let is_full = self.page.items.len() == self.limit || self.looked_at == MOST_LOOKED_AT;
        if is_full || (self.bytes + size > MAX_PAGE_BYTES && !self.page.items.is_empty()) {
            self.page.next = self.latest;
            return Ok(false);
        }
        let campaign = envelope::read(&CAMPAIGNS, &key, value.value(), stored::campaign::read)?;
        self.latest = Some(id);
        self.looked_at += 1;
        if self.query.filter.matches(&campaign) {
            self.bytes += size;
            self.page.items.push(campaign);
        }
        Ok(true)
    }
}

/// The campaigns of one prefix of an index, in order.
struct IndexRange {
    range: redb::Range<'static, &'static [u8], &'static [u8]>,
    order: Order,
}

impl IndexRange {
    fn new(index: &Table, prefix: Key, query: &CampaignQuery) -> Result<Self, Fault> {
        let all = |id| key::with_campaign(prefix.clone(), CampaignId::from_u128(id));
        let (low, high) = (all(0), all(u128::MAX));
        let after = query.after.map(|id| key::with_campaign(prefix.clone(), id));
        let (start, end) = match (query.order, &after) {
            (_, None) => (Bound::Included(&low), Bound::Included(&high)),
            (Order::OldestFirst, Some(after)) if *after < high => {
                (Bound::Excluded(after), Bound::Included(&high))
            }
            (Order::NewestFirst, Some(after)) if *after > low => {
                (Bound::Included(&low), Bound::Excluded(after))
            }
            // No id follows the largest one.
            (_, Some(_)) => (Bound::Excluded(&high), Bound::Unbounded),
        };
        let none = matches!(end, Bound::Unbounded);
        let bounds = (start.map(Vec::as_slice), end.map(Vec::as_slice));
        let mut range = index.range::<&[u8]>(bounds)?;
        if none {
            range =
                index.range::<&[u8]>((Bound::Included(low.as_slice()), Bound::Excluded(low.as_slice())))?;
        }
        Ok(Self {
            range,
            order: query.order,
        })
    }

    fn next(&mut self) -> Result<Option<CampaignId>, Fault> {
        let entry = match self.order {
            Order::OldestFirst => self.range.next(),
            Order::NewestFirst => self.range.next_back(),
        };
        match entry {
            Some(entry) => Ok(key::last_campaign(entry?.0.value())),
            None => Ok(None),
        }
    }
}

/// Merges ranges, each in order, into the page.
fn merge(txn: &View, mut ranges: Vec<IndexRange>, page: &mut GrowingPage<'_>) -> Result<(), Fault> {
    let campaigns = rows::table(txn, &CAMPAIGNS)?;
    let rank = |order: Order, id: CampaignId| match order {
        Order::OldestFirst => id.as_u128(),
        Order::NewestFirst => !id.as_u128(),
    };
    let mut heads = BinaryHeap::new();
    for (which, range) in ranges.iter_mut().enumerate() {
        if let Some(id) = range.next()? {
            heads.push(Reverse((rank(range.order, id), which, id)));
        }
    }
    while let Some(Reverse((_, which, id))) = heads.pop() {
        if !page.add(campaigns, id)? {
            return Ok(());
        }
        let range = &mut ranges[which];
        if let Some(id) = range.next()? {
            heads.push(Reverse((rank(range.order, id), which, id)));
        }
    }
    Ok(())
}

/// The prefixes of the state index that fit a filter and have campaigns, each found by one seek.
fn prefixes(index: &Table, filter: &CampaignFilter) -> Result<Vec<Key>, Fault> {
    let mut found = Vec::new();
    for &activity in ActivityKind::ALL {
        for &mode in Mode::ALL {
            let fits = filter.activity.is_none_or(|wanted| wanted == activity)
                && filter.mode.is_none_or(|wanted| wanted == mode);
            if !fits {
                continue;
            }
            if let Some(position) = filter.position {
                let position = key::position_in_state(activity, position);
                found.push(key::state_prefix(activity, mode, position));
                continue;
            }
            let mut from = key::state_prefix(activity, mode, 0);
            let head = from[..2].to_vec();
            loop {
                let next = match index.range::<&[u8]>(from.as_slice()..)?.next() {
                    Some(entry) => entry?.0.value().to_vec(),
                    None => break,
                };
                let Some(prefix) = next.get(..6).filter(|prefix| prefix.starts_with(&head)) else {
                    break;
                };
                found.push(prefix.to_vec());
                match key::after_prefix(prefix) {
                    Some(end) => from = end,
                    None => break,
                }
            }
        }
    }
    Ok(found)
}
