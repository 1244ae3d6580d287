//! Verifying the store-wide log and the logs of the campaigns.

use phasegate_core::{CampaignId, EventKind, ResourceRef, Revision, Version};

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
                this.resource_event(key, &commit);
                return Ok(());
            };
            let own = key::campaign_log(of.id, of.last.0);
            let place = this.txn.with(&CAMPAIGN_LOG, &own, |value| {
                Ok(envelope::open_u64(&CAMPAIGN_LOG, &own, value)?)
            });
            // A damaged row or tombstone is reported elsewhere.
            let is_told = match place {
                Ok(Some(place)) => {
                    this.commits += 1;
                    place == commit.last()
                }
                Ok(None) => match lookup::tombstone(this.txn, of.id) {
                    Ok(grave) => grave.is_some_and(|grave| grave.number == commit.last()),
                    Err(Fault::Refused(_)) => true,
                    Err(broken) => return Err(broken),
                },
                Err(Fault::Refused(_)) => {
                    this.commits += 1;
                    true
                }
                Err(broken) => return Err(broken),
            };
            if !is_told {
                this.report
                    .find(&LOG, key, "the campaign's log doesn't have the commit here");
            }
            Ok(())
        })
    }

    /// Notes the event of a resource, which follows the one before of that resource.
    fn resource_event(&mut self, key: &[u8], commit: &Commit) {
        let kinds: Vec<_> = commit.stored.events.iter().map(|event| &event.kind).collect();
        let (kind, id, revision, is_removed) = match kinds.as_slice() {
            [
                EventKind::ResourceStored {
                    kind, id, revision, ..
                },
            ] => (kind, id, *revision, false),
            [EventKind::ResourceRemoved { kind, id, revision }] => (kind, id, *revision, true),
            _ => {
                let problem = "it is of no campaign, and not the event of a resource";
                self.report.find(&LOG, key, problem);
                return;
            }
        };
        let resource = ResourceRef {
            kind: kind.clone(),
            id: id.clone(),
        };
        let told = self.told_of.entry(key::resource(&resource)).or_default();
        let follows = match is_removed {
            true => !told.is_removed && revision == told.revision,
            false => revision == told.revision.next(),
        };
        *told = ToldOfResource { revision, is_removed };
        if !follows {
            let problem = "it does not follow the event before of its resource";
            self.report.find(&LOG, key, problem);
        }
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
                ExpectedLog::There(version) if last.seq <= version => {}
                ExpectedLog::There(_) => {
                    let problem = "the campaign has no event of this number";
                    this.report.find(&CAMPAIGN_LOG, key, problem);
                }
                ExpectedLog::None => {
                    this.report.find(&CAMPAIGN_LOG, key, "there is no such campaign");
                }
            }
            Ok(())
        })
    }

    fn log_of(&self, id: CampaignId) -> Result<ExpectedLog, Fault> {
        let known = lookup::campaign(self.txn, id).map(|campaign| {
            campaign.map_or(ExpectedLog::None, |campaign| ExpectedLog::There(campaign.version))
        });
        match known {
            // Damage is reported elsewhere.
            Err(Fault::Refused(_)) => Ok(ExpectedLog::Unknown),
            known => known,
        }
    }
}

/// What the log of a campaign may hold.
#[derive(Clone, Copy)]
enum ExpectedLog {
    /// All events up to this version.
    There(Version),
    /// Nothing.
    None,
    /// Unknown, since the value that tells it can't be read.
    Unknown,
}

/// What the log tells of a resource.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct ToldOfResource {
    /// Its latest revision.
    pub(super) revision: Revision,
    /// Whether it was removed last.
    pub(super) is_removed: bool,
}
