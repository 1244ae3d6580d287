//! Lists of campaigns.

use std::collections::BTreeMap;
use std::sync::Arc;

use phasegate_core::limits::MAX_PAGE_BYTES;
use phasegate_core::storage::{CampaignPage, CampaignQuery, Order};
use phasegate_core::{Campaign, CampaignId};

/// One page of campaigns.
pub(super) fn page(campaigns: &BTreeMap<CampaignId, Arc<Campaign>>, query: &CampaignQuery) -> CampaignPage {
    let all: Box<dyn Iterator<Item = &Arc<Campaign>>> = match query.order {
        Order::OldestFirst => Box::new(campaigns.values()),
        Order::NewestFirst => Box::new(campaigns.values().rev()),
    };
    let comes_after = |campaign: &&Arc<Campaign>| match (query.order, query.after) {
        (_, None) => true,
        (Order::OldestFirst, Some(after)) => campaign.id > after,
        (Order::NewestFirst, Some(after)) => campaign.id < after,
    };
    let found = all
        .filter(comes_after)
        .filter(|campaign| query.filter.matches(campaign));
    let (mut page, mut bytes) = (CampaignPage::default(), 0);
    for campaign in found {
        bytes += size(campaign);
        let full = page.items.len() == query.limit.clamp(1, 1_000) || bytes > MAX_PAGE_BYTES;
        if full && let Some(last) = page.items.last() {
            page.next = Some(last.id);
            break;
        }
        page.items.push(Campaign::clone(campaign));
    }
    page
}

/// How large a campaign is, in bytes. There are no stored bytes to count, so its text for developers stands for them.
fn size(campaign: &Campaign) -> usize {
    format!("{campaign:?}").len()
}
