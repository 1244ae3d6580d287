//! Whether a write was done.

use phasegate_core::storage::WriteRef;
use phasegate_core::{CampaignId, CommitId, Version};

use super::runs::run;
use crate::commits;
use crate::cursor::cursor;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::rows::View;

pub(crate) fn outcome(txn: &View, write: &WriteRef) -> Result<bool, Fault> {
    match write {
        WriteRef::Commit {
            campaign,
            expected_version,
            id,
        } => commit(txn, *campaign, *expected_version, *id),
        WriteRef::Append {
            ticket,
            batch,
            digest,
        } => {
            let run = run(txn, ticket.campaign, &ticket.phase, ticket.run)?;
            Ok(run.is_some_and(|run| run.ends_with(*batch, ticket.attempt, digest)))
        }
        WriteRef::Resource { resource, id } => {
            let stored = lookup::resource(txn, &key::resource(resource))?;
            Ok(stored.is_some_and(|stored| stored.id == *id))
        }
        WriteRef::Key { key, command } => {
            let entry = lookup::idempotency(txn, &key::idempotency(None, key))?;
            Ok(entry.is_some_and(|entry| entry.command == *command))
        }
        WriteRef::Cursor { name, cursor: wanted } => {
            let kept = lookup::cursor(txn, name)?;
            Ok(kept.is_some_and(|kept| cursor(kept) == *wanted))
        }
        WriteRef::Leases {} => Ok(false),
    }
}

fn commit(txn: &View, campaign: CampaignId, expected_version: Version, id: CommitId) -> Result<bool, Fault> {
    if let Some(grave) = lookup::tombstone(txn, campaign)? {
        return Ok(grave.id == id);
    }
    let seq = expected_version.next();
    let Some(last) = commits::commit_of(txn, campaign, seq)? else {
        return Ok(false);
    };
    // Answering no where the commit is missing could deny one that was done.
    let commit = commits::named_commit(txn, campaign, last)?;
    let begins_there = commit.campaign.is_some_and(|of| of.first == seq);
    Ok(begins_there && commit.stored.id == id)
}
