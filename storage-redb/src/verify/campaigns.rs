//! Verifying snapshots, their logs and indexes, and deleted campaigns.

use phasegate_core::{Campaign, CampaignId, Digest, EventKind, Version};
use redb::ReadableTableMetadata;
use serde_json::Value;

use super::Verifier;
use crate::envelope;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::tables::{BY_NAME, BY_STATE, CAMPAIGN_LOG, CAMPAIGNS, CONFIGS, LOG, RECLAIM, TOMBSTONES};
use crate::values::{LogEntry, Tombstone};
use crate::write::index_keys;

impl Verifier<'_> {
    pub(super) fn graves(&mut self) -> Result<(), Fault> {
        self.each(
            &RECLAIM,
            |this| &this.reclaim,
            |this, key, value| {
                this.report.note(envelope::open(&RECLAIM, key, value))?;
                this.reclaiming.extend(key::first_campaign(key));
                if !this.has(|this| &this.tombstones, key)? {
                    this.report.find(&RECLAIM, key, "the campaign has no tombstone");
                }
                Ok(())
            },
        )?;
        self.each(
            &TOMBSTONES,
            |this| &this.tombstones,
            |this, key, value| {
                this.report.deleted += 1;
                let read = envelope::open_json::<Tombstone>(&TOMBSTONES, key, value);
                let Some(grave) = this.report.note(read)? else {
                    return Ok(());
                };
                if this.has(|this| &this.campaigns, key)? {
                    this.report
                        .find(&TOMBSTONES, key, "the campaign is deleted and yet there");
                }
                let read = lookup::log_entry(&this.log, grave.number);
                match this.report.note(read)?.flatten() {
                    Some(entry)
                        if Some(entry.campaign) == key::first_campaign(key)
                            && entry.seq == grave.seq
                            && entry.event.kind == EventKind::CampaignDeleted {} => {}
                    _ => this
                        .report
                        .find(&TOMBSTONES, key, "its deletion is not in the log"),
                }
                Ok(())
            },
        )
    }

    pub(super) fn snapshots(&mut self) -> Result<(), Fault> {
        self.each(
            &CAMPAIGNS,
            |this| &this.campaigns,
            |this, key, value| {
                this.report.campaigns += 1;
                let read = envelope::open_json::<Campaign>(&CAMPAIGNS, key, value);
                let Some(campaign) = this.report.note(read)? else {
                    return Ok(());
                };
                if Some(campaign.id) != key::first_campaign(key) {
                    this.report.find(&CAMPAIGNS, key, "it is another campaign's");
                    return Ok(());
                }
                this.fold(&campaign, key)?;
                let (state, name) = index_keys(&campaign);
                if !this.has(|this| &this.by_state, &state)? {
                    this.report
                        .find(&BY_STATE, &state, "the campaign is not in the index");
                }
                if !this.has(|this| &this.by_name, &name)? {
                    this.report
                        .find(&BY_NAME, &name, "the campaign is not in the index");
                }
                Ok(())
            },
        )
    }

    /// Compares a snapshot with the fold of its log.
    fn fold(&mut self, campaign: &Campaign, key: &[u8]) -> Result<(), Fault> {
        let mut folded: Option<Campaign> = None;
        for seq in 1..=campaign.version.0 {
            let read = self.event(campaign.id, seq);
            let Some(read) = self.report.note(read)? else {
                return Ok(());
            };
            let Some(entry) = read else {
                let key = key::campaign_log(campaign.id, seq);
                self.report.find(&CAMPAIGN_LOG, &key, "the event is missing");
                return Ok(());
            };
            let applied = match &mut folded {
                None => Campaign::created(campaign.id, &entry.event).map(|created| folded = Some(created)),
                Some(folded) => folded.apply(&entry.event),
            };
            if let Err(misfit) = applied {
                self.report.find(&CAMPAIGNS, key, misfit);
                return Ok(());
            }
            if let EventKind::PhaseConfigured {
                phase,
                revision,
                digest,
            } = &entry.event.kind
            {
                self.config_is(&key::config(campaign.id, phase, *revision), digest)?;
            }
        }
        if folded.as_ref() != Some(campaign) {
            self.report
                .find(&CAMPAIGNS, key, "the snapshot is not the fold of its log");
        }
        Ok(())
    }

    /// Reports a config of any revision that differs from the config in its event.
    fn config_is(&mut self, key: &[u8], digest: &Digest) -> Result<(), Fault> {
        let Some(value) = self.configs.get(key)? else {
            self.report.find(
                &CONFIGS,
                key,
                "the campaign's log has this config, and it is missing",
            );
            return Ok(());
        };
        // A damaged config is reported when all configs are read.
        if let Ok(config) = envelope::open_json::<Value>(&CONFIGS, key, value.value())
            && Digest::of(&config) != *digest
        {
            self.report
                .find(&CONFIGS, key, "its digest is not the one in the log");
        }
        Ok(())
    }

    /// An event of a campaign; `None` if the campaign's log doesn't have the number.
    pub(super) fn event(&self, id: CampaignId, seq: u64) -> Result<Option<LogEntry>, Fault> {
        let Some(number) = lookup::place_of(&self.campaign_log, id, seq)? else {
            return Ok(None);
        };
        let log_key = key::log(number);
        let entry = lookup::log_entry(&self.log, number)?
            .ok_or_else(|| envelope::damaged(&LOG, &log_key, "the event is missing"))?;
        if entry.campaign != id || entry.seq != Version(seq) {
            let problem = "it is another event than the campaign's log says";
            return Err(envelope::damaged(&LOG, &log_key, problem).into());
        }
        Ok(Some(entry))
    }

    pub(super) fn indexes(&mut self) -> Result<(), Fault> {
        // Every snapshot has its entries, so an index with more entries than snapshots has stray ones.
        let campaigns = self.campaigns.len()?;
        let strays = [
            self.by_state.len()? != campaigns,
            self.by_name.len()? != campaigns,
        ];
        let [by_state, by_name] = strays;
        self.each(
            &BY_STATE,
            |this| &this.by_state,
            |this, key, value| {
                this.is_empty(&BY_STATE, key, value);
                match by_state {
                    true => this.stray(&BY_STATE, key, |keys| keys.0),
                    false => Ok(()),
                }
            },
        )?;
        self.each(
            &BY_NAME,
            |this| &this.by_name,
            |this, key, value| {
                this.is_empty(&BY_NAME, key, value);
                match by_name {
                    true => this.stray(&BY_NAME, key, |keys| keys.1),
                    false => Ok(()),
                }
            },
        )
    }

    fn stray(
        &mut self,
        spec: &'static crate::tables::TableSpec,
        key: &[u8],
        own: fn((key::Key, key::Key)) -> key::Key,
    ) -> Result<(), Fault> {
        let campaign = match key::last_campaign(key) {
            Some(id) => lookup::campaign(&self.campaigns, id),
            None => Ok(None),
        };
        match campaign {
            Ok(Some(campaign)) if own(index_keys(&campaign)) == key => {}
            // A damaged snapshot is reported elsewhere.
            Err(Fault::Refused(_)) => {}
            Err(broken) => return Err(broken),
            Ok(_) => self.report.find(spec, key, "no campaign is as the index says"),
        }
        Ok(())
    }

    pub(super) fn whole_log(&mut self) -> Result<(), Fault> {
        self.each(
            &LOG,
            |this| &this.log,
            |this, key, value| {
                this.report.events += 1;
                let read = envelope::open_json::<LogEntry>(&LOG, key, value);
                let Some(entry) = this.report.note(read)? else {
                    return Ok(());
                };
                let read = lookup::place_of(&this.campaign_log, entry.campaign, entry.seq.0);
                match this.report.note(read)? {
                    Some(place) if place != key::last_u64(key) => {
                        this.report
                            .find(&LOG, key, "the campaign's log doesn't have the event here");
                    }
                    _ => {}
                }
                Ok(())
            },
        )
    }

    pub(super) fn campaign_logs(&mut self) -> Result<(), Fault> {
        let same = self.log.len()? == self.campaign_log.len()?;
        // The entries of one campaign follow each other, so its log is looked up once.
        let mut current: Option<(CampaignId, ExpectedLog)> = None;
        self.each(
            &CAMPAIGN_LOG,
            |this| &this.campaign_log,
            |this, key, value| {
                let read = envelope::open_u64(&CAMPAIGN_LOG, key, value);
                let Some(number) = this.report.note(read)? else {
                    return Ok(());
                };
                if !same && !this.has(|this| &this.log, &key::log(number))? {
                    this.report.find(&CAMPAIGN_LOG, key, "the event is missing");
                }
                let Some(id) = key::first_campaign(key).filter(|id| !this.reclaiming.contains(id)) else {
                    return Ok(());
                };
                let of = match current {
                    Some((known, of)) if known == id => of,
                    _ => this.log_of(id)?,
                };
                current = Some((id, of));
                let seq = key::last_u64(key).unwrap_or(0);
                match of {
                    ExpectedLog::Unknown => {}
                    ExpectedLog::Deleted(last) if last == number => {}
                    ExpectedLog::There(version) if (1..=version.0).contains(&seq) => {}
                    ExpectedLog::There(_) => {
                        let problem = "the campaign has no event of this number";
                        this.report.find(&CAMPAIGN_LOG, key, problem);
                    }
                    ExpectedLog::Deleted(_) | ExpectedLog::None => {
                        this.report.find(&CAMPAIGN_LOG, key, "there is no such campaign");
                    }
                }
                Ok(())
            },
        )
    }

    fn log_of(&self, id: CampaignId) -> Result<ExpectedLog, Fault> {
        let known = match lookup::tombstone(&self.tombstones, id) {
            Ok(Some(grave)) => Ok(ExpectedLog::Deleted(grave.number)),
            Ok(None) => lookup::campaign(&self.campaigns, id).map(|campaign| {
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
