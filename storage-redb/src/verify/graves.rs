//! Verifying what remains of deleted campaigns, and the queues of what is to be reclaimed.

use phasegate_core::{EventKind, stored};

use super::Verifier;
use crate::commits::{self, LastOfCommit};
use crate::envelope;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::rows::Rows;
use crate::tables::{CAMPAIGNS, RECLAIM, RECLAIM_RUNS, TOMBSTONES};

impl Verifier<'_> {
    pub(super) fn graves(&mut self) -> Result<(), Fault> {
        self.each(&RECLAIM, |this, key, _| {
            this.reclaiming.extend(key::first_campaign(key));
            if !this.txn.has(&TOMBSTONES, key)? {
                this.report.find(&RECLAIM, key, "the campaign has no tombstone");
            }
            Ok(())
        })?;
        self.each(&TOMBSTONES, |this, key, value| {
            this.report.deleted += 1;
            let read = envelope::read(&TOMBSTONES, key, value, stored::tombstone::read);
            let (Some(grave), Some(id)) = (this.report.note(read)?, key::first_campaign(key)) else {
                return Ok(());
            };
            if this.txn.has(&CAMPAIGNS, key)? {
                this.report
                    .find(&TOMBSTONES, key, "the campaign is deleted and yet there");
            }
            let deletion = LastOfCommit {
                seq: grave.seq,
                number: grave.number,
            };
            let read = commits::named_commit(this.txn, id, deletion);
            let is_deletion = this.report.note(read)?.is_some_and(|commit| {
                let last = commit.stored.events.last();
                commit.stored.id == grave.id
                    && last.is_some_and(|event| event.kind == EventKind::CampaignDeleted {})
            });
            if !is_deletion {
                this.report
                    .find(&TOMBSTONES, key, "its deletion is not in the log");
            }
            Ok(())
        })
    }

    pub(super) fn pruned_runs(&mut self) -> Result<(), Fault> {
        self.each(&RECLAIM_RUNS, |this, key, _| {
            let known = match key::run_parts(key) {
                Some((id, _, _)) if this.reclaiming.contains(&id) => Ok(true),
                Some((id, phase, run)) => lookup::is_pruned(this.txn, id, &phase, run),
                None => Ok(false),
            };
            // A damaged snapshot is reported elsewhere.
            if this.report.note(known)? == Some(false) {
                this.report.find(
                    &RECLAIM_RUNS,
                    key,
                    "the campaign doesn't say that the run is pruned",
                );
            }
            Ok(())
        })
    }
}
