//! Reads of at most one page each. A deleted campaign shows only its deletion, and a pruned run nothing.

mod campaigns;
mod events;
mod outcome;
mod records;
mod resources;
mod runs;

use phasegate_core::storage::{IdempotencyEntry, IdempotencyKey};
use phasegate_core::{Campaign, CampaignId, PhaseName, Revision, Timestamp, stored};
use serde_json::Value;

use crate::envelope::{self, damaged};
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::rows::{Rows, View};
use crate::tables::{CAMPAIGNS, CONFIGS};

pub(crate) use campaigns::campaigns;
pub(crate) use events::{event, events, latest_of, place_in};
pub(crate) use outcome::outcome;
pub(crate) use records::records;
pub(crate) use resources::{resource, resources};
pub(crate) use runs::{run_output, runs};

pub(crate) fn idempotency(
    txn: &View,
    campaign: Option<CampaignId>,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<IdempotencyEntry>, Fault> {
    if let Some(id) = campaign
        && let Some(grave) = lookup::tombstone(txn, id)?
        && grave.key.as_ref() != Some(key)
    {
        return Ok(None);
    }
    let entry = lookup::idempotency(txn, &key::idempotency(campaign, key))?;
    Ok(entry.filter(|entry| entry.expires_at > now))
}

pub(crate) fn config(
    txn: &View,
    id: CampaignId,
    phase: &PhaseName,
    revision: Revision,
    known: Option<&Campaign>,
) -> Result<Option<Value>, Fault> {
    if known.is_none() && !txn.has(&CAMPAIGNS, &key::campaign(id))? {
        return Ok(None);
    }
    let key = key::config(id, phase, revision);
    let config = txn.with(&CONFIGS, &key, |value| {
        Ok(envelope::read(&CONFIGS, &key, value, stored::config::read)?)
    })?;
    if config.is_some() {
        return Ok(config);
    }
    let Some(campaign) = lookup::known_or_read(txn, id, known)? else {
        return Ok(None);
    };
    let slot = campaign.phases.iter().find(|slot| slot.phase == *phase);
    let is_pinned = slot
        .and_then(|slot| slot.config.as_ref())
        .is_some_and(|pin| pin.revision == revision);
    match is_pinned {
        true => Err(damaged(&CONFIGS, &key, "the campaign has this config, and it is missing").into()),
        false => Ok(None),
    }
}
