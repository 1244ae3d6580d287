//! Verifying the store-wide log and the logs of the campaigns.

use phasegate_core::{CampaignId, EventKind, Version};

use super::Verifier;
use crate::commits::{Commit, LastOfCommit};
use crate::envelope;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::rows::Rows;
use crate::tables::{CAMPAIGN_LOG, LOG};

impl Verifier<'_> {
    pub(super) fn whole_log(&mut self) -> Result<(), Fault> {
        let mut before = 0;
        self.each(&LOG, |this, key, value| {
            let Some(commit) = this.report.note(Commit::read(key, value))? else {
                return Ok(());
            };
            this.report.events += commit.stored.events.len() as u64;
            if commit.first <= before {
                this.report
                    .find(&LOG, key, "its first events have the numbers of others");
            }
            before = commit.last();
            let Some(of) = commit.campaign else {
                if !is_of_resource(&commit) {
                    let problem = "it is of no campaign, and not the event of a resource";
                    this.report.find(&LOG, key, problem);
                }
                return Ok(());
            };
            this.commits += 1;
            let own = key::campaign_log(of.id, of.last.0);
            let place = this.txn.with(&CAMPAIGN_LOG, &own, |value| {
                Ok(envelope::open_u64(&CAMPAIGN_LOG, &own, value)?)
            });
            match this.report.note(place)? {
                Some(place) if place != Some(commit.last()) => {
                    this.report
                        .find(&LOG, key, "the campaign's log doesn't have the commit here");
                }
                _ => {}
            }
            Ok(())
        })
    }

    pub(super) fn campaign_logs(&mut self) -> Result<(), Fault> {
        let same = self.commits == self.len(&CAMPAIGN_LOG)?;
        // The rows of one campaign follow each other, so its log is looked up once.
        let mut current: Option<(CampaignId, ExpectedLog)> = None;
        self.each(&CAMPAIGN_LOG, |this, key, value| {
            let Some(last) = this.report.note(LastOfCommit::read(key, value))? else {
                return Ok(());
            };
            if !same && !this.txn.has(&LOG, &key::log(last.number))? {
                this.report.find(&CAMPAIGN_LOG, key, "the commit is missing");
            }
            let Some(id) = key::first_campaign(key).filter(|id| !this.reclaiming.contains(id)) else {
                return Ok(());
            };
            let of = match current {
                Some((known, of)) if known == id => of,
                _ => this.log_of(id)?,
            };
            current = Some((id, of));
            match of {
                ExpectedLog::Unknown => {}
                ExpectedLog::Deleted(number) if number == last.number => {}
                ExpectedLog::There(version) if last.seq <= version => {}
                ExpectedLog::There(_) => {
                    let problem = "the campaign has no event of this number";
                    this.report.find(&CAMPAIGN_LOG, key, problem);
                }
                ExpectedLog::Deleted(_) | ExpectedLog::None => {
                    this.report.find(&CAMPAIGN_LOG, key, "there is no such campaign");
                }
            }
            Ok(())
        })
    }

    fn log_of(&self, id: CampaignId) -> Result<ExpectedLog, Fault> {
        let known = match lookup::tombstone(self.txn, id) {
            Ok(Some(grave)) => Ok(ExpectedLog::Deleted(grave.number)),
            Ok(None) => lookup::campaign(self.txn, id).map(|campaign| {
                campaign.map_or(ExpectedLog::None, |campaign| ExpectedLog::There(campaign.version))
            }),
            Err(fault) => Err(fault),
        };
        match known {
            // Damage is reported elsewhere.
            Err(Fault::Refused(_)) => Ok(ExpectedLog::Unknown),
            known => known,
        }
    }
}

fn is_of_resource(commit: &Commit) -> bool {
    let [event] = commit.stored.events.as_slice() else {
        return false;
    };
    matches!(
        event.kind,
        EventKind::ResourceStored { .. } | EventKind::ResourceRemoved { .. }
    )
}

/// What the log of a campaign may hold.
#[derive(Clone, Copy)]
enum ExpectedLog {
    /// All events up to this version.
    There(Version),
    /// Only the deletion, at this place of the store-wide log.
    Deleted(u64),
    /// Nothing.
    None,
    /// Unknown, since the value that tells it can't be read.
    Unknown,
}
