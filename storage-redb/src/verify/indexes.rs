//! Verifying the indexes of campaigns, and the rows of running attempts.

use phasegate_core::stored::StoredLease;
use phasegate_core::{Campaign, stored};

use super::Verifier;
use crate::envelope;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::rows::Rows;
use crate::tables::{BY_ATTRIBUTE, BY_DUE, BY_NAME, BY_STATE, RUNNING, TableSpec};
use crate::write::index_keys;

impl Verifier<'_> {
    /// Reports the rows that a snapshot should have in the indexes and has not.
    pub(super) fn is_indexed(&mut self, campaign: &Campaign) -> Result<(), Fault> {
        for (spec, row) in index_keys(campaign) {
            *self.indexed.entry(spec.name).or_default() += 1;
            if !self.txn.has(spec, &row)? {
                self.report.find(spec, &row, "the campaign is not in the index");
            }
        }
        Ok(())
    }

    /// Reports a snapshot whose working attempt has no row, or another one.
    pub(super) fn is_running(&mut self, campaign: &Campaign) -> Result<(), Fault> {
        if campaign.working_ticket().is_none() {
            return Ok(());
        }
        *self.indexed.entry(RUNNING.name).or_default() += 1;
        // A damaged row is reported when all are read.
        let lease = match lookup::lease(self.txn, campaign.id) {
            Err(Fault::Refused(_)) => return Ok(()),
            lease => lease?,
        };
        if !lease.is_some_and(|lease| fits(campaign, &lease)) {
            let problem = "the campaign runs another attempt than it says";
            self.report.find(&RUNNING, &key::campaign(campaign.id), problem);
        }
        Ok(())
    }

    pub(super) fn running(&mut self) -> Result<(), Fault> {
        let has_strays = self.has_strays(&RUNNING)?;
        self.each(&RUNNING, |this, key, value| {
            let read = envelope::read(&RUNNING, key, value, stored::lease::read);
            let (Some(lease), Some(id)) = (this.report.note(read)?, key::first_campaign(key)) else {
                return Ok(());
            };
            if !has_strays {
                return Ok(());
            }
            match lookup::campaign(this.txn, id) {
                // A running campaign that this is not the attempt of is reported with its snapshot.
                Ok(Some(campaign)) if campaign.working_ticket().is_some() || fits(&campaign, &lease) => {}
                // A damaged snapshot is reported elsewhere.
                Err(Fault::Refused(_)) => {}
                Err(broken) => return Err(broken),
                Ok(_) => this.report.find(&RUNNING, key, "no campaign runs this attempt"),
            }
            Ok(())
        })
    }

    pub(super) fn indexes(&mut self) -> Result<(), Fault> {
        for spec in [&BY_STATE, &BY_NAME, &BY_ATTRIBUTE, &BY_DUE] {
            let has_strays = self.has_strays(spec)?;
            self.each(spec, |this, key, _| match has_strays {
                true => this.stray(spec, key),
                false => Ok(()),
            })?;
        }
        Ok(())
    }

    /// Whether a table has another number of rows than the snapshots have there. Every row that they should have is looked up, so
    /// only then it can have others.
    fn has_strays(&self, spec: &TableSpec) -> Result<bool, Fault> {
        let expected = self.indexed.get(spec.name).copied().unwrap_or(0);
        Ok(self.len(spec)? != expected)
    }

    fn stray(&mut self, spec: &TableSpec, key: &[u8]) -> Result<(), Fault> {
        let campaign = match key::last_campaign(key) {
            Some(id) => lookup::campaign(self.txn, id),
            None => Ok(None),
        };
        let is_own = |campaign: &Campaign| {
            let rows = index_keys(campaign);
            rows.iter()
                .any(|(other, row)| other.name == spec.name && row == key)
        };
        match campaign {
            Ok(Some(campaign)) if is_own(&campaign) => {}
            // A damaged snapshot is reported elsewhere.
            Err(Fault::Refused(_)) => {}
            Err(broken) => return Err(broken),
            Ok(_) => self.report.find(spec, key, "no campaign is as the index says"),
        }
        Ok(())
    }
}

fn fits(campaign: &Campaign, lease: &StoredLease) -> bool {
    campaign.working_ticket() == Some(lookup::ticket_of(campaign.id, lease))
        && campaign.pipeline == lease.pipeline
}
