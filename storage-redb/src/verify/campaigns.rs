//! Verifying snapshots: each is the fold of its log, and has its configs, runs and rows in the indexes.

use phasegate_core::{Attempt, Campaign, Digest, Event, EventKind, Passed, PhaseName, Run, Version, stored};

use super::Verifier;
use crate::commits;
use crate::envelope;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::rows::Rows;
use crate::tables::{CAMPAIGN_LOG, CAMPAIGNS, CONFIGS, RUNS};

impl Verifier<'_> {
    pub(super) fn snapshots(&mut self) -> Result<(), Fault> {
        self.each(&CAMPAIGNS, |this, key, value| {
            this.report.campaigns += 1;
            let read = envelope::read(&CAMPAIGNS, key, value, stored::campaign::read);
            let Some(campaign) = this.report.note(read)? else {
                return Ok(());
            };
            if Some(campaign.id) != key::first_campaign(key) {
                this.report.find(&CAMPAIGNS, key, "it is another campaign's");
                return Ok(());
            }
            this.fold(&campaign, key)?;
            this.has_its_runs(&campaign)?;
            this.is_running(&campaign)?;
            this.is_indexed(&campaign)
        })
    }

    /// Compares a snapshot with the fold of its log.
    fn fold(&mut self, campaign: &Campaign, key: &[u8]) -> Result<(), Fault> {
        let mut folded: Option<Campaign> = None;
        let mut next = Version(1);
        while next <= campaign.version {
            let found = commits::commit_of(self.txn, campaign.id, next);
            let Some(last) = self.report.note(found)?.flatten() else {
                return self.misses(campaign, next);
            };
            let read = commits::named_commit(self.txn, campaign.id, last);
            let Some(commit) = self.report.note(read)? else {
                return Ok(());
            };
            if commit.campaign.is_none_or(|of| of.first != next) {
                return self.misses(campaign, next);
            }
            for event in &commit.stored.events {
                let applied = match &mut folded {
                    None => Campaign::created(campaign.id, event).map(|created| folded = Some(created)),
                    Some(folded) => folded.apply(event),
                };
                if let Err(misfit) = applied {
                    self.report.find(&CAMPAIGNS, key, misfit);
                    return Ok(());
                }
                self.has_what_it_says(campaign, next, event)?;
                next = next.next();
            }
        }
        if folded.as_ref() != Some(campaign) {
            self.report
                .find(&CAMPAIGNS, key, "the snapshot is not the fold of its log");
        }
        Ok(())
    }

    fn misses(&mut self, campaign: &Campaign, seq: Version) -> Result<(), Fault> {
        let key = key::campaign_log(campaign.id, seq.0);
        self.report.find(&CAMPAIGN_LOG, &key, "the event is missing");
        Ok(())
    }

    /// Compares an event with what it brought: a config of any revision, or a run.
    fn has_what_it_says(&mut self, campaign: &Campaign, seq: Version, event: &Event) -> Result<(), Fault> {
        if let EventKind::PhaseConfigured {
            phase,
            revision,
            digest,
        } = &event.kind
        {
            self.config_is(&key::config(campaign.id, phase, *revision), digest)?;
        }
        match event.kind.launch() {
            Some(launch) if launch.attempt == Attempt(1) => {
                self.run_began(campaign, &launch.phase, launch.run, seq)
            }
            _ => Ok(()),
        }
    }

    /// Reports a config of any revision that differs from the config in its event.
    fn config_is(&mut self, key: &[u8], digest: &Digest) -> Result<(), Fault> {
        // A damaged config is reported when all configs are read.
        let same = self.txn.with(&CONFIGS, key, |value| {
            let text = envelope::read(&CONFIGS, key, value, |payload| {
                stored::config::read_text(payload).map(Digest::of_text)
            });
            Ok(text.map_or(true, |found| found == *digest))
        })?;
        let problem = match same {
            None => "the campaign's log has this config, and it is missing",
            Some(false) => "its digest is not the one in the log",
            Some(true) => return Ok(()),
        };
        self.report.find(&CONFIGS, key, problem);
        Ok(())
    }

    /// Reports a run that says that another event launched it.
    fn run_began(
        &mut self,
        campaign: &Campaign,
        phase: &PhaseName,
        run: Run,
        seq: Version,
    ) -> Result<(), Fault> {
        let key = key::run(campaign.id, phase, run);
        match lookup::run(self.txn, &key) {
            Ok(Some(found)) if found.launched != seq => {
                let problem = format!("event {seq} launched it, and it says {}", found.launched);
                self.report.find(&RUNS, &key, problem);
            }
            Ok(_) | Err(Fault::Refused(_)) => {}
            Err(broken) => return Err(broken),
        }
        Ok(())
    }

    /// Reports runs that a snapshot knows of and that are missing, or have other records than they completed with.
    fn has_its_runs(&mut self, campaign: &Campaign) -> Result<(), Fault> {
        for (index, slot) in campaign.phases.iter().enumerate() {
            for run in slot.pruned.next().0..=slot.latest_run.0 {
                let key = key::run(campaign.id, &slot.phase, Run(run));
                // A damaged run is reported when all runs are read.
                let found = match lookup::run(self.txn, &key) {
                    Err(Fault::Refused(_)) => continue,
                    found => found?,
                };
                let Some(found) = found else {
                    let read: Result<(), _> = Err(lookup::missing_run(&key));
                    self.report.note(read)?;
                    continue;
                };
                if let Some(Passed::Completed(completion)) = campaign.passed.get(index)
                    && completion.run == Run(run)
                    && completion.records != found.output.records
                {
                    let problem = format!(
                        "it completed with {} records, and has {}",
                        completion.records, found.output.records
                    );
                    self.report.find(&RUNS, &key, problem);
                }
            }
        }
        Ok(())
    }
}
